//! How long look-ups and insertions take in delta lists of several lengths, and the making of
//! a chapter index. Prints nanoseconds per operation, and a hash of the results that must be the
//! same on every machine.
//!
//! `cargo bench` measures; `cargo test --benches` only runs a small size of it, to keep it working.

use std::hint::black_box;
use std::time::Instant;

use uds_delta_index::chapter_index::{ChapterIndexBuilder, search};
use uds_delta_index::{DeltaError, DeltaZone, IndexPageHeader, ZoneConfiguration};
use uds_geometry::{
    Configuration, DeltaCoding, DeltaKey, DeltaListNumber, MemorySize, Nonce, RecordName,
    RecordPageNumber, VirtualChapter,
};

/// Bits of a key in a volume index.
const KEY_BITS: u32 = 20;

/// Look-ups whose lists are touched together.
const BATCH: u32 = 64;

/// How much to measure.
#[derive(Clone, Copy)]
struct Size {
    entries: u32,
    lookups: u32,
}

/// A generator of numbers that look random, and a hash of results.
struct Run {
    state: u64,
    hash: u64,
}

impl Run {
    fn new() -> Self {
        Self { state: 1, hash: 0xcbf2_9ce4_8422_2325 }
    }

    fn random(&mut self) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.state >> 24
    }

    fn place(&mut self, lists: u32) -> (DeltaListNumber, DeltaKey) {
        let number = self.random();
        let key = DeltaKey::new(number as u32 & ((1 << KEY_BITS) - 1));
        (DeltaListNumber::new((number >> KEY_BITS) as u32 % lists), key)
    }

    fn note(&mut self, result: u64) {
        self.hash = (self.hash ^ result).wrapping_mul(0x100_0000_01b3);
    }

    /// Does `count` operations, `batch` of them a call, and prints how long one took in the median
    /// of many parts: other work on the machine slows some parts down, but not most.
    fn measure(
        &mut self,
        what: &str,
        count: u32,
        batch: u32,
        mut operations: impl FnMut(&mut Self) -> Result<(), DeltaError>,
    ) -> Result<(), DeltaError> {
        const PART: u32 = 256;
        let mut times = Vec::new();
        for _ in 0..count.div_ceil(PART) {
            let start = Instant::now();
            for _ in 0..PART / batch {
                operations(self)?;
            }
            times.push(start.elapsed().as_nanos() as f64 / f64::from(PART));
        }
        times.sort_unstable_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        println!("{what:44} {median:10.1} ns");
        Ok(())
    }
}

fn lists(size: Size, length: u32) -> Result<u64, DeltaError> {
    let list_count = size.entries / length;
    // The key space has as many keys for each entry as a full list of a volume index has.
    let mut run = Run::new();
    let mut zone = DeltaZone::new(&ZoneConfiguration {
        first_list: DeltaListNumber::new(0),
        list_count,
        memory_bytes: (size.entries as usize * 4).next_multiple_of(65536),
        coding: DeltaCoding::new((1 << KEY_BITS) / length).expect("lists have entries"),
        value_bits: 10,
        key_bits: 20,
    })?;
    let name = RecordName::default();
    let insert = |run: &mut Run, zone: &mut DeltaZone| -> Result<(), DeltaError> {
        let (list, key) = run.place(list_count);
        let mut cursor = zone.find(list, key, &name)?;
        if !cursor.matches(key) {
            let inserted = zone.insert(&mut cursor, key, key.get() & 0x3ff, None)?;
            run.note(inserted as u64);
        }
        Ok(())
    };
    let title = |what: &str| format!("lists of {length}: {what}");
    run.measure(&title("insert, filling up"), size.entries, 1, |run| insert(run, &mut zone))?;
    let lookups = size.lookups;
    run.measure(&title("find"), lookups, 1, |run| {
        let (list, key) = run.place(list_count);
        let cursor = zone.find(list, key, &name)?;
        run.note(cursor.key().get().into());
        Ok(())
    })?;
    run.measure(&title("find, lists touched in batches"), lookups, BATCH, |run| {
        let batch: [_; BATCH as usize] = std::array::from_fn(|_| run.place(list_count));
        let touched = batch.iter().fold(0, |sum, &(list, key)| sum ^ zone.touch(list, key));
        black_box(touched);
        for (list, key) in batch {
            let cursor = zone.find(list, key, &name)?;
            run.note(cursor.key().get().into());
        }
        Ok(())
    })?;
    run.measure(&title("remove and insert another"), lookups, 1, |run| {
        let (list, key) = run.place(list_count);
        let mut cursor = zone.find(list, key, &name)?;
        if !cursor.is_at_end() {
            zone.remove(&mut cursor)?;
        }
        insert(run, &mut zone)
    })?;
    run.measure(&title("retain, dropping one in 256"), list_count, 1, |run| {
        let (list, key) = run.place(list_count);
        let dropped = zone.retain(list, |value| value & 0xff != key.get() & 0xff)?;
        run.note(dropped.into());
        Ok(())
    })?;
    Ok(run.hash)
}

fn chapter() -> Result<u64, DeltaError> {
    let geometry = Configuration::dense(MemorySize::MB_256).geometry();
    let records: Vec<_> = (0..geometry.records_per_chapter())
        .map(|index| {
            let page = RecordPageNumber::new(index / geometry.records_per_page());
            (RecordName::of_block(&index.to_le_bytes()), page)
        })
        .collect();
    let mut run = Run::new();
    let mut builder = ChapterIndexBuilder::new(&geometry)?;
    let count = records.len() as u32;
    let nonce = Nonce::new(1);
    let mut pages = vec![
        vec![0; geometry.bytes_per_page() as usize];
        geometry.index_pages_per_chapter() as usize
    ];
    // The first round pays for the builder's memory.
    for round in ["first", "second"] {
        let start = Instant::now();
        builder.build(records.iter().copied())?;
        let built = start.elapsed();
        let mut first_list = 0;
        let last = pages.len() - 1;
        for (number, page) in pages.iter_mut().enumerate() {
            let chapter = VirtualChapter::new(1);
            let is_last = number == last;
            first_list += builder.pack_page(nonce, chapter, first_list, is_last, page)?.lists;
        }
        let packed = start.elapsed() - built;
        let per_name = |time: std::time::Duration| time.as_nanos() as f64 / f64::from(count);
        println!("chapter of 65536: build, {round:6} {:23.1} ns a name", per_name(built));
        println!("chapter of 65536: pack, {round:6} {:24.1} ns a name", per_name(packed));
    }
    pages.iter().flatten().for_each(|&byte| run.note(byte.into()));
    let header = IndexPageHeader::parse(&pages[0], nonce)?;
    let mine = records.iter().filter(|(name, _)| header.contains(geometry.chapter_list(name)));
    let mut mine = mine.cycle();
    run.measure("chapter of 65536: search a page", count, 1, |run| {
        let Some((name, _)) = mine.next() else { return Ok(()) };
        let found = search(&header, &pages[0], &geometry, name)?;
        run.note(found.map_or(0, |page| page.get().into()));
        Ok(())
    })?;
    Ok(run.hash)
}

fn main() -> Result<(), DeltaError> {
    let is_measuring = std::env::args().any(|argument| argument == "--bench");
    let size = if is_measuring {
        Size { entries: 1 << 20, lookups: 1 << 20 }
    } else {
        Size { entries: 1 << 12, lookups: 1 << 10 }
    };
    let mut hash = 0_u64;
    for length in [16, 64, 256] {
        hash = hash.rotate_left(8) ^ lists(size, length)?;
    }
    hash = hash.rotate_left(8) ^ chapter()?;
    println!("result {hash:016x}");
    Ok(())
}
