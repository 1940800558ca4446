//! Hostile images (rows F4, F5, F11): any byte flipped, any prefix cut off, any two blocks
//! exchanged. Each gives a clear error or opens; what opens gives right answers or none, works on,
//! and can be closed. The one exception is a record whose own bytes were damaged (row F4c).
//!
//! `UDS_TEST_SCALE` multiplies the cases: 200 and more flip every byte, and exchange all blocks.

mod oracle;
mod subject;

use std::sync::Arc;

use uds_index::{ErrorKind, Index, IndexError, IndexInfo, OpenMode, OpenOptions};
use uds_volume::{CountingStorage, MemoryStorage};

use crate::common::{BLOCK, Random, scale, story};
use subject::Subject;

const MODES: [OpenMode; 2] = [OpenMode::Load, OpenMode::NoRebuild];

/// What a number of damaged images led to.
#[derive(Debug, Default)]
struct Tally {
    cases: u64,
    refused: u64,
    recovered: u64,
    /// The most records that one of them cost.
    worst: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.refused += other.refused;
        self.recovered += other.recovered;
        self.worst = self.worst.max(other.worst);
    }
}

/// One of about `count * scale()` places among `all`, evenly spread: all of them, if they are not
/// more.
fn sample(all: u64, count: u64, random: &mut Random) -> Vec<u64> {
    let stride = (all / (count * u64::from(scale()))).max(1);
    (0..all).step_by(stride as usize).map(|at| (at + random.below(stride)).min(all - 1)).collect()
}

/// Opens an image with one byte flipped, in ways that change from byte to byte.
fn flip(subject: &Subject, at: u64, random: &mut Random) -> Tally {
    let flip = match random.below(3) {
        0 => 1 << random.below(8),
        1 => 0xff,
        _ => 1 + random.below(255) as u8,
    };
    let mut image = subject.image.clone();
    image[at as usize] ^= flip;
    let tally = subject.survive(&image, &format!("byte {at} ^ {flip:#x}"));
    let is_of_headers = at < 2 * BLOCK;
    assert!(is_of_headers || tally.refused == 0, "byte {at}: a recovery needs headers alone");
    if !subject.is_sparse() && !subject.is_window(at) {
        // A chapter; and where it was the newest, so that the save cannot be trusted (the volume
        // may be newer), also what was in the open one.
        let most = 2 * subject.records_per_chapter();
        assert!(tally.worst <= most, "{}: byte {at} ^ {flip:#x}: {tally:?}", subject.what);
    }
    tally
}

// Guards what every read of an index depends on: super block, config block, the headers of saves
// and of their parts. Every byte of them.
#[test]
fn any_byte_of_any_header_may_be_flipped() {
    let mut random = Random::new(1);
    let mut all = Tally::default();
    for subject in Subject::all() {
        for range in subject.headers() {
            for at in range {
                all.add(&flip(subject, at, &mut random));
            }
        }
    }
    println!("flipped bytes of headers: {all:?}");
    assert!(all.refused > 1000 && all.recovered > 1000, "{all:?}");
}

// Guards everything else: pages, lists, saved records, and what nobody reads.
#[test]
fn any_byte_may_be_flipped() {
    let mut random = Random::new(2);
    let mut all = Tally::default();
    for subject in Subject::all() {
        let used = subject.used_blocks();
        for place in sample(used.len() as u64 * BLOCK, 500, &mut random) {
            let at = used[(place / BLOCK) as usize] * BLOCK + place % BLOCK;
            all.add(&flip(subject, at, &mut random));
        }
    }
    println!("flipped bytes of blocks that are not empty: {all:?}");
    assert!(all.cases >= 500 * Subject::all().len() as u64 && all.recovered > 0, "{all:?}");
}

// Guards structures that are in the wrong place, and are good in themselves.
#[test]
fn any_two_blocks_may_be_exchanged() {
    let mut random = Random::new(3);
    let mut all = Tally::default();
    for subject in Subject::all() {
        let used = subject.used_blocks();
        let blocks = subject.image.len() as u64 / BLOCK;
        for pair in sample(used.len() as u64 * blocks, 400, &mut random) {
            let (first, second) = (used[(pair / blocks) as usize], pair % blocks);
            let mut image = subject.image.clone();
            for within in 0..BLOCK {
                let place = |block: u64| (block * BLOCK + within) as usize;
                image.swap(place(first), place(second));
            }
            let tally = subject.survive(&image, &format!("blocks {first} and {second} exchanged"));
            assert!(tally.refused == 0 || first.min(second) < 2, "blocks {first} and {second}");
            all.add(&tally);
        }
    }
    println!("exchanged blocks: {all:?}");
    assert!(all.refused > 0 && all.recovered > 0, "{all:?}");
}

/// Opens a storage in all ways, all of which must fail, and returns one of the errors.
fn refused(image: &[u8]) -> IndexError {
    let storage = Arc::new(CountingStorage::new(MemoryStorage::from_bytes(image)));
    let told = IndexInfo::read(storage.clone(), 0).expect_err("there is nothing to tell");
    for mode in MODES {
        let options = OpenOptions { mode, ..OpenOptions::default() };
        let error = Index::open(storage.clone(), &options).expect_err("a part is missing");
        assert_eq!(error.to_string(), told.to_string());
    }
    assert_eq!((storage.counts().writes, storage.counts().syncs), (0, 0));
    assert!(storage.inner().to_vec() == image, "a failed open has written");
    told
}

// Guards a copy that was cut off (row F5): it is said, with both lengths, and nothing is written;
// what is not there is never read as zeroes. Every boundary of a block, and a byte to each side.
#[test]
fn any_prefix_is_called_truncated() {
    let mut cases = 0;
    for subject in Subject::all() {
        let total = subject.image.len() as u64;
        let boundaries = (0..=total / BLOCK).map(|block| block * BLOCK);
        let lengths = boundaries.flat_map(|at| [at.saturating_sub(1), at, at + 1]);
        for length in lengths.filter(|&length| length < total) {
            let error = refused(&subject.image[..length as usize]);
            match error {
                IndexError::Truncated { wanted, found } => {
                    assert_eq!((error.kind(), found), (ErrorKind::Damaged, length));
                    assert!(wanted > length && wanted <= total, "{length}: {wanted} wanted");
                    // As soon as the configuration is there, the whole length is known.
                    assert!(length < 2 * BLOCK || wanted == total, "{length}: {wanted} wanted");
                }
                IndexError::NothingThere { .. } => assert!(length < 8, "{length}"),
                _ => panic!("{length} bytes: {}", story(&error)),
            }
            cases += 1;
        }
        // More than there need be is no fault.
        for more in [1, BLOCK] {
            let mut image = subject.image.clone();
            image.resize((total + more) as usize, 0xa5);
            let tally = subject.survive(&image, &format!("{more} bytes more"));
            assert_eq!((tally.refused, tally.worst), (0, 0));
        }
    }
    println!("prefixes: {cases}");
    assert!(cases > 1000);
}

// Guards the test's own judgement: data of another record is wrong, whatever was damaged, and
// that of a damaged record is not.
#[test]
fn the_oracle_knows_right_from_wrong() {
    use crate::common::{data, name};
    let subject = &Subject::all()[0];
    let mut image = subject.image.clone();
    let place = |image: &[u8], counter: u64| {
        let bytes = *name(counter).as_bytes();
        image.chunks_exact(32).position(|record| record[..16] == bytes).unwrap() * 32
    };
    let newest = subject.records - 200;
    let at = place(&image, newest);
    image[at + 16 + 15] ^= 4;
    let mut damaged = *data(newest, 0).as_bytes();
    damaged[15] ^= 4;
    let damaged = uds_geometry::RecordData::new(damaged);
    let oracle = subject.oracle(&image);
    assert!(oracle.allows(newest, data(newest, 0)));
    assert!(oracle.allows(newest, damaged), "the exception of row F4c");
    assert!(!subject.oracle(&subject.image).allows(newest, damaged), "nothing was damaged");
    assert!(!oracle.allows(newest + 1, damaged), "of another record");
    assert!(!oracle.allows(newest, data(newest + 1, 0)), "data of another name");
    assert!(!oracle.allows(newest, data(newest, 7)), "a version that was never stored");
}
