//! What the tests share: small indexes, names to fill them with, and chance without chance.

use std::sync::Arc;

use uds_geometry::{
    Configuration, CustomConfiguration, LayoutSizes, RecordData, RecordName, ZoneCount,
};
use uds_index::{Batch, CreateOptions, ErrorKind, Index, OpenMode, OpenOptions};
use uds_volume::MemoryStorage;
pub(crate) use uds_volume::sim::Random;

/// Bytes of a block of the layout.
pub(crate) const BLOCK: u64 = 4096;

/// How many times the usual number of cases a test of many cases runs: `UDS_TEST_SCALE`, or 1.
pub(crate) fn scale() -> u32 {
    std::env::var("UDS_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// A dense index with pages of 4 KiB: 128 records a page, and no more than a few megabytes.
pub(crate) fn small(record_pages: u32, chapters: u32) -> Configuration {
    let custom = CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: record_pages,
        chapters_per_volume: chapters,
        ..CustomConfiguration::default()
    };
    Configuration::custom(&custom).unwrap()
}

/// A sparse one of so many such pages a chapter, chapters, sparse ones among them, of which it
/// samples one name in `sample_rate`.
pub(crate) fn small_sparse(
    record_pages: u32,
    chapters: u32,
    sparse_chapters: u32,
    sample_rate: u32,
) -> Configuration {
    let custom = CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: record_pages,
        chapters_per_volume: chapters,
        sparse_chapters_per_volume: sparse_chapters,
        sample_rate,
        ..CustomConfiguration::default()
    };
    Configuration::custom(&custom).unwrap()
}

/// Bytes of an index of this configuration.
pub(crate) fn bytes_of(configuration: &Configuration) -> u64 {
    LayoutSizes::new(&configuration.geometry()).unwrap().total_bytes()
}

/// Storage in memory for an index of this configuration, `offset_blocks` from its start.
pub(crate) fn memory(configuration: &Configuration, offset_blocks: u64) -> Arc<MemoryStorage> {
    Arc::new(MemoryStorage::new(bytes_of(configuration) + BLOCK * offset_blocks))
}

/// A number of zones from 1 to 16.
pub(crate) fn zones(count: u8) -> ZoneCount {
    ZoneCount::new(count).unwrap()
}

/// Options to create an index in so many zones, otherwise as usual.
pub(crate) fn create_in(count: u8) -> CreateOptions {
    CreateOptions { zones: zones(count), ..CreateOptions::default() }
}

/// Options to open an index as it was saved, and not otherwise.
pub(crate) fn clean_only() -> OpenOptions {
    OpenOptions { mode: OpenMode::NoRebuild, ..OpenOptions::default() }
}

/// The same, in so many zones.
pub(crate) fn open_in(count: u8) -> OpenOptions {
    OpenOptions { zones: zones(count), ..clean_only() }
}

/// Options to open an index in so many zones, and to recover it if it was not closed cleanly.
pub(crate) fn recover_in(count: u8) -> OpenOptions {
    OpenOptions { zones: zones(count), ..OpenOptions::default() }
}

/// The name of counter `counter`, as the golden cases have it.
pub(crate) fn name(counter: u64) -> RecordName {
    RecordName::of_block(&counter.to_le_bytes())
}

/// The data of counter `counter` in version `version`, as the golden cases have it.
pub(crate) fn data(counter: u64, version: u64) -> RecordData {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&counter.to_le_bytes());
    bytes[8..].copy_from_slice(&version.to_le_bytes());
    RecordData::new(bytes)
}

/// Posts the names of some counters, in one batch, with their data in version 0.
pub(crate) fn post(index: &Index, counters: std::ops::Range<u64>) {
    let mut batch = Batch::new();
    for counter in counters {
        batch.post(name(counter), data(counter, 0));
    }
    index.run(&mut batch).unwrap();
}

/// Posts the names of some counters, one after the other: in whatever number of zones, the same
/// records are forgotten each time.
pub(crate) fn post_singly(index: &Index, counters: std::ops::Range<u64>) {
    for counter in counters {
        index.post(name(counter), data(counter, 0)).unwrap();
    }
}

/// Which of some counters are in the index. Whatever is found must have its data in version 0.
pub(crate) fn found(index: &Index, counters: std::ops::Range<u64>) -> Vec<u64> {
    let mut batch = Batch::new();
    for counter in counters.clone() {
        batch.query_no_update(name(counter));
    }
    index.run(&mut batch).unwrap();
    let mut found = Vec::new();
    for (counter, answer) in counters.zip(batch.answers()) {
        if let Some(stored) = answer.unwrap().as_ref().unwrap().data() {
            assert_eq!(stored, data(counter, 0), "counter {counter}");
            found.push(counter);
        }
    }
    found
}

/// Checks that the index has exactly those of the first `all` counters that are in `expected`.
pub(crate) fn assert_holds(index: &Index, expected: std::ops::Range<u64>, all: u64) {
    let found = found(index, 0..all);
    if !found.iter().copied().eq(expected.clone()) {
        let missing = expected.clone().find(|counter| !found.contains(counter));
        let surplus = found.iter().find(|counter| !expected.contains(counter));
        panic!("{expected:?} should be there: {missing:?} is missing, {surplus:?} too many");
    }
}

/// An error and all its causes, in one line.
pub(crate) fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Whether an index could not be opened because it has to be rebuilt, or is none.
pub(crate) fn is_known_to_be_unusable(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotSavedCleanly | ErrorKind::NotAnIndex)
}
