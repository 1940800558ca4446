//! The simulated disk keeps its own promises.

use std::io;
use std::time::Duration;

use super::{Fault, PowerCut, SECTOR_BYTES, SimDisk, Trick};
use crate::storage::{Operation, Storage, StorageError};

const SECTOR: usize = SECTOR_BYTES as usize;

/// A disk with `old` synced everywhere and two unsynced writes: ones at 0, twos at 8192.
fn disk_with_two_writes() -> SimDisk {
    let disk = SimDisk::from_bytes(&[9; 16384], 1);
    disk.write_at(0, &[1; 4096]).unwrap();
    disk.write_at(8192, &[2; 4096]).unwrap();
    disk
}

fn heads(disk: &SimDisk) -> (u8, u8) {
    let bytes = disk.to_vec();
    (bytes[0], bytes[8192])
}

// Guards lost writes: every subset of the unsynced ones must be reachable, synced ones never lost.
#[test]
fn a_power_cut_keeps_any_subset() {
    let disk = disk_with_two_writes();
    let after = |cut: PowerCut| heads(&disk.power_cut(&cut));
    assert_eq!(heads(&disk), (1, 2), "reads see writes at once");
    assert_eq!(after(PowerCut::LoseUnsynced), (9, 9));
    assert_eq!(after(PowerCut::Keep(vec![0])), (1, 9));
    assert_eq!(after(PowerCut::Keep(vec![1, 77])), (9, 2));
    assert_eq!(after(PowerCut::KeepUnsynced), (1, 2));
    disk.sync().unwrap();
    assert!(disk.unsynced_writes().is_empty());
    assert_eq!(after(PowerCut::LoseUnsynced), (1, 2));
}

// Guards torn writes: sectors are aligned on the disk, not on the write, and kept as a whole.
#[test]
fn tears_happen_at_sector_borders_of_the_disk() {
    let disk = SimDisk::new(4096, 1);
    disk.write_at(100, &[5; 1000]).unwrap();
    let mut seen = Vec::new();
    let torn = disk.power_cut_with([0], |sector| {
        seen.push((sector.number, sector.count, sector.offset));
        sector.number == 1
    });
    assert_eq!(seen, [(0, 3, 100), (1, 3, 512), (2, 3, 1024)]);
    let bytes = torn.to_vec();
    assert!(bytes[..SECTOR].iter().all(|&byte| byte == 0));
    assert!(bytes[SECTOR..2 * SECTOR].iter().all(|&byte| byte == 5));
    assert!(bytes[2 * SECTOR..].iter().all(|&byte| byte == 0));
}

// Guards reordered writes: of two unsynced writes to one place either may be the last.
#[test]
fn unsynced_writes_may_be_reordered() {
    let disk = SimDisk::new(4096, 1);
    disk.write_at(0, &[1; 512]).unwrap();
    disk.write_at(0, &[2; 512]).unwrap();
    assert_eq!(disk.power_cut_with([0, 1], |_| true).to_vec()[0], 2);
    assert_eq!(disk.power_cut_with([1, 0], |_| true).to_vec()[0], 1);
}

// Guards against chance that repeats itself too soon, or does not repeat for its seed.
#[test]
fn random_cuts_depend_on_their_seed_alone() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let cut = PowerCut::Random(seed);
        let bytes = disk_with_two_writes().power_cut(&cut).to_vec();
        assert_eq!(bytes, disk_with_two_writes().power_cut(&cut).to_vec(), "seed {seed}");
        for (at, sector) in bytes.chunks(SECTOR).enumerate() {
            let new = if at < 8 { 1 } else { 2 };
            let old_or_new = sector.iter().all(|&b| b == 9) || sector.iter().all(|&b| b == new);
            assert!(old_or_new, "seed {seed}: sector {at} is mixed");
        }
        outcomes.insert(bytes);
    }
    assert!(outcomes.len() > 50, "only {} different outcomes", outcomes.len());
}

// Guards the n-th-operation loop: a fault that fires early, late, twice or never hides defects.
#[test]
fn the_nth_operation_fails_once() {
    for operation in [Operation::Read, Operation::Write, Operation::Sync] {
        let disk = SimDisk::new(4096, 1);
        disk.inject(Fault::of(operation).nth(3));
        let outcomes: Vec<bool> = (0..5)
            .map(|_| {
                let read = disk.read_at(0, &mut [0; 8]).is_ok();
                let written = disk.write_at(0, &[0; 8]).is_ok();
                let synced = disk.sync().is_ok();
                match operation {
                    Operation::Read => (written && synced).then_some(read).unwrap(),
                    Operation::Write => (read && synced).then_some(written).unwrap(),
                    Operation::Sync => (read && written).then_some(synced).unwrap(),
                }
            })
            .collect();
        assert_eq!(outcomes, [true, true, false, true, true], "{operation}");
    }
}

// Guards sticky faults, their range and their kind.
#[test]
fn a_bad_block_stays_bad_until_faults_are_cleared() {
    let disk = SimDisk::new(16384, 1);
    disk.inject(Fault::of_any().within(4096..8192).forever().kind(io::ErrorKind::PermissionDenied));
    for _ in 0..3 {
        assert!(disk.read_at(0, &mut [0; 4096]).is_ok());
        let error = disk.read_at(8191, &mut [0; 1]).unwrap_err();
        let StorageError::Io { operation, offset, length, source } = error else {
            panic!("{error}")
        };
        assert_eq!((operation, offset, length), (Operation::Read, 8191, 1));
        assert_eq!(source.kind(), io::ErrorKind::PermissionDenied);
        assert!(disk.write_at(8192, &[1; 8192]).is_ok());
        assert!(disk.sync().is_ok(), "a sync touches no range");
    }
    disk.clear_faults();
    assert!(disk.read_at(4096, &mut [0; 1]).is_ok());
}

// Guards faults that are set together: each counts all operations, whichever fails them.
#[test]
fn several_faults_count_on_their_own() {
    let disk = SimDisk::new(4096, 1);
    disk.inject(Fault::of(Operation::Read).nth(1).kind(io::ErrorKind::TimedOut));
    disk.inject(Fault::of(Operation::Read).nth(3));
    disk.inject(Fault::of(Operation::Read).nth(1).kind(io::ErrorKind::StorageFull));
    disk.inject(Fault::of(Operation::Read).nth(50));
    let kinds: Vec<_> = (0..4)
        .map(|_| match disk.read_at(0, &mut [0]) {
            Err(StorageError::Io { source, .. }) => Some(source.kind()),
            _ => None,
        })
        .collect();
    let other = Some(io::ErrorKind::Other);
    assert_eq!(kinds, [Some(io::ErrorKind::TimedOut), None, other, None]);
}

// Guards rare failures: about as many as were asked for, and never an end to them.
#[test]
fn intermittent_faults_come_by_chance() {
    let disk = SimDisk::new(4096, 1);
    disk.inject(Fault::of(Operation::Read).one_in(100));
    let failed = (0..10_000).filter(|_| disk.read_at(0, &mut [0]).is_err()).count();
    assert!((50..200).contains(&failed), "{failed} of 10000 reads failed");
}

// Guards against failing writes that leave the place untouched: callers would come to rely on it.
#[test]
fn a_failed_write_changes_some_leading_sectors() {
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let disk = SimDisk::new(8192, seed);
        disk.inject(Fault::of(Operation::Write));
        assert!(disk.write_at(0, &[3; 4096]).is_err());
        let bytes = disk.to_vec();
        let written = bytes.iter().take_while(|&&byte| byte == 3).count();
        assert!(bytes[written..].iter().all(|&byte| byte == 0));
        assert_eq!(written % SECTOR, 0);
        assert!(disk.power_cut(&PowerCut::LoseUnsynced).to_vec().iter().all(|&byte| byte == 0));
        lengths.insert(written);
    }
    assert!(lengths.len() >= 5, "{lengths:?}");
}

// Guards the thin disk: it fails new blocks only, and says why.
#[test]
fn a_full_disk_takes_no_new_blocks() {
    let disk = SimDisk::new(1 << 30, 1);
    disk.limit_space(Some(8192));
    disk.write_at(0, &[1; 8192]).unwrap();
    let error = disk.write_at(8192, &[1; 1]).unwrap_err();
    assert!(error.is_out_of_space(), "{error}");
    disk.write_at(100, &[2; 8000]).unwrap();
    disk.limit_space(None);
    disk.write_at(8192, &[1; 1]).unwrap();
}

// Guards the lying disk, and that a failed sync makes nothing durable.
#[test]
fn syncs_that_lie_or_fail_make_nothing_durable() {
    let disk = disk_with_two_writes();
    disk.honour_syncs(false);
    disk.sync().unwrap();
    assert_eq!(heads(&disk.power_cut(&PowerCut::LoseUnsynced)), (9, 9));
    disk.honour_syncs(true);
    disk.inject(Fault::of(Operation::Sync));
    assert!(matches!(disk.sync(), Err(StorageError::Sync { .. })));
    assert_eq!(heads(&disk.power_cut(&PowerCut::LoseUnsynced)), (9, 9));
    assert_eq!(disk.unsynced_writes().len(), 2);
}

// Guards against a dead disk that still answers, and a snapshot that shares its fate.
#[test]
fn a_disk_without_power_answers_nothing() {
    let disk = disk_with_two_writes();
    let copy = disk.snapshot();
    disk.power_off();
    assert!(disk.read_at(0, &mut [0]).is_err());
    assert!(disk.write_at(0, &[0]).is_err());
    assert!(disk.sync().is_err());
    assert_eq!(heads(&copy), (1, 2));
    assert_eq!(copy.unsynced_writes().len(), 2);
    copy.write_at(0, &[7]).unwrap();
    assert_eq!(heads(&disk), (1, 2));
}

// Guards the virtual clock: time stands still unless a test moves it.
#[test]
fn the_clock_is_the_tests() {
    let disk = SimDisk::new(0, 1);
    let start = disk.now();
    assert_eq!(disk.now(), start);
    disk.advance(Duration::from_millis(5));
    assert_eq!(disk.now(), start + Duration::from_millis(5));
    disk.set_now(Duration::from_secs(1));
    assert_eq!(disk.power_cut(&PowerCut::KeepUnsynced).now(), Duration::from_secs(1));
}

// Guards the counts that performance tests rest on, and truncated reads.
#[test]
fn operations_are_counted_and_bounded() {
    let disk = SimDisk::new(100, 1);
    disk.write_at(0, &[1; 60]).unwrap();
    disk.sync().unwrap();
    let truncated = disk.read_at(90, &mut [0; 20]);
    assert!(matches!(
        truncated,
        Err(StorageError::Truncated { offset: 90, wanted: 20, found: 10 })
    ));
    assert!(disk.write_at(99, &[0; 2]).is_err());
    let counts = disk.counts();
    assert_eq!((counts.reads, counts.writes, counts.syncs), (1, 2, 1));
    assert_eq!((counts.bytes_read, counts.bytes_written), (20, 62));
}

// Guards the tricks: each does what it says to the operation that it is for, once, and to no
// other; and a power cut after it finds what really arrived.
#[test]
fn operations_go_astray_once() {
    let read = |disk: &SimDisk, offset| {
        let mut bytes = [0; 4];
        disk.read_at(offset, &mut bytes).unwrap();
        bytes
    };
    let disk = SimDisk::new(64 << 10, 1);
    disk.trick(Trick::WriteElsewhere { to: 8192 }, 2);
    disk.trick(Trick::WriteNowhere, 2);
    disk.trick(Trick::WriteTwice { to: (64 << 10) - 2 }, 1);
    disk.write_at(0, b"once").unwrap();
    assert_eq!((read(&disk, 0), read(&disk, (64 << 10) - 4)), (*b"once", *b"\0\0on"));
    disk.write_at(4096, b"away").unwrap();
    assert_eq!((read(&disk, 4096), read(&disk, 8192)), ([0; 4], *b"away"));
    disk.write_at(4096, b"lost").unwrap();
    assert_eq!(read(&disk, 4096), [0; 4]);
    disk.write_at(4096, b"here").unwrap();
    assert_eq!(read(&disk, 4096), *b"here");
    let after = disk.power_cut(&PowerCut::KeepUnsynced);
    assert_eq!((read(&after, 4096), read(&after, 8192)), (*b"here", *b"away"));

    disk.trick(Trick::ReadElsewhere { from: 8192 }, 1);
    disk.trick(Trick::ReadOlder, 2);
    assert_eq!(read(&disk, 0), *b"away");
    assert_eq!(read(&disk, 0), *b"once");
    disk.write_at(0, b"more").unwrap();
    assert_eq!(read(&disk, 0), *b"once", "what was there before");
    assert_eq!(read(&disk, 0), *b"more");
    disk.trick(Trick::ReadOlder, 1);
    assert_eq!(read(&disk, 4096), [0; 4], "nothing was there before");
    disk.trick(Trick::ReadElsewhere { from: u64::MAX }, 1);
    assert_eq!(read(&disk, 0), [0; 4]);
    disk.trick(Trick::WriteNowhere, 1);
    disk.clear_faults();
    disk.write_at(0, b"kept").unwrap();
    assert_eq!(read(&disk, 0), *b"kept");
}
