//! Sparse indexes: made, filled, looked at.

use std::fs;

use crate::support::{Uds, blocks};

/// The size of a sparse index of 256M (row C13).
const BYTES_SPARSE_256M: u64 = 23_847_940_096;

// Guards the whole way of a sparse index through the commands: what one makes, the others know.
#[test]
fn a_sparse_index_is_made_filled_and_looked_at() {
    let uds = Uds::new();
    let create = ["create", "index", "--memory", "256M", "--sparse", "--sparse-file"];
    let ran = uds.run(&create);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ran.stdout);
    assert_eq!(fs::metadata(uds.path("index")).unwrap().len(), BYTES_SPARSE_256M);
    uds.write("tree/data", &blocks((1..=300).chain(1..=100)));
    let json = uds.estimate(&["--index", "index", "--sparse", "tree"]);
    assert_eq!((&json["unique_blocks"], &json["duplicate_blocks"]), (&300.into(), &100.into()));
    assert_eq!(json["index"]["sparse"], true);
    assert_eq!(json["index"]["window_records"], 671_088_640);
    assert_eq!(json["index"]["records_in_index"], 300);
    let ran = uds.run(&["info", "index"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("Index      sparse, memory 256M"), "{}", ran.stdout);
    assert!(ran.stdout.contains("  sparse   9,728\n"), "{}", ran.stdout);
    // The kind is read from the file where it is not named.
    let json = uds.estimate(&["--index", "index", "tree"]);
    assert_eq!((&json["unique_blocks"], &json["duplicate_blocks"]), (&0.into(), &400.into()));
    assert_eq!(json["index"]["sparse"], true);
}

// Guards against a dense index that is taken for a sparse one.
#[test]
fn a_dense_index_is_not_taken_for_a_sparse_one() {
    let uds = Uds::new();
    uds.small_index("dense", 4, 10);
    uds.write("tree/data", &blocks(1..=3));
    let ran = uds.run(&["estimate", "--index", "dense", "--sparse", "tree"]);
    ran.failed(2, &["dense", "--sparse"]);
}

// Guards the temporary sparse index: it takes the disk that it fills, and no more.
#[test]
fn an_estimate_with_a_temporary_sparse_index() {
    let uds = Uds::new();
    uds.write("tree/data", &blocks((1..=300).chain(1..=100)));
    let ran = uds.run(&["estimate", "--sparse", "tree"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("kind     sparse"), "{}", ran.stdout);
    assert!(ran.stdout.contains("300 of 671,088,640 records"), "{}", ran.stdout);
    assert!(ran.stdout.lines().all(|line| line.len() <= 60), "{}", ran.stdout);
}
