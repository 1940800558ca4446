//! Images that the library makes.

use std::ops::Range;
use std::sync::Arc;

use uds_geometry::{
    Configuration, CustomConfiguration, LayoutSizes, Nonce, RecordData, RecordName, ZoneCount,
};
use uds_index::{Batch, CreateOptions, Index, OpenOptions};
use uds_volume::MemoryStorage;

use super::super::{Shape, Subject};

const NONCE: u64 = 0x1234;

/// What is done with an index.
pub(super) enum Step {
    /// Open it in so many zones; the first time, make it.
    Open(u8),
    /// Post the records with these numbers.
    Post(Range<u64>),
    /// Delete them.
    Delete(Range<u64>),
    Close,
    /// Leave it unsaved, with all that was closed written.
    Crash,
}

fn custom(chapters: u32, sparse_chapters: u32) -> Configuration {
    Configuration::custom(&CustomConfiguration {
        bytes_per_page: 4096,
        // Not a power of two, so that there are numbers of pages that no page has.
        record_pages_per_chapter: 20,
        chapters_per_volume: chapters,
        sparse_chapters_per_volume: sparse_chapters,
        sample_rate: if sparse_chapters > 0 { 32 } else { 0 },
        ..CustomConfiguration::default()
    })
    .unwrap()
}

/// 2560 records a chapter, in two index pages.
pub(super) fn dense() -> Configuration {
    custom(6, 0)
}

pub(super) fn sparse() -> Configuration {
    custom(10, 7)
}

pub(super) fn reduced() -> Configuration {
    custom(5, 0)
}

pub(super) fn reduced_sparse() -> Configuration {
    custom(9, 6)
}

/// The name of a record. Each 500th has the place of the one before in all indexes, so that only
/// whole names tell them apart. With many more, the index of a chapter would have no room for all.
fn name(number: u64) -> RecordName {
    let source = if number % 500 == 499 { number - 1 } else { number };
    let mut bytes = *RecordName::of_block(&source.to_le_bytes()).as_bytes();
    // Samples stay samples: what tells two names apart must not move them.
    bytes[14] ^= u8::from(number % 500 == 499);
    RecordName::new(bytes)
}

/// Runs the steps on a new index.
pub(super) fn made(
    configuration: &Configuration,
    offset: u64,
    steps: &[Step],
) -> (Subject, Vec<u8>) {
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    let storage = Arc::new(MemoryStorage::new(sizes.total_bytes() + 4096 * offset));
    let mut is_new = true;
    let mut open: Option<Index> = None;
    for step in steps {
        match step {
            Step::Open(zones) => {
                let zones = ZoneCount::new(*zones).unwrap();
                open = Some(if is_new {
                    let nonce = Nonce::new(NONCE);
                    let options = CreateOptions {
                        nonce,
                        offset_blocks: offset,
                        zones,
                        ..CreateOptions::default()
                    };
                    Index::create(storage.clone(), configuration, &options).unwrap()
                } else {
                    let options =
                        OpenOptions { offset_blocks: offset, zones, ..OpenOptions::default() };
                    Index::open(storage.clone(), &options).unwrap()
                });
                is_new = false;
            }
            Step::Post(numbers) => requests(open.as_ref().unwrap(), numbers, |batch, name| {
                batch.post(name, RecordData::new([7; 16]));
            }),
            Step::Delete(numbers) => requests(open.as_ref().unwrap(), numbers, |batch, name| {
                batch.delete(name);
            }),
            Step::Close => open.take().unwrap().close().unwrap(),
            Step::Crash => open.take().unwrap().flush().unwrap(),
        }
    }
    let clean = matches!(steps.last(), Some(Step::Close));
    let shape = Shape::of(configuration);
    (Subject { shape, offset, nonce: NONCE, clean, ours: true }, storage.to_vec())
}

fn requests(index: &Index, numbers: &Range<u64>, push: impl Fn(&mut Batch, RecordName)) {
    for first in numbers.clone().step_by(100) {
        let mut batch = Batch::new();
        for number in first..(first + 100).min(numbers.end) {
            push(&mut batch, name(number));
        }
        index.run(&mut batch).unwrap();
    }
}

/// An index of three closed chapters and some records more, a few of them deleted, in so many
/// zones.
pub(super) fn closed(configuration: &Configuration, offset: u64, zones: u8) -> (Subject, Vec<u8>) {
    let steps = [Step::Open(zones), Step::Post(0..8600), Step::Delete(2000..2040), Step::Close];
    made(configuration, offset, &steps)
}

/// Two saves of the same open chapter.
pub(super) fn two_saves() -> (Subject, Vec<u8>) {
    let first = [Step::Open(1), Step::Post(0..3000), Step::Close];
    let steps = first.into_iter().chain([Step::Open(1), Step::Post(3000..3100), Step::Close]);
    made(&dense(), 0, &steps.collect::<Vec<_>>())
}

/// A save that the first chapter after it has discarded.
pub(super) fn crashed_after_save() -> (Subject, Vec<u8>) {
    let first = [Step::Open(1), Step::Post(0..3000), Step::Close];
    let steps = first.into_iter().chain([Step::Open(1), Step::Post(3000..9000), Step::Crash]);
    made(&dense(), 0, &steps.collect::<Vec<_>>())
}

/// An index that was not closed, recovered in other zones and closed.
pub(super) fn recovered(configuration: &Configuration) -> (Subject, Vec<u8>) {
    let first = [Step::Open(1), Step::Post(0..31_000), Step::Crash];
    let steps = first.into_iter().chain([Step::Open(3), Step::Post(31_000..32_000), Step::Close]);
    made(configuration, 0, &steps.collect::<Vec<_>>())
}

pub(super) fn three_sessions() -> (Subject, Vec<u8>) {
    let sessions = [(1, 0..7000), (4, 7000..9100), (2, 9100..20_000)];
    let steps = sessions
        .into_iter()
        .flat_map(|(zones, numbers)| [Step::Open(zones), Step::Post(numbers), Step::Close]);
    made(&dense(), 2, &steps.collect::<Vec<_>>())
}
