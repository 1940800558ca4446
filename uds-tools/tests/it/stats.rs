//! `uds stats`.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use uds_geometry::{Configuration, CustomConfiguration, LayoutSizes, RecordData, RecordName};
use uds_index::{Batch, CreateOptions, Index};
use uds_volume::FileStorage;

use crate::support::{Uds, alone, fingerprint};

/// Makes a sparse index, saved, of 12 chapters of 1024 records each, 8 of them sparse, and posts so
/// many records; then the first hundred again.
pub(crate) fn sparse_index(uds: &Uds, name: &str, records: u64) -> PathBuf {
    let path = uds.path(name);
    let custom = CustomConfiguration {
        record_pages_per_chapter: 1,
        chapters_per_volume: 12,
        sparse_chapters_per_volume: 8,
        sample_rate: 4,
        ..CustomConfiguration::default()
    };
    let configuration = Configuration::custom(&custom).unwrap();
    let bytes = LayoutSizes::new(&configuration.geometry()).unwrap().total_bytes();
    let storage = Arc::new(FileStorage::create(&path, bytes).unwrap());
    let index = Index::create(storage.clone(), &configuration, &CreateOptions::default()).unwrap();
    let mut batch = Batch::new();
    for number in (0..records).chain(0..100) {
        let name = RecordName::of_block(format!("record {number}").as_bytes());
        batch.post(name, RecordData::default());
    }
    index.run(&mut batch).unwrap();
    index.close().unwrap();
    alone(|| drop(storage));
    path
}

/// Runs `stats` both ways; neither may write. Returns the text and the JSON object.
#[track_caller]
fn stats(uds: &Uds, name: &str, code: i32) -> (String, Value) {
    let before = fingerprint(&uds.path(name));
    let ran = uds.run(&["stats", name]);
    assert_eq!(ran.code, Some(code), "{ran:?}");
    for line in ran.stdout.lines() {
        assert!(line.len() <= 60 && line.trim_end() == line, "{line:?}");
    }
    let json = uds.run(&["stats", name, "--format", "json"]);
    assert_eq!((json.code, &json.stderr), (Some(code), &ran.stderr), "{json:?}");
    assert_eq!(fingerprint(&uds.path(name)), before);
    (ran.stdout, json.json())
}

/// Replaces what differs from build to build: the memory.
fn steady(text: &str, json: &mut Value) -> String {
    assert!(json["statistics"]["memory_used"].as_u64() > Some(100_000));
    json["statistics"]["memory_used"] = "[bytes]".into();
    let lines = text
        .lines()
        .map(|line| if line.starts_with("Memory ") { "Memory     [bytes]" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// The sum of a field over the chapters.
fn over_chapters(json: &Value, field: &str) -> u64 {
    let chapters = json["chapters"].as_array().unwrap();
    chapters.iter().map(|chapter| chapter[field].as_u64().unwrap()).sum()
}

// Guards what people and programs read of an index.
#[test]
fn a_dense_index() {
    let uds = Uds::new();
    uds.small_index("index", 4, 5500);
    let (text, mut json) = stats(&uds, "index", 0);
    insta::assert_snapshot!(steady(&text, &mut json));
    insta::assert_json_snapshot!(json);
    assert_eq!(over_chapters(&json, "records") + 380, 3 * 1024 + 380);
}

// Guards the parts of a sparse index against each other: of its sparse chapters only the samples
// are known.
#[test]
fn a_sparse_index() {
    let uds = Uds::new();
    sparse_index(&uds, "index", 9500);
    let (text, mut json) = stats(&uds, "index", 0);
    insta::assert_snapshot!(steady(&text, &mut json));
    let parts = json["volume_index"].as_array().unwrap();
    let live = |part: usize| parts[part]["live"].as_u64().unwrap();
    assert_eq!((&parts[0]["part"], &parts[1]["part"]), (&"non_hook".into(), &"hook".into()));
    let open = json["open_chapter"]["records"].as_u64().unwrap();
    assert_eq!(over_chapters(&json, "records") + open, live(0) + live(1));
    insta::assert_json_snapshot!(parts);
}

// Guards an index without a closed chapter, of which there is no least, mean and most.
#[test]
fn an_empty_index() {
    let uds = Uds::new();
    uds.small_index("index", 4, 0);
    let (text, mut json) = stats(&uds, "index", 0);
    insta::assert_snapshot!(steady(&text, &mut json));
    assert_eq!(json["chapters"].as_array().map(Vec::len), Some(0));
    assert_eq!(json["chapter_indexes"]["list_entries"]["mean"], Value::Null);
}

// Guards an index that was not closed cleanly: it is recovered in memory, and said to be.
#[test]
fn an_index_that_was_not_closed() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 2500);
    // The header of the save: as an index that was never saved has it.
    let json = uds.run(&["info", "index", "--format", "json"]).json();
    let save = json["regions"][3]["start_block"].as_u64().unwrap() * 4096;
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[4], save + 16).unwrap();
    let ran = uds.run(&["stats", "index"]);
    assert!(ran.stderr.contains("was not closed cleanly: 2 chapters recovered"), "{ran:?}");
    let (text, json) = stats(&uds, "index", 0);
    assert!(text.contains("not closed cleanly; this is after a recovery"), "{text}");
    assert_eq!(json["recovered"]["chapters"], 2);
    assert_eq!(json["open_chapter"]["held"], 0);
    assert_eq!(over_chapters(&json, "records"), 2048);
}

// Guards against damage that is passed over without a word.
#[test]
fn a_damaged_index() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 2500);
    // The nonce of the index page of chapter 0, behind two headers and the volume's first page.
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[1, 2, 3], 2 * 4096 + 32768).unwrap();
    let (text, json) = stats(&uds, "index", 1);
    assert!(text.contains("damaged"), "{text}");
    assert!(text.ends_with("  uds verify index\n"), "{text}");
    assert_eq!(json["chapters"][0]["pages"], serde_json::json!([null]));
    assert_eq!(json["chapters"][0]["copies"], Value::Null);
    // What the volume index says of it is another matter.
    assert_eq!(json["chapters"][0]["records"], 1024);
}

// Guards the exit codes of what cannot be looked at, and an index that is being written to.
#[test]
fn what_cannot_be_looked_at() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 10);
    for command in ["stats", "histogram"] {
        uds.run(&[command]).failed(2, &["FILE"]);
        uds.run(&[command, "missing"]).failed(3, &["missing", "No such file"]);
        uds.run(&[command, "index", "--offset", "1"]).failed(4, &["index", "there is no index"]);
    }
    let holder = FileStorage::open(&path).unwrap();
    uds.run(&["stats", "index"]).failed(3, &["index", "in use"]);
    alone(|| drop(holder));
}
