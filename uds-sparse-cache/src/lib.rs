//! The cache of sparse chapter indexes of a UDS deduplication index.
//!
//! A sparse index remembers ten times as many records as a dense one in the same memory: of its
//! older chapters the volume index knows one name in thirty-two, a *sample*. When a request hits a
//! sample, the whole chapter index is brought into this cache, where the names that follow in the
//! same stream of data are then found (specification, section 11.8).
//!
//! The cache has a few entries, each the index of one chapter, and is used by the zones of an
//! index, each through its own [`ZoneCache`]: a *search list* of the entries in the order in
//! which the zone had use of them. Searching takes no lock, and costs no atomic operation that
//! another thread waits for.
//!
//! # Changing the cache
//!
//! All zones change the cache together, so that between changes all of them give the same answer
//! to [`contains`](ZoneCache::contains). For that they meet at two barriers. Zone 0 is the
//! *captain*:
//!
//! | step | captain | other zones |
//! |---|---|---|
//! | first barrier | arrives, and waits for all | arrive: they let go of the entries |
//! | between the two | has a [`Change`], the right to change entries | have no entries |
//! | second barrier | ends its change: its list is published | take the captain's list, and go on |
//!
//! That nobody reads an entry while it changes is not a matter of discipline: entries are shared
//! and immutable, and become the captain's own, to change, when nobody else has them.
//!
//! A zone that waits can do other things: [`arrive`](ZoneCache::arrive) and
//! [`try_leave`](ZoneCache::try_leave) do not block. [`update`](ZoneCache::update) is for
//! zones that have nothing else to do.
//!
//! ```
//! use uds_delta_index::chapter_index::ChapterIndexBuilder;
//! use uds_delta_index::{DeltaError, IndexPageHeader};
//! use uds_geometry::{
//!     Configuration, Geometry, Nonce, RecordName, RecordPageNumber, VirtualChapter, ZoneCount,
//! };
//! use uds_sparse_cache::{ChapterIndexSource, Chapters, ZoneCache};
//!
//! /// Chapters that have one name each.
//! struct OneName(Geometry, RecordName);
//!
//! impl ChapterIndexSource for OneName {
//!     type Error = DeltaError;
//!
//!     fn read_chapter_index(
//!         &self,
//!         chapter: VirtualChapter,
//!         pages: &mut Vec<u8>,
//!     ) -> Result<Option<Vec<IndexPageHeader>>, DeltaError> {
//!         let mut builder = ChapterIndexBuilder::new(&self.0)?;
//!         builder.build([(self.1, RecordPageNumber::new(3))].into_iter())?;
//!         let bytes = self.0.bytes_per_page() as usize;
//!         pages.resize(bytes * self.0.index_pages_per_chapter() as usize, 0);
//!         let mut next_list = 0;
//!         let mut headers = Vec::new();
//!         for page in pages.chunks_exact_mut(bytes) {
//!             let is_last = headers.len() as u32 + 1 == self.0.index_pages_per_chapter();
//!             let packed = builder.pack_page(Nonce::new(1), chapter, next_list, is_last, page)?;
//!             next_list += packed.lists;
//!             headers.push(IndexPageHeader::parse(page, Nonce::new(1))?);
//!         }
//!         Ok(Some(headers))
//!     }
//! }
//!
//! let geometry = Configuration::tiny(true).geometry();
//! let name = RecordName::of_block(b"a block");
//! let source = OneName(geometry.clone(), name);
//! // With one zone nobody has to be waited for.
//! let mut cache = ZoneCache::for_zones(&geometry, ZoneCount::ONE)?.remove(0);
//! let (chapter, oldest) = (VirtualChapter::new(7), VirtualChapter::new(5));
//!
//! assert!(cache.search(&name, Chapters::All, oldest)?.is_none());
//! assert!(cache.update(chapter, oldest, &source)?);
//! let hit = cache.search(&name, Chapters::All, oldest)?.expect("the chapter has the name");
//! assert_eq!((hit.chapter, hit.record_page), (chapter, RecordPageNumber::new(3)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod barrier;
mod entry;
mod error;
mod meeting;
mod source;
mod sync;
#[cfg(test)]
#[cfg(not(uds_loom))]
mod tests;
mod zone_cache;

pub use barrier::{Arrival, Barrier};
pub use error::CacheError;
pub use meeting::Change;
pub use source::ChapterIndexSource;
pub use zone_cache::{Chapters, Hit, ZoneCache};
