//! The chapter writer: a thread that packs and writes closed chapters while the zones go on
//! (specification, section 11.7).
//!
//! # Invariants
//!
//! 1. One chapter at a time is written, and only when every zone has closed its part.
//! 2. The saved open chapter is discarded, durably, before the first page of a chapter is written;
//!    if that fails, no page is.
//! 3. After the first failure nothing is written any more. A panic counts as one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use uds_geometry::VirtualChapter;
use uds_volume::{ChapterScratch, Volume};

use super::Engine;
use crate::IndexError;
use crate::open_chapter::{Buffers, OpenChapter, collate};
use crate::sync::Arc;

/// Starts the writer's thread. It ends when [`Chapters::stop`](crate::chapters::Chapters::stop)
/// says so.
pub(super) fn start(engine: &Arc<Engine>) -> Result<JoinHandle<()>, IndexError> {
    let scratch = ChapterScratch::new(&engine.geometry)?;
    let engine = Arc::clone(engine);
    std::thread::Builder::new()
        .name("uds-writer".into())
        .spawn(move || engine.write_chapters(scratch))
        .map_err(|source| IndexError::Thread { thread: "chapter writer", source })
}

impl Engine {
    fn write_chapters(&self, mut scratch: ChapterScratch) {
        let mut buffers = Buffers::default();
        while let Some(to_write) = self.chapters.take() {
            let write = || {
                to_write.write(|chapter, parts, discard| {
                    if let Some(place) = discard {
                        place.discard()?;
                    }
                    write(&self.volume, chapter, &parts, &mut buffers, &mut scratch)
                });
            };
            if catch_unwind(AssertUnwindSafe(write)).is_err() {
                tracing::error!("the chapter writer panicked");
            }
            self.resume_zones();
        }
    }
}

/// Writes a chapter, and returns how many of its records no chapter index names.
fn write(
    volume: &Volume,
    chapter: VirtualChapter,
    parts: &[Arc<OpenChapter>],
    buffers: &mut Buffers,
    scratch: &mut ChapterScratch,
) -> Result<u64, IndexError> {
    let zones: Vec<&OpenChapter> = parts.iter().map(AsRef::as_ref).collect();
    let records = volume.geometry().records_per_chapter() as usize;
    let collation = collate(&zones, records, buffers).ok_or(IndexError::NothingToClose)?;
    let report = volume.write_chapter(chapter, collation.records, collation.unindexed, scratch)?;
    Ok(report.overflowed + report.evicted)
}
