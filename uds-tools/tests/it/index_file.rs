//! `uds estimate --index`: an index that is kept.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};

use crate::support::{Uds, blocks, fingerprint};

// Guards the reason to keep an index: what one run has seen, the next one knows.
#[test]
fn a_second_run_finds_everything_again() {
    let uds = Uds::new();
    uds.write("tree/one", &blocks(1..=50));
    uds.write("tree/two", &blocks(40..=100));
    let first = uds.estimate(&["--index", "kept", "--nonce", "0x2a", "tree"]);
    assert_eq!(
        (first["unique_blocks"].as_u64(), first["duplicate_blocks"].as_u64()),
        (Some(100), Some(11))
    );
    let bytes = first["index"]["disk_bytes"].as_u64().unwrap();
    let metadata = fs::metadata(uds.path("kept")).unwrap();
    assert_eq!(metadata.len(), bytes);
    assert!(metadata.blocks() * 512 >= bytes, "its space is reserved");
    let second = uds.estimate(&["--index", "kept", "--nonce", "42", "tree"]);
    assert_eq!(
        (second["unique_blocks"].as_u64(), second["duplicate_blocks"].as_u64()),
        (Some(0), Some(111))
    );
    assert_eq!(second["bytes_saved"], second["bytes_scanned"]);
    assert_eq!(second["index"]["path"], "kept");
    assert_eq!(second["index"]["memory"], "256M");
    assert_eq!(second["index"]["records_in_index"], 100);
}

// Guards against an index that is estimated as data, which grows while it is read.
#[test]
fn the_index_itself_is_not_data() {
    let uds = Uds::new();
    uds.write("tree/one", &blocks(1..=50));
    uds.small_index("tree/index", 4, 10);
    fs::hard_link(uds.path("tree/index"), uds.path("tree/index by another name")).unwrap();
    let json = uds.estimate(&["--index", "tree/index", "tree", "tree/index"]);
    assert_eq!(json["files_scanned"], 1);
    assert_eq!(json["blocks"], 50);
    assert_eq!((&json["index_skipped"], &json["hard_links_skipped"]), (&true.into(), &0.into()));
    let ran = uds.run(&["estimate", "--index", "tree/index", "tree/index"]);
    assert!(ran.stdout.contains("Skipped    the index itself"), "{}", ran.stdout);
    let json = uds.estimate(&["--index", "tree/index", "tree/one"]);
    assert_eq!(json["index_skipped"], false);
}

// Guards the warning: an index that forgets must say so where it cannot be missed, with advice
// that helps.
#[test]
fn a_window_that_is_too_small_is_told_loudly() {
    let uds = Uds::new();
    // Four chapters of 1024 records.
    uds.small_index("small", 4, 0);
    uds.write("tree/a", &blocks(1..=5000));
    let ran = uds.run(&["estimate", "--index", "small", "tree"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains("WARNING: THE INDEX WAS TOO SMALL"), "{}", ran.stdout);
    assert!(ran.stdout.contains("The true saving may be higher"), "{}", ran.stdout);
    assert!(ran.stdout.contains("--memory 256M would have held all"), "{}", ran.stdout);
    // The first records are forgotten, so a second run misses duplicates, and says so.
    let json = uds.estimate(&["--threads", "1", "--index", "small", "tree"]);
    assert!(json["unique_blocks"].as_u64() > Some(1000), "{json}");
    assert!(json["records_discarded"].as_u64() >= Some(1024), "{json}");
    assert_eq!(json["memory_needed"], "256M");
}

// Guards against a warning about records that were forgotten in earlier runs.
#[test]
fn earlier_losses_are_not_this_runs() {
    let uds = Uds::new();
    uds.small_index("small", 4, 5000);
    uds.write("tree/a", &blocks(1..=10));
    let json = uds.estimate(&["--index", "small", "tree"]);
    assert_eq!(json["records_discarded"], 0);
    assert_eq!(json["memory_needed"], serde_json::Value::Null);
}

// Guards the habit to make a file with mktemp first.
#[test]
fn an_empty_file_becomes_an_index() {
    let uds = Uds::new();
    uds.write("tree/one", &blocks(1..=50));
    uds.write("kept", b"");
    assert_eq!(uds.estimate(&["--index", "kept", "tree"])["unique_blocks"], 50);
    assert_eq!(uds.estimate(&["--index", "kept", "tree"])["duplicate_blocks"], 50);
}

// Guards against an index with names of two hashes, which finds nothing and does not say why.
#[test]
fn an_index_remembers_its_hash() {
    let uds = Uds::new();
    uds.write("tree/one", &blocks(1..=50));
    let estimate = |hash, name, more: &[&str]| {
        let arguments = ["estimate", "--format", "json", "--hash", hash, "--index", name, "tree"];
        uds.run(&[&arguments[..], more].concat())
    };
    assert_eq!(estimate("blake3", "by blake3", &[]).code, Some(0));
    assert_eq!(estimate("murmur", "by murmur", &[]).code, Some(0));
    let nonce = |name| uds.run(&["info", name, "--format", "json"]).json()["client_nonce"].clone();
    assert_eq!(nonce("by blake3"), "0x626c616b65332d31");
    assert_eq!(nonce("by murmur"), "0x0000000000000000");
    let saved = |name| uds.run(&["info", name]).stdout;
    let before = (saved("by blake3"), saved("by murmur"));
    let words = ["made for --hash blake3", "Add --hash blake3", "--nonce 0x626c616b65332d31"];
    estimate("murmur", "by blake3", &[]).failed(2, &words);
    let words = ["made for --hash murmur", "Leave --hash out", "--nonce 0"];
    estimate("blake3", "by murmur", &[]).failed(2, &words);
    assert_eq!((saved("by blake3"), saved("by murmur")), before);
    for (hash, name) in [("blake3", "by blake3"), ("murmur", "by murmur")] {
        assert_eq!(estimate(hash, name, &[]).json()["duplicate_blocks"], 50, "{hash}");
    }
    // Whoever names the nonce knows what they do.
    let mixed = estimate("murmur", "by blake3", &["--nonce", "0x626c616b65332d31"]).json();
    assert_eq!(mixed["unique_blocks"], 50);
    assert_eq!(estimate("blake3", "by murmur", &["--nonce", "0"]).json()["unique_blocks"], 50);
    // Nobody's names are in an empty index, and nobody knows whose are under another nonce.
    uds.run(&["create", "empty", "--memory", "256M", "--sparse-file"]);
    assert_eq!(estimate("blake3", "empty", &[]).code, Some(0));
    uds.small_index("other", 4, 10);
    assert_eq!(estimate("blake3", "other", &[]).code, Some(0));
}

// Guards against an index file made for paths that cannot be read.
#[test]
fn no_index_is_made_for_nothing() {
    let uds = Uds::new();
    uds.run(&["estimate", "--index", "kept", "missing"]).failed(3, &["missing"]);
    assert!(!uds.path("kept").exists());
}

// Guards against a file that changes although the run was refused.
#[test]
fn a_wrong_memory_or_nonce_changes_nothing() {
    let uds = Uds::new();
    uds.write("tree/a", &blocks(1..=10));
    let path = uds.small_index("small", 4, 100);
    let before = fingerprint(&path);
    let ran = uds.run(&["estimate", "--index", "small", "--memory", "512M", "tree"]);
    ran.failed(2, &["small", "512M", "--memory"]);
    let ran = uds.run(&["estimate", "--index", "small", "--nonce", "78", "tree"]);
    ran.failed(2, &["small", "nonce", "0x000000000000004d", "0x000000000000004e"]);
    assert_eq!(fingerprint(&path), before);
    uds.estimate(&["--index", "small", "--nonce", "77", "tree"]);
    assert_ne!(fingerprint(&path), before, "the right nonce extends it");
}

// Guards an index, and the hours of a run, against one damaged page: the blocks that need it are
// told as failed, and all the others are counted and kept.
#[test]
fn a_damaged_page_costs_only_the_blocks_that_need_it() {
    let uds = Uds::new();
    let path = uds.small_index("kept", 16, 0);
    uds.write("old/data", &blocks(1..=3000));
    uds.write("both/data", &blocks(1..=6000));
    assert_eq!(uds.estimate(&["--index", "kept", "old"])["unique_blocks"], 3000);
    // The first chapter lies behind two blocks and a page of 32 KiB.
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0xff; 1000], 8192 + 32768).unwrap();
    let run = ["estimate", "--index", "kept", "--format", "json", "both"];
    let ran = uds.run(&run);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let json = ran.json();
    let field = |name: &str| json[name].as_u64().unwrap();
    let failed = field("blocks_failed");
    assert!(failed > 0 && failed <= 1024, "a chapter at most: {failed}");
    assert_eq!(field("duplicate_blocks") + failed, 3000);
    assert_eq!(field("unique_blocks"), 3000);
    assert_eq!((&json["failed"], &json["interrupted"]), (&"lookup".into(), &false.into()));
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    for words in ["uds: \"kept\": ", "could not be looked up: index page 0 of slot 0", "is damaged"]
    {
        assert!(ran.stderr.contains(words), "{words:?} is not in {}", ran.stderr);
    }
    assert_eq!(uds.run(&["info", "kept"]).code, Some(0), "it was saved");
    let ran = uds.run(&["estimate", "--index", "kept", "both"]);
    assert!(ran.stdout.contains("FAILED: the index could not look up"), "{ran:?}");
    assert!(ran.stdout.contains("  FAILED   "), "{ran:?}");
}
