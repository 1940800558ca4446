//! A small run of each store through the driver of the phases, which looks at every answer.

use std::ops::ControlFlow;

use uds_bench::{PhaseName, Plan};
use uds_compare::{Measured, Setting, Store, measure};
use uds_geometry::{Configuration, CustomConfiguration};

const RECORDS: u64 = 20_000;
const OPS: u64 = 8_000;

/// Runs all phases on a store with little memory.
fn run(store: Store) -> Measured {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let setting = Setting { folder: folder.path().to_owned(), memory: 16 << 20, records: RECORDS };
    // 20 chapters of 1024 records: the index forgets in `steady` as the others do.
    let custom = CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: 8,
        chapters_per_volume: 20,
        ..CustomConfiguration::default()
    };
    let configuration = Configuration::custom(&custom).expect("a small index");
    let plan = Plan::new(RECORDS, OPS);
    let mut progress = |_, _, _| ControlFlow::Continue(());
    measure(store, &setting, &configuration, &plan, &mut progress).expect("every answer is right")
}

/// Checks what every store must have: all phases, with what is found in them.
fn check(measured: &Measured) {
    let report = &measured.report;
    let found = |name| report.phase(name).expect("every phase was run").found;
    for name in [PhaseName::Fill, PhaseName::Steady, PhaseName::Miss] {
        assert_eq!(found(name), Some(0.0), "{name}");
    }
    for name in [PhaseName::HitSequential, PhaseName::HitRandom, PhaseName::PostDuplicate] {
        assert_eq!(found(name), Some(1.0), "{name}");
    }
    assert_eq!(report.phase(PhaseName::Fill).expect("it was run").count, RECORDS);
    assert_eq!(found(PhaseName::UncleanOpen), None);
    assert!(report.bytes_on_storage > 32 * RECORDS, "{}", report.bytes_on_storage);
}

// Guards the column of this index.
#[test]
fn uds() {
    check(&run(Store::Uds));
}

// Guards redb's column; above all that what was committed without a sync is there after the close.
#[test]
fn redb() {
    check(&run(Store::Redb));
}

// Guards LMDB's column.
#[test]
fn lmdb() {
    check(&run(Store::Lmdb));
}

// Guards RocksDB's column; above all that its memtables are flushed at the close, without a log.
#[cfg(feature = "rocksdb")]
#[test]
fn rocksdb() {
    check(&run(Store::RocksDb));
}

// Guards fjall's column; above all that its journal is whole after the close.
#[test]
fn fjall() {
    check(&run(Store::Fjall));
}
