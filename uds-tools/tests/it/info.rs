//! `uds info`.

use std::path::Path;

use crate::support::{Uds, fingerprint};

/// Replaces what differs from index to index: the volume nonce and the time.
fn steady(text: &str) -> String {
    let lines = text.lines().map(|line| {
        if line.starts_with("  volume   0x") {
            "  volume   [nonce]"
        } else if line.starts_with("  saved ") {
            "  saved    [time]"
        } else {
            line
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

// Guards what people learn about an index, and that looking does not touch it.
#[test]
fn an_index_describes_itself() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 2500);
    let before = fingerprint(&path);
    let ran = uds.run(&["info", "index"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for line in ran.stdout.lines() {
        assert!(line.len() <= 60, "{line:?}");
    }
    insta::assert_snapshot!(steady(&ran.stdout));
    let mut json = uds.run(&["info", "index", "--format", "json"]).json();
    assert!(json["saved"]["at_unix_ms"].as_u64() > Some(1_700_000_000_000));
    json["saved"]["at_unix_ms"] = "[time]".into();
    json["volume_nonce"] = "[nonce]".into();
    insta::assert_json_snapshot!(json);
    assert_eq!(fingerprint(&path), before);
}

// Guards the regions against a gap or an overlap, and against the size of the file.
#[test]
fn the_regions_tile_the_index() {
    let uds = Uds::new();
    let path = uds.small_index("index", 9, 100);
    let json = uds.run(&["info", "index", "--format", "json"]).json();
    let mut next = 0;
    for region in json["regions"].as_array().unwrap() {
        assert_eq!(region["start_block"], next, "{region}");
        next += region["blocks"].as_u64().unwrap();
    }
    assert_eq!(next * 4096, std::fs::metadata(&path).unwrap().len());
    assert_eq!(json["reduced"], true, "nine chapters are an odd number");
}

// Guards against an info that needs the right to write.
#[test]
fn a_read_only_index_can_be_looked_at() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 10);
    set_mode(&path, 0o444);
    assert_eq!(uds.run(&["info", "index"]).code, Some(0));
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
