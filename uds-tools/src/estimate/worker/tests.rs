//! One worker on single files: which blocks it hands on, and what it counts.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Block, Posted, Poster, Worker};
use crate::estimate::chunker::Chunker;
use crate::estimate::failures::Failures;
use crate::estimate::name::Naming;
use crate::estimate::source::{SharedBreakdown, Source, Teller};
use crate::estimate::totals::{Counter, Totals};
use crate::stop::Stop;

/// A block as it was handed on: inode, number or place in the file, content.
type Seen = (u64, u64, Vec<u8>);

/// Keeps all blocks, and calls all of them new.
struct Keeper<'a> {
    blocks: &'a mut Vec<Seen>,
    waiting: usize,
    bytes: u64,
}

impl Poster for Keeper<'_> {
    fn add(&mut self, block: &Block<'_>) {
        let stored = block.data.as_bytes();
        let number = |part: &[u8]| u64::from_le_bytes(part.try_into().unwrap());
        let (inode, place) = (number(&stored[..8]), number(&stored[8..]));
        assert_eq!(block.name, Naming::Murmur.name(block.bytes));
        assert_eq!(block.source.inode, inode);
        self.blocks.push((inode, place, block.bytes.to_vec()));
        self.waiting += 1;
        self.bytes += block.bytes.len() as u64;
    }

    fn waiting(&self) -> usize {
        self.waiting
    }

    fn post(&mut self) -> Posted {
        let (new, new_bytes) = (self.waiting as u64, self.bytes);
        (self.waiting, self.bytes) = (0, 0);
        Posted { new, new_bytes, ..Posted::default() }
    }
}

/// Reads a file of `bytes` bytes: its blocks that are not zero, and the counts of bytes, blocks,
/// zero blocks, bytes of zero blocks, unique blocks and their bytes.
fn read(path: &Path, bytes: u64, chunker: Chunker) -> (Vec<Seen>, [u64; 6]) {
    let (totals, failures, stop) = (Totals::default(), Failures::default(), Stop::default());
    let mut blocks = Vec::new();
    let poster = Keeper { blocks: &mut blocks, waiting: 0, bytes: 0 };
    let mut worker = Worker::new((Naming::Murmur, chunker), &totals, &failures, &stop, poster);
    let teller = Teller::new(path.into(), &SharedBreakdown::default());
    for piece in Source::pieces(path.to_path_buf(), (bytes, 7), teller, chunker.piece_bytes()) {
        worker.read(&piece).unwrap();
    }
    worker.finish().unwrap();
    assert_eq!((failures.count(), totals.files.get()), (0, 1));
    let counters = [
        &totals.bytes,
        &totals.blocks,
        &totals.zero,
        &totals.zero_bytes,
        &totals.unique,
        &totals.unique_bytes,
    ];
    (blocks, counters.map(Counter::get))
}

/// Bytes without a pattern, none of them zero.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8 | 1
    };
    (0..length).map(|_| next()).collect()
}

/// What the crate's own iterator makes of `content`, which lies at `place` in the file.
fn expected(content: &[u8], place: usize, sizes: (usize, usize, usize)) -> Vec<Seen> {
    let (min, average, max) = sizes;
    fastcdc::v2020::FastCDC::new(content, min, average, max)
        .map(|chunk| {
            let bytes = &content[chunk.offset..][..chunk.length];
            (7, (place + chunk.offset) as u64, bytes.to_vec())
        })
        .filter(|(.., bytes)| bytes.iter().any(|&byte| byte != 0))
        .collect()
}

// Guards the seams between two reads: a border that is moved, a byte that is lost or doubled where
// the rest of one buffer is carried over to the next.
#[test]
fn chunks_are_those_of_the_whole_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for (text, sizes) in [
        ("fastcdc:64:256:1K", (64, 256, 1024)),
        ("fastcdc:2K:8K:64K", (2048, 8192, 65536)),
        ("fastcdc:64K:256K:1M", (65536, 262_144, 1_048_576)),
    ] {
        let chunker: Chunker = text.parse().unwrap();
        for length in [0, 1, 63, 5000, 262_144, 327_680, 327_681, 3_000_000] {
            let content = noise(length, length as u64);
            fs::write(&path, &content).unwrap();
            let (blocks, counts) = read(&path, length as u64, chunker);
            assert!(blocks == expected(&content, 0, sizes), "{text}, {length} bytes");
            let (length, count) = (length as u64, blocks.len() as u64);
            assert_eq!(counts, [length, count, 0, 0, count, length], "{text}");
        }
    }
}

// Guards zeroes, written or not: they are no chunks to post, and every byte of them counts.
#[test]
fn chunks_of_zeroes_and_holes_count_in_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let data = noise(100_000, 5);
    let file = File::create(&path).unwrap();
    file.set_len(1_000_001).unwrap();
    // Far enough from both ends that what the file system stores around it is known.
    file.write_all_at(&data, 409_600).unwrap();
    file.sync_all().unwrap();
    let chunker = "fastcdc:2K:8K:64K".parse().unwrap();
    let (blocks, [bytes, all, zero, zero_bytes, unique, unique_bytes]) =
        read(&path, 1_000_001, chunker);
    let content: Vec<u8> = blocks.iter().flat_map(|(.., bytes)| bytes.clone()).collect();
    assert!(content.starts_with(&data), "nothing is lost");
    assert!(content[data.len()..].iter().all(|&byte| byte == 0), "but padding by the system");
    assert_eq!((bytes, zero_bytes + unique_bytes), (1_000_001, 1_000_001));
    assert_eq!((all, unique), (zero + unique, blocks.len() as u64));
    assert_eq!(unique_bytes, content.len() as u64);
    // Written zeroes: no chunk of them is posted.
    fs::write(&path, vec![0; 300_000]).unwrap();
    let (blocks, counts) = read(&path, 300_000, chunker);
    assert_eq!((blocks.len(), counts), (0, [300_000, 5, 5, 300_000, 0, 0]));
}

// Guards against a chunk over the border of two pieces, which two threads would have to share.
#[test]
fn the_border_of_a_piece_is_one_of_a_chunk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let chunker: Chunker = "fastcdc:2K:8K:64K".parse().unwrap();
    let border = chunker.piece_bytes();
    let data = noise(600_000, 9);
    let file = File::create(&path).unwrap();
    let start = border - 200_704;
    file.set_len(border + 400_000).unwrap();
    file.write_all_at(&data[..600_000], start).unwrap();
    let (blocks, _) = read(&path, border + 399_296, chunker);
    let sizes = (2048, 8192, 65536);
    let mut all = expected(&data[..200_704], start as usize, sizes);
    all.extend(expected(&data[200_704..600_000], border as usize, sizes));
    assert!(blocks == all);
}

// Guards blocks of 4 KiB: their numbers, and a tail that is padded with zeroes and not with what
// was in the buffer before.
#[test]
fn fixed_blocks_are_numbered_and_padded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let mut content = noise(600_000, 3);
    content[8192..16384].fill(0);
    fs::write(&path, &content).unwrap();
    let (blocks, counts) = read(&path, 600_000, Chunker::Fixed);
    content.resize(602_112, 0);
    let all: Vec<Seen> = (0..)
        .zip(content.chunks(4096))
        .filter(|(number, _)| ![2, 3].contains(number))
        .map(|(number, block)| (7, number, block.to_vec()))
        .collect();
    assert!(blocks == all);
    assert_eq!(counts, [600_000, 147, 2, 8192, 145, 145 * 4096]);
}
