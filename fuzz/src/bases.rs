//! Good small indexes, made once a process: what the targets damage.
//!
//! They are the same each time: their nonce info and their clock are fixed, and what fills them is
//! posted one by one, so that an input means the same in every process.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use uds_geometry::{
    BLOCK_BYTES, Configuration, CustomConfiguration, LayoutSizes, RecordData, RecordName, ZoneCount,
};
use uds_index::{CreateOptions, Index};
use uds_volume::sim::SimDisk;

/// Bytes of a block of the layout.
pub(crate) const BLOCK: usize = BLOCK_BYTES as usize;

/// How many bases there are.
pub(crate) const BASES: usize = SHAPES.len();

/// How a base ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    /// Never saved.
    Dropped,
    /// Saved, then filled by two more chapters, and dropped.
    DroppedAfterSave,
}

/// What a base is made of: record pages of a chapter, chapters, sparse ones among them, zones, and
/// records in chapters.
struct Shape(u32, u32, u32, u8, u32, End);

const SHAPES: [Shape; 8] = [
    Shape(1, 4, 0, 1, 6, End::Closed),
    Shape(2, 5, 0, 3, 3, End::Closed),
    Shape(1, 6, 0, 1, 9, End::Dropped),
    Shape(1, 10, 5, 1, 13, End::Closed),
    Shape(1, 10, 5, 3, 13, End::Dropped),
    Shape(16, 3, 0, 1, 2, End::Closed),
    Shape(1, 5, 0, 2, 6, End::DroppedAfterSave),
    Shape(1, 4, 0, 1, 0, End::Closed),
];

/// A good index, and what was ever stored in it.
pub(crate) struct Base {
    pub(crate) image: Vec<u8>,
    pub(crate) configuration: Configuration,
    pub(crate) sizes: LayoutSizes,
    /// Zones of its save, if it has one.
    pub(crate) zones: u8,
    /// Counters whose names were posted: all below this.
    pub(crate) records: u64,
    pub(crate) history: History,
}

/// All data that was ever stored for each name.
pub(crate) type History = HashMap<RecordName, Vec<RecordData>>;

/// A dense configuration with pages of 4 KiB.
pub(crate) fn dense(record_pages: u32, chapters: u32) -> Configuration {
    configuration(record_pages, chapters, 0)
}

fn configuration(record_pages: u32, chapters: u32, sparse_chapters: u32) -> Configuration {
    Configuration::custom(&CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: record_pages,
        chapters_per_volume: chapters,
        sparse_chapters_per_volume: sparse_chapters,
        sample_rate: if sparse_chapters == 0 { 0 } else { 2 },
        ..CustomConfiguration::default()
    })
    .expect("the shapes are possible")
}

/// The name of a counter.
pub(crate) fn name(counter: u64) -> RecordName {
    RecordName::of_block(&counter.to_le_bytes())
}

/// The data of a counter in a version.
pub(crate) fn data(counter: u64, version: u64) -> RecordData {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&counter.to_le_bytes());
    bytes[8..].copy_from_slice(&version.to_le_bytes());
    RecordData::new(bytes)
}

/// The base that a byte stands for.
pub(crate) fn base(byte: u8) -> &'static Base {
    static BASES_MADE: [OnceLock<Base>; BASES] = [const { OnceLock::new() }; BASES];
    let number = usize::from(byte) % BASES;
    BASES_MADE[number].get_or_init(|| Base::make(&SHAPES[number]))
}

impl Base {
    fn make(shape: &Shape) -> Self {
        let &Shape(record_pages, chapters, sparse, zones, filled, end) = shape;
        let configuration = configuration(record_pages, chapters, sparse);
        let geometry = configuration.geometry();
        let sizes = LayoutSizes::new(&geometry).expect("the shapes are possible");
        let disk = Arc::new(SimDisk::new(sizes.total_bytes(), 1));
        disk.set_now(Duration::from_secs(1_700_000_000));
        let options = CreateOptions {
            nonce_info: Some(*b"fuzzed index, always of one form"),
            zones: ZoneCount::new(zones).expect("from 1 to 16"),
            read_threads: 0,
            ..CreateOptions::default()
        };
        let index = Index::create(disk.clone(), &configuration, &options).expect("there is room");
        let chapter = u64::from(geometry.records_per_chapter());
        // The open chapter is not empty.
        let records = chapter * u64::from(filled) + chapter / 3 + 1;
        let mut history = History::new();
        let mut post = |counters: Range<u64>| {
            for counter in counters {
                let mut put = |counter: u64, version: u64| {
                    let (name, data) = (name(counter), data(counter, version));
                    index.update(name, data).expect("nothing is damaged yet");
                    history.entry(name).or_default().push(data);
                };
                put(counter, 0);
                if counter % 5 == 4 {
                    put(counter - counter % 3, 1);
                }
            }
        };
        match end {
            End::DroppedAfterSave => {
                post(0..records - 2 * chapter);
                index.save().expect("nothing fails");
                post(records - 2 * chapter..records);
            }
            End::Closed | End::Dropped => post(0..records),
        }
        index.flush().expect("nothing fails");
        if end == End::Closed {
            index.close().expect("nothing fails");
        } else {
            drop(index);
        }
        Self { image: disk.to_vec(), configuration, sizes, zones, records, history }
    }

    /// The parts of the image, as ranges of bytes: super block, config block, index pages and
    /// record pages of the first chapters, and of each save slot the header, the page map, the
    /// volume index of each zone, and the open chapter.
    pub(crate) fn regions(&self) -> Vec<Range<usize>> {
        let geometry = self.configuration.geometry();
        let blocks =
            |start: u64, count: u64| start as usize * BLOCK..(start + count) as usize * BLOCK;
        let mut regions = vec![blocks(0, 1), blocks(1, 1)];
        let (index_pages, record_pages) = (
            u64::from(geometry.index_pages_per_chapter()),
            u64::from(geometry.record_pages_per_chapter()),
        );
        for slot in 0..u64::from(geometry.chapters_per_volume()).min(4) {
            let start = 3 + slot * (index_pages + record_pages);
            regions.push(blocks(start, index_pages));
            regions.push(blocks(start + index_pages, record_pages));
        }
        for slot in 0..2 {
            let start = self.slot_block(slot);
            regions.push(blocks(start, 1));
            regions.push(blocks(start + 1, self.sizes.page_map_blocks));
            let mut start = start + 1 + self.sizes.page_map_blocks;
            for _ in 0..self.zones {
                let count = self.sizes.volume_index_blocks / u64::from(self.zones);
                regions.push(blocks(start, count));
                start += count;
            }
            regions.push(blocks(start, self.sizes.open_chapter_blocks));
        }
        regions
    }

    /// The first block of a save slot.
    pub(crate) fn slot_block(&self, slot: u64) -> u64 {
        2 + self.sizes.volume_blocks + slot * self.sizes.save_blocks()
    }
}
