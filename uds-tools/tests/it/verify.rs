//! `uds verify`.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use uds_geometry::{Configuration, CustomConfiguration, LayoutSizes};
use uds_volume::FileStorage;

use crate::support::{Ran, Uds, alone, fingerprint};

/// Verifies an index in all ways; all must agree on the exit code, and none may write. Returns the
/// text and the JSON object of the deep one.
#[track_caller]
fn verify(uds: &Uds, name: &str, code: i32) -> (String, serde_json::Value) {
    let before = fingerprint(&uds.path(name));
    let run = |arguments: &[&str]| {
        let ran = uds.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), ""), "{ran:?}");
        ran
    };
    run(&["verify", name, "--threads", "1"]);
    run(&["verify", name, "--quiet"]);
    let text = run(&["verify", name, "--deep"]).stdout;
    let json = run(&["verify", name, "--deep", "--format", "json"]).json();
    assert_eq!(fingerprint(&uds.path(name)), before);
    for line in text.lines() {
        assert!(line.len() <= 76, "{line:?}");
        assert_eq!(line.trim_end(), line);
    }
    (text, json)
}

/// Replaces what differs from run to run: the time.
fn steady(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(" in ") {
        Some((read, _)) if line.starts_with("Read ") => format!("{read} in [time]"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Where the volume's pages begin, and the latest save of an index made by `small_index`: the
/// first one is in slot 0.
fn places(chapters: u32) -> (u64, u64) {
    let custom = CustomConfiguration {
        record_pages_per_chapter: 1,
        chapters_per_volume: chapters,
        ..CustomConfiguration::default()
    };
    let geometry = Configuration::custom(&custom).unwrap().geometry();
    let sizes = LayoutSizes::new(&geometry).unwrap();
    (2 * 4096 + u64::from(geometry.bytes_per_page()), (2 + sizes.volume_blocks) * 4096)
}

fn flip(path: &Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

// Guards what people and programs read of a sound index.
#[test]
fn a_sound_index() {
    let uds = Uds::new();
    uds.small_index("index", 4, 2500);
    let (text, mut json) = verify(&uds, "index", 0);
    insta::assert_snapshot!(steady(&text));
    json["seconds"] = "[time]".into();
    insta::assert_json_snapshot!(json);
}

// Guards what they read of damage: in which chapter, on which page, at which byte.
#[test]
fn a_damaged_index() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 2500);
    let (volume, save) = places(4);
    // The last byte of a name's place in its chapter, on the record page of chapter 1; the chapter
    // of the latest update of the page map; a byte of the save's header that nothing reads.
    flip(&path, volume + 3 * 32768 + 32 * 500 + 13);
    flip(&path, save + 4096 + 8);
    flip(&path, save + 3000);
    let (text, mut json) = verify(&uds, "index", 1);
    insta::assert_snapshot!(steady(&text));
    json["seconds"] = "[time]".into();
    insta::assert_json_snapshot!(json["findings"]);
    assert_eq!(
        (&json["sound"], &json["damage"], &json["notes"]),
        (&false.into(), &2.into(), &1.into())
    );
}

// Guards against an alarm over an index that has only to be recovered.
#[test]
fn an_index_that_was_not_closed() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 2500);
    let (_, save) = places(4);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    // As an index that was never saved has it: a table of another type.
    file.write_all_at(&[4], save + 16).unwrap();
    let (text, json) = verify(&uds, "index", 0);
    assert!(text.contains("not closed cleanly; opening it recovers it"), "{text}");
    assert!(text.contains("SOUND"), "{text}");
    assert_eq!(
        (&json["state"], &json["deep"]),
        (&"needs_recovery".into(), &serde_json::Value::Null)
    );
    assert_eq!(json["checked"]["chapters"], 2);
}

// Guards the exit codes of what cannot be examined.
#[test]
fn what_cannot_be_examined() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 10);
    uds.run(&["verify"]).failed(2, &["FILE"]);
    uds.run(&["verify", "index", "--threads", "0"]).failed(2, &["--threads"]);
    uds.run(&["verify", "missing"]).failed(3, &["missing", "No such file"]);
    uds.run(&["verify", "index", "--offset", "1"]).failed(4, &["index", "there is no index"]);
    uds.write("text", &[b'x'; 10_000]);
    uds.run(&["verify", "text"]).failed(4, &["text", "there is no index"]);
    flip(&path, 192);
    uds.run(&["verify", "index"]).failed(4, &["index", "damaged"]);
    flip(&path, 192);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(100_000).unwrap();
    uds.run(&["verify", "index"]).failed(4, &["index", "too short"]);
}

// Guards an index that is being written to, and readers against each other.
#[test]
fn an_index_in_use() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 10);
    let holder = FileStorage::open(&path).unwrap();
    uds.run(&["verify", "index"]).failed(3, &["index", "in use"]);
    alone(|| drop(holder));
    let reader = FileStorage::open_read_only(&path).unwrap();
    let ran: Ran = uds.run(&["verify", "index"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    alone(|| drop(reader));
}
