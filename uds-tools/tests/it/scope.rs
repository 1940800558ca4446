//! What `uds estimate` reads: lists of paths, filters, and the flags of VDO's own estimator.

use std::fs::File;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Uds, blocks, finish};

/// A tree in which each file has another block, and so many of them that a sum tells which were
/// read: file N has 2^N blocks.
fn tree(uds: &Uds, names: &[&str]) {
    for (number, name) in names.iter().enumerate() {
        let first = 1 << number;
        uds.write(&format!("tree/{name}"), &blocks(first..2 * first));
    }
}

/// The numbers of the files that were read.
fn files(json: &Value) -> Vec<u32> {
    let sum = json["unique_blocks"].as_u64().unwrap();
    (0..64).filter(|number| sum & (1 << number) != 0).collect()
}

// Guards lists: every path of them read once, whatever ends it, and directories walked.
#[test]
fn paths_come_from_a_list() {
    let uds = Uds::new();
    tree(&uds, &["a", "b", "sub/c", "sub/d", "e"]);
    uds.write("list", b"tree/sub\ntree/a\n\ntree/sub/c\ntree/a");
    let json = uds.estimate(&["--files-from", "list"]);
    assert_eq!((files(&json), &json["files_scanned"]), (vec![0, 2, 3], &3.into()));
    let json = uds.estimate(&["--files-from", "list", "tree/e"]);
    assert_eq!(files(&json), [0, 2, 3, 4]);
    uds.write("nul", b"tree/b\0tree/e\0");
    assert_eq!(files(&uds.estimate(&["--files-from", "nul", "-0"])), [1, 4]);
    let mut command = uds.command(&["estimate", "--format", "json", "--files-from", "-"]);
    command.stdin(Stdio::from(File::open(uds.path("list")).unwrap()));
    assert_eq!(files(&finish(&mut command).json()), [0, 2, 3]);
}

// Guards against a list whose missing paths are not told, and a wrong list that looks like none.
#[test]
fn what_is_wrong_with_a_list_is_told() {
    let uds = Uds::new();
    tree(&uds, &["a"]);
    uds.write("list", b"tree/a\ntree/gone\n");
    let ran = uds.run(&["estimate", "--format", "json", "--files-from", "list"]);
    assert_eq!((ran.code, files(&ran.json())), (Some(3), vec![0]));
    assert!(ran.stderr.contains("cannot read \"tree/gone\""), "{:?}", ran.stderr);
    uds.run(&["estimate", "--files-from", "none"])
        .failed(3, &["the list \"none\"", "No such file"]);
    uds.run(&["estimate"]).failed(2, &["<PATH>"]);
    uds.run(&["estimate", "-0", "tree"]).failed(2, &["--files-from"]);
}

// Guards the filters of the command line: anchored and free patterns, whole directories,
// exceptions, and that what is given by name is read.
#[test]
fn patterns_leave_files_and_directories_out() {
    let uds = Uds::new();
    tree(&uds, &["a.log", "b.txt", "sub/c.log", "sub/d.txt", "out/e.txt", "sub/out/f.txt"]);
    let all = uds.estimate(&["tree"]);
    assert_eq!((files(&all).len(), &all["excluded"]), (6, &0.into()));
    let json = uds.estimate(&["--exclude", "*.log", "tree"]);
    assert_eq!((files(&json), &json["excluded"]), (vec![1, 3, 4, 5], &2.into()));
    let json = uds.estimate(&["--exclude", "/out/", "./tree"]);
    assert_eq!((files(&json), &json["excluded"]), (vec![0, 1, 2, 3, 5], &1.into()));
    let json =
        uds.estimate(&["--exclude", "*.log", "--exclude", "!a.log", "tree", "tree/sub/c.log"]);
    assert_eq!(files(&json), [0, 1, 2, 3, 4, 5]);
    uds.write("patterns", b"# what is made\nout\n");
    let json = uds.estimate(&["--exclude-from", "patterns", "tree"]);
    assert_eq!((files(&json), &json["excluded"]), (vec![0, 1, 2, 3], &2.into()));
    let text = uds.run(&["estimate", "--exclude", "*.log", "tree"]).stdout;
    assert!(text.contains("\nSkipped    2 excluded\n"), "{text}");
    uds.run(&["estimate", "--exclude", "a{", "tree"]).failed(2, &["--exclude", "a{"]);
    uds.run(&["estimate", "--exclude-from", "none", "tree"]).failed(3, &["\"none\""]);
}

// Guards the order of `.ignore` files, which end with their directories, and that nobody heeds them
// unasked.
#[test]
fn ignore_files_hold_below_their_directories() {
    let uds = Uds::new();
    tree(&uds, &["a.o", "b/c.o", "b/d.txt", "b/e/f.o", "g/h.o", "g/i.txt"]);
    let plain = uds.estimate(&["tree"])["unique_blocks"].clone();
    uds.write("tree/b/.ignore", b"*.o\n/d.txt\n");
    uds.write("tree/b/e/.ignore", b"!f.o\n");
    let unasked = uds.estimate(&["tree"]);
    assert_eq!(unasked["unique_blocks"].as_u64(), plain.as_u64().map(|blocks| blocks + 2));
    // The two `.ignore` files themselves are read, a block each: 2 more, the bit of file 1.
    let json = uds.estimate(&["--ignore", "tree"]);
    assert_eq!((files(&json), &json["excluded"]), (vec![0, 1, 3, 4, 5], &2.into()));
    let json = uds.estimate(&["--ignore", "--exclude", ".ignore", "tree"]);
    assert_eq!((files(&json), &json["excluded"]), (vec![0, 3, 4, 5], &4.into()));
    let json = uds.estimate(&["--ignore", "--exclude", "f.o", "--exclude", "!d.txt", "tree/b"]);
    assert_eq!(files(&json), [1, 2], "the command line comes first");
}

// Guards the way from VDO's estimator to ours: its flags mean here what they mean there.
#[test]
fn the_flags_of_vdos_estimator_are_accepted() {
    let uds = Uds::new();
    tree(&uds, &["a"]);
    let json = uds.estimate(&["--memorySize", "0.5", "--verbose", "tree"]);
    assert_eq!(json["index"]["memory"], "512M");
    for (given, memory) in [("0.25", "256M"), ("0.75", "768M"), ("1", "1G")] {
        assert_eq!(uds.estimate(&["--memory", given, "tree"])["index"]["memory"], memory);
    }
    for wrong in ["0", "0.3", "1.5", "1025", "-1"] {
        let argument = format!("--memorySize={wrong}");
        uds.run(&["estimate", &argument, "tree"]).failed(2, &["256M, 512M, 768M"]);
    }
    uds.run(&["estimate", "--reuse", "tree"]).failed(2, &["--index"]);
    let reuse = ["estimate", "--reuse", "--index", "index", "--format", "json", "tree"];
    uds.run(&reuse).failed(2, &["--reuse", "\"index\"", "is no index yet"]);
    assert!(!uds.path("index").exists());
    uds.small_index("index", 1024, 10);
    let json = uds.run(&reuse).json();
    assert_eq!((files(&json), &json["index"]["path"]), (vec![0], &"index".into()));
}
