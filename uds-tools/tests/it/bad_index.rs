//! Files that are no index, or a broken one, or somebody else's: each with its own message and
//! exit code, and none of them changed.

use std::fs;
use std::os::unix::fs::{FileExt, symlink};

use uds_volume::FileStorage;

use crate::support::{Uds, blocks, fingerprint};

/// Runs every command that opens an existing index; all must fail alike.
#[track_caller]
fn refused(uds: &Uds, name: &str, code: i32, words: &[&str]) {
    let path = uds.path(name);
    let before = path.is_file().then(|| fingerprint(&path));
    uds.write("data/file", &blocks(1..10));
    uds.run(&["estimate", "--index", name, "data"]).failed(code, words);
    uds.run(&["info", name]).failed(code, words);
    assert_eq!(path.is_file().then(|| fingerprint(&path)), before);
}

// Guards against taking any file for an index.
#[test]
fn files_that_are_no_index() {
    let uds = Uds::new();
    uds.write("text", &b"not an index, by no means\n".repeat(1000));
    refused(&uds, "text", 4, &["text", "there is no index"]);
    uds.write("zeroes", &[0; 100_000]);
    refused(&uds, "zeroes", 4, &["zeroes", "there is no index"]);
    uds.write("short", b"x");
    refused(&uds, "short", 4, &["short"]);
    uds.write("empty", b"");
    refused(&uds, "empty", 4, &["empty"]);
}

// Guards against trusting an index's head when its tail is gone.
#[test]
fn a_truncated_index() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 2000);
    let length = fs::metadata(&path).unwrap().len();
    for kept in [length - 4096, length / 2, 8192, 4096] {
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(kept).unwrap();
        refused(&uds, "index", 4, &["index", "too short"]);
    }
}

// Guards against reading what another version or a bad disk wrote.
#[test]
fn a_damaged_head() {
    let uds = Uds::new();
    // The version in the super block; the label beside it; the configuration's magic.
    for (name, place, value, words) in [
        ("version 7", 264, 7, "version"),
        ("label", 192, b'?', "damaged"),
        ("configuration", 4096, b'?', "damaged"),
    ] {
        let path = uds.small_index(name, 4, 2000);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[value], place).unwrap();
        refused(&uds, name, 4, &[name, words]);
    }
}

// Guards against a wrong kind of file behind the name.
#[test]
fn directories_devices_and_links() {
    let uds = Uds::new();
    fs::create_dir(uds.path("directory")).unwrap();
    refused(&uds, "directory", 4, &["is a directory"]);
    refused(&uds, "/dev/null", 4, &["character device"]);
    uds.run(&["info", "missing"]).failed(3, &["missing", "No such file"]);
    uds.small_index("index", 4, 10);
    symlink("index", uds.path("link")).unwrap();
    assert_eq!(uds.run(&["info", "link"]).code, Some(0));
}

// Guards against two writers, and against reading an index while it changes.
#[test]
fn an_index_that_is_in_use() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 10);
    let holder = FileStorage::open(&path).unwrap();
    refused(&uds, "index", 3, &["index", "in use"]);
    let create = ["create", "index", "--memory", "256M", "--force"];
    uds.run(&create).failed(3, &["index", "in use"]);
    drop(holder);
    let reader = FileStorage::open_read_only(&path).unwrap();
    assert_eq!(uds.run(&["info", "index"]).code, Some(0), "readers share");
    uds.write("data/file", &blocks(1..10));
    uds.run(&["estimate", "--index", "index", "data"]).failed(3, &["in use"]);
    drop(reader);
}

// Guards against an index that is opened although its last run did not end well.
#[test]
fn an_index_that_was_not_closed() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 2000);
    // Both save slots lie at the end; without them there is no save.
    let length = fs::metadata(&path).unwrap().len();
    let content = fs::read(&path).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let magic = &content[..8];
    let slots: Vec<_> = (4096..length)
        .step_by(4096)
        .filter(|&start| content[start as usize..].starts_with(magic))
        .collect();
    assert_eq!(slots.len(), 2, "the headers of the save slots");
    for start in slots {
        // Type 4 of a region table: an unsaved slot.
        file.write_all_at(&[4], start + 16).unwrap();
    }
    drop(file);
    let before = fingerprint(&path);
    uds.write("data/file", &blocks(1..10));
    uds.run(&["estimate", "--index", "index", "data"]).failed(4, &["not closed cleanly"]);
    let ran = uds.run(&["info", "index"]);
    assert_eq!(ran.code, Some(1), "info shows it, and says that something is wrong");
    assert!(ran.stdout.contains("PROBLEM: the index was not closed cleanly"), "{}", ran.stdout);
    assert_eq!(fingerprint(&path), before);
}
