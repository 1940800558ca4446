//! A deduplication index: a map from 16-byte names to 16-byte data for hundreds of millions of
//! records, in less than four bytes of memory each, that forgets its oldest records when it is
//! full.
//!
//! It is the index under Linux's dm-vdo (UDS), as a library. What it stores has the format of the
//! kernel's, byte for byte. See [`Index`] for a complete example.
//!
//! - [`Index`]: create, open, post, query, save, close.
//! - [`copy_records`]: the records of an index in one of another size or kind.
//! - [`Batch`]: many requests at once, which is how to be fast.
//! - [`Index::statistics`] and [`Index::census`]: what an open index has done, and what it holds.
//! - [`IndexInfo`]: what an index says of itself, without opening it; [`Inspector`]: what is in it;
//!   [`verify`]: whether all of it is as it was written; [`find_index`]: where it begins.
//! - [`uds_volume::Storage`]: where an index lives; [`uds_geometry::Configuration`]: how large
//!   it is.
//!
//! What the index promises after a crash is in the workspace's `docs/fault-model.md`; how
//! it works, in `docs/architecture.md`.
//!
//! ```
//! use std::sync::Arc;
//! use uds_geometry::{Configuration, LayoutSizes, RecordData, RecordName};
//! use uds_index::{Batch, CreateOptions, Index};
//! use uds_volume::MemoryStorage;
//!
//! let configuration = Configuration::tiny(false);
//! let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
//! let storage = Arc::new(MemoryStorage::new(bytes));
//! let index = Index::create(storage, &configuration, &CreateOptions::default())?;
//!
//! let blocks = [b"one", b"two", b"one"];
//! let mut batch = Batch::new();
//! for (place, block) in blocks.iter().enumerate() {
//!     batch.post(RecordName::of_block(*block), RecordData::new([place as u8; 16]));
//! }
//! index.run(&mut batch)?;
//! let duplicates = batch.answers().flatten().flatten().filter(|answer| answer.is_found());
//! assert_eq!(duplicates.count(), 1);
//! # Ok::<(), uds_index::IndexError>(())
//! ```
#![forbid(unsafe_code)]

mod callbacks;
mod census;
mod chapters;
mod control;
mod copying;
mod distribution;
mod engine;
mod error;
mod explanation;
mod flight;
mod gate;
mod index;
mod info;
mod inspection;
mod layout;
mod nonce;
mod open_chapter;
mod options;
mod parallel;
mod port;
mod recovery;
mod request;
mod search;
mod session;
mod statistics;
mod switch;
mod sync;
mod verification;
mod volume_index;

// The README's example is compiled with the doctests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

pub use census::{Census, SubIndexCensus, SurveyControl, SurveyProgress, ZoneOccupancy};
pub use copying::{CopyError, CopyProgress, CopyReport, copy_records};
pub use distribution::Distribution;
pub use error::{ErrorKind, IndexError, UncleanReason};
pub use explanation::{
    Absence, CacheSearch, CachedChapter, ChapterSearch, ChapterState, EntryMatch, EntrySearch,
    Explanation, ListEntry, MemorySearch, NameParts, Outcome, Probe,
};
pub use flight::Ticket;
pub use index::Index;
pub use info::{IndexInfo, SaveState, SavedState};
pub use inspection::{
    ChapterContents, ChapterRecord, ChapterSurvey, Copies, IndexPage, IndexPageList, Inspector,
    MappedPage, MappedPages, NameCopy, Naming, OpenChapterHeader, OpenChapterRecords, PageEntries,
    PageEntry, PageSurvey, RegionKind, SaveRegion, SaveSlot, SaveSlotState, SavedHeader,
    SavedPageMap, SlotPage, SlotState, SlotSummary, Slots, Staleness, Standing, StreamHead,
    StreamHeads, SubIndex, Survey, Window, WindowSource,
};
pub use options::{CreateOptions, OpenMode, OpenOptions, SuspendMode};
pub use recovery::{RecoveryControl, RecoveryPhase, RecoveryProgress, RecoveryReport};
pub use request::{Answer, Batch, Location, Operation, Request};
pub use search::find_index;
pub use statistics::Statistics;
pub use verification::{
    Cause, Checked, DeepChecked, Finding, Region, Severity, Verification, VerifiedState,
    VerifyControl, VerifyOptions, VerifyPhase, VerifyProgress, verify,
};
