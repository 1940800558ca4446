//! Files that are no index, or a broken one, or somebody else's: each with its own message and
//! exit code, and none of them changed.

use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::sync::Arc;

use uds_geometry::{RecordData, RecordName};
use uds_index::{Batch, Index, OpenOptions};
use uds_volume::FileStorage;

use crate::support::{Uds, alone, blocks, fingerprint};

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
    uds.run(&["info", "empty"]).failed(4, &["empty", "there is no index"]);
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
    uds.run(&["info", "missing"])
        .failed(3, &["cannot open for reading \"missing\"", "No such file"]);
    // A name that would clear the screen.
    let ran = uds.run(&["info", "\x1b[2J"]);
    ran.failed(3, &["\\u{1b}[2J"]);
    fs::write(uds.path("\x1b[2J"), [1; 100_000]).unwrap();
    uds.run(&["info", "\x1b[2J"]).failed(4, &["\\u{1b}[2J"]);
    fs::remove_file(uds.path("\x1b[2J")).unwrap();
    uds.small_index("\x1b[2J", 4, 10);
    let ran = uds.run(&["info", "\x1b[2J"]);
    assert!(ran.stdout.starts_with("\"\\u{1b}[2J\"\n"), "{ran:?}");
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
    alone(|| drop(holder));
    let reader = FileStorage::open_read_only(&path).unwrap();
    assert_eq!(uds.run(&["info", "index"]).code, Some(0), "readers share");
    uds.write("data/file", &blocks(1..10));
    uds.run(&["estimate", "--index", "index", "data"]).failed(3, &["in use"]);
    alone(|| drop(reader));
}

/// The places of the headers of both save slots, which lie at the end.
fn save_slots(path: &Path) -> Vec<u64> {
    let content = fs::read(path).unwrap();
    let slots: Vec<_> = (4096..content.len())
        .step_by(4096)
        .filter(|&start| content[start..].starts_with(&content[..8]))
        .map(|start| start as u64)
        .collect();
    assert_eq!(slots.len(), 2);
    slots
}

// Guards against records that are lost with a save slot although nobody is told.
#[test]
fn a_damaged_save_slot_is_told() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 10);
    uds.write("data/file", &blocks(1..=100));
    uds.estimate(&["--index", "index", "data"]);
    let latest = uds.run(&["info", "index", "--format", "json"]).json();
    assert_eq!(latest["damaged_slots"].as_array().map(Vec::len), Some(0));
    let slot = latest["saved"]["slot"].as_u64().unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"?", save_slots(&path)[slot as usize]).unwrap();

    let ran = uds.run(&["info", "index"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let words = format!("save slot {slot}: its header is damaged");
    assert!(ran.stdout.contains(&words), "{}", ran.stdout);
    let json = uds.run(&["info", "index", "--format", "json"]).json();
    assert_eq!((&json["damaged_slots"][0], &json["clean"]), (&slot.into(), &true.into()));
    let ran = uds.run(&["estimate", "--index", "index", "--format", "json", "data"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("warning") && ran.stderr.contains(&words), "{}", ran.stderr);
    assert_eq!(ran.json()["unique_blocks"], 100, "the older save did not know them");
    assert_eq!(uds.run(&["info", "index"]).code, Some(0), "the next save repairs it");
}

/// Asserts that an index is refused for an exit code of 4, and that `info` tells all about it
/// under an exit code of 1.
#[track_caller]
fn unusable(uds: &Uds, name: &str, words: &[&str]) {
    let path = uds.path(name);
    let before = fingerprint(&path);
    let ran = uds.run(&["info", name]);
    assert_eq!(ran.code, Some(1), "info shows it, and says that something is wrong");
    for line in ran.stdout.lines() {
        assert!(line.len() <= 60, "{line:?}");
    }
    let text = ran.stdout.replace('\n', " ");
    for word in words.iter().chain(&["uds rebuild"]) {
        assert!(text.contains(word), "{word:?} is not in {}", ran.stdout);
    }
    assert_eq!(fingerprint(&path), before);
}

/// Rebuilds an index that has so many sound chapters, after which it is as good as any.
#[track_caller]
fn rebuild(uds: &Uds, name: &str, chapters: u64) {
    let ran = uds.run(&["rebuild", name, "--format", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let json = ran.json();
    assert_eq!((&json["was_clean"], &json["chapters"]), (&false.into(), &chapters.into()));
    assert_eq!((&json["bad_chapters"], &json["stale_pages"]), (&0.into(), &0.into()));
    assert_eq!(uds.run(&["info", name]).code, Some(0), "it is sound now");
    let before = fingerprint(&uds.path(name));
    let ran = uds.run(&["rebuild", name]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains("nothing to rebuild"), "{}", ran.stdout);
    assert_eq!(fingerprint(&uds.path(name)), before);
}

// Guards against an index that is taken for saved although it never was, against words about a save
// that there never was, and its rebuild.
#[test]
fn an_index_that_was_never_saved() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 2000);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    for start in save_slots(&path) {
        // Type 4 of a region table: an unsaved slot.
        file.write_all_at(&[4], start + 16).unwrap();
    }
    unusable(&uds, "index", &["State      NEVER SAVED", "PROBLEM: ", "it was never saved"]);
    let ran = uds.run(&["info", "index"]);
    assert!(!ran.stdout.contains("last save:"), "{}", ran.stdout);
    rebuild(&uds, "index", 1);
}

// Guards the rebuild of what is no index, or somebody else's.
#[test]
fn what_is_no_index_is_not_rebuilt() {
    let uds = Uds::new();
    uds.write("file", b"something else");
    uds.run(&["rebuild", "file"]).failed(4, &["there is no index"]);
    uds.run(&["rebuild", "missing"]).failed(3, &["missing"]);
}

// Guards against an index that is taken for saved although it was written to after that, its
// rebuild, and an estimate that goes on with it.
#[test]
fn an_index_that_was_not_closed() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 100);
    let index = Index::open(Arc::new(FileStorage::open(&path).unwrap()), &OpenOptions::default());
    let mut batch = Batch::new();
    for number in 0..2000_u64 {
        batch.post(RecordName::of_block(&number.to_le_bytes()), RecordData::default());
    }
    let index = index.unwrap();
    index.run(&mut batch).unwrap();
    index.flush().unwrap();
    alone(|| drop(index));
    unusable(
        &uds,
        "index",
        &[
            "State      NOT CLOSED CLEANLY; at the last save:",
            "PROBLEM: the index was not closed cleanly: chapters were written after",
        ],
    );
    let copy = uds.path("copy");
    fs::copy(&path, &copy).unwrap();
    rebuild(&uds, "index", 2);
    uds.write("data/file", &blocks(1..10));
    let ran = uds.run(&["estimate", "--index", "copy", "data"]);
    assert_eq!(ran.code, Some(0));
    for word in ["not closed cleanly", "2 chapters recovered", "open chapter are lost"] {
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
    assert_eq!(uds.run(&["info", "copy"]).code, Some(0));
}
