//! The estimate against an exact count: a hash map of the blocks themselves, which shares no code
//! with the command.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use serde_json::Value;

use crate::support::{BLOCK, Random, Uds};

/// What a tree holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    bytes: u64,
    files: u64,
    blocks: u64,
    zero: u64,
    unique: u64,
    duplicate: u64,
}

impl Count {
    /// Counts a tree by holding every block in memory.
    fn of(root: &Path) -> Self {
        let (mut count, mut known) = (Self::default(), HashMap::<Vec<u8>, u64>::new());
        let (mut inodes, mut directories) = (HashSet::new(), vec![root.to_path_buf()]);
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    directories.push(entry.path());
                } else if kind.is_file() && inodes.insert(entry.metadata().unwrap().ino()) {
                    let content = fs::read(entry.path()).unwrap();
                    count.files += 1;
                    count.bytes += content.len() as u64;
                    for piece in content.chunks(BLOCK) {
                        let mut block = piece.to_vec();
                        block.resize(BLOCK, 0);
                        *known.entry(block).or_default() += 1;
                    }
                }
            }
        }
        count.blocks = known.values().sum();
        count.zero = known.remove(&vec![0; BLOCK]).unwrap_or(0);
        count.unique = known.len() as u64;
        count.duplicate = count.blocks - count.zero - count.unique;
        count
    }

    fn reported(json: &Value) -> Self {
        let field = |name: &str| json[name].as_u64().unwrap();
        Self {
            bytes: field("bytes_scanned"),
            files: field("files_scanned"),
            blocks: field("blocks"),
            zero: field("zero_blocks"),
            unique: field("unique_blocks"),
            duplicate: field("duplicate_blocks"),
        }
    }
}

/// Files of random length, made of few different blocks, zero blocks, torn tails and holes.
fn grow(root: &Path, seed: u64) {
    let mut random = Random::new(seed);
    let mut directories = vec![root.to_path_buf()];
    for number in 0..120 {
        let parent = directories[random.below(directories.len() as u64) as usize].clone();
        let path = parent.join(format!("entry {number}"));
        match random.below(10) {
            0 => {
                fs::create_dir(&path).unwrap();
                directories.push(path);
            }
            1 => symlink("..", &path).unwrap(),
            2 => {
                // A second name of an earlier file, if there is one.
                let earlier = parent.join(format!("entry {}", random.below(number + 1)));
                let _ = fs::hard_link(earlier, &path);
            }
            3 => fs::File::create(&path).unwrap().set_len(random.below(3_000_000)).unwrap(),
            _ => {
                let mut content = Vec::new();
                for _ in 0..random.below(200) {
                    let value = random.below(400);
                    content.extend(value.to_le_bytes().repeat(BLOCK / 8));
                }
                content.truncate(
                    content.len() - random.below(5000).min(content.len() as u64) as usize,
                );
                fs::write(&path, content).unwrap();
            }
        }
    }
}

// Guards the numbers that the command is for, over trees of every odd shape, with both hashes
// and several numbers of threads.
#[test]
fn random_trees_are_counted_exactly() {
    for (seed, hash, threads) in [(1, "murmur", "1"), (2, "murmur", "3"), (3, "blake3", "2")] {
        let uds = Uds::new();
        let root = uds.path("tree");
        fs::create_dir(&root).unwrap();
        grow(&root, seed);
        let expected = Count::of(&root);
        assert!(expected.duplicate > 1000 && expected.zero > 10, "{expected:?}");
        let json = uds.estimate(&["--hash", hash, "--threads", threads, "tree"]);
        assert_eq!(Count::reported(&json), expected, "seed {seed}");
        assert_eq!(json["bytes_saved"].as_u64(), Some(expected.duplicate * BLOCK as u64));
        let share = expected.duplicate as f64 / expected.blocks as f64;
        assert_eq!(json["saved_share"].as_f64(), Some(share));
        assert_eq!(json["records_discarded"], 0);
        assert_eq!(json["index"]["records_in_index"].as_u64(), Some(expected.unique));
    }
}
