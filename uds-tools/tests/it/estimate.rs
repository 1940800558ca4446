//! `uds estimate` with a temporary index.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{BLOCK, Ran, Uds, alone, block, blocks, ended, skipped, start};

/// The text with what differs from run to run replaced: time and rate.
fn steady(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| if line.starts_with("Time") { "Time       [time and rate]" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

// Guards the text that people read: its layout, its width, and nothing but text in a pipe.
#[test]
fn the_text_for_people() {
    let uds = Uds::new();
    uds.write("tree/one", &blocks([1, 2, 3, 0, 0, 1]));
    uds.write("tree/two", &blocks([3, 4, 5]));
    uds.write("tree/tail", b"short");
    fs::hard_link(uds.path("tree/one"), uds.path("tree/also one")).unwrap();
    symlink("one", uds.path("tree/link")).unwrap();
    let ran = uds.run(&["estimate", "tree"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for line in ran.stdout.lines() {
        assert!(line.len() <= 60 && line.chars().all(|c| !c.is_control()), "{line:?}");
    }
    insta::assert_snapshot!(steady(&ran.stdout));
}

// Guards the JSON object that programs read: no field may vanish or change its meaning without
// a new schema version.
#[test]
fn the_json_for_programs() {
    let uds = Uds::new();
    uds.write("tree/one", &blocks([1, 2, 3, 0, 0, 1]));
    uds.write("tree/two", &blocks([3, 4, 5]));
    let mut json = uds.estimate(&["tree"]);
    assert!(json["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    json["seconds"] = "[time]".into();
    insta::assert_json_snapshot!(json);
}

// Guards small files: a padded tail is a block of its own content and zeroes, whatever its file.
#[test]
fn tails_are_padded_and_found_again() {
    let uds = Uds::new();
    let mut padded = block(9)[..100].to_vec();
    uds.write("tree/short", &padded);
    uds.write("tree/long", &[block(8), padded.clone()].concat());
    padded.resize(BLOCK, 0);
    uds.write("tree/whole", &padded);
    uds.write("tree/empty", b"");
    uds.write("tree/zeroes", &[0; 10]);
    let json = uds.estimate(&["tree"]);
    assert_eq!(json["files_scanned"], 5);
    assert_eq!(json["bytes_scanned"], 100 + BLOCK + 100 + BLOCK + 10);
    assert_eq!(json["blocks"], 5);
    assert_eq!(json["unique_blocks"], 2);
    assert_eq!(json["duplicate_blocks"], 2);
    assert_eq!(json["zero_blocks"], 1);
    // Three equal files of one byte: two blocks saved, but only three bytes were read.
    for name in ["a", "b", "c"] {
        uds.write(&format!("small/{name}"), b"x");
    }
    let json = uds.estimate(&["small"]);
    assert_eq!((&json["duplicate_blocks"], &json["bytes_saved"]), (&2.into(), &3.into()));
}

// Guards against counting twice what was given twice.
#[test]
fn repeated_and_nested_paths_count_once() {
    let uds = Uds::new();
    uds.write("tree/a/one", &blocks(1..5));
    uds.write("tree/two", &blocks(5..8));
    let paths = ["tree/a/one", "tree", "tree/a", "tree/../tree", "tree/a/one"];
    let json = uds.estimate(&paths);
    assert_eq!(json["files_scanned"], 2);
    assert_eq!(json["blocks"], 7);
    assert_eq!(json["duplicate_blocks"], 0);
}

// Guards a large file that several threads share, and its holes.
#[test]
fn a_large_sparse_file_is_read_once_by_many() {
    let uds = Uds::new();
    let length = 5 << 30;
    let file = fs::File::create(uds.path("large")).unwrap();
    file.set_len(length).unwrap();
    let data = blocks(1..=10_000);
    std::os::unix::fs::FileExt::write_all_at(&file, &data, 1 << 30).unwrap();
    let json = uds.estimate(&["--threads", "4", "large"]);
    assert_eq!(json["bytes_scanned"], length);
    assert_eq!(json["files_scanned"], 1);
    assert_eq!(json["unique_blocks"], 10_000);
    assert_eq!(json["zero_blocks"], length / BLOCK as u64 - 10_000);
}

/// Runs the program as a user who may not read everything, from a place that this user can reach.
fn run_unprivileged(uds: &Uds, arguments: &[&str]) -> Option<Ran> {
    // The tests may run as root, whom no permission stops.
    if !rustix::process::geteuid().is_root() {
        return Some(uds.run(arguments));
    }
    let place = tempfile::tempdir_in("/tmp").ok()?;
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).ok()?;
    fs::set_permissions(uds.directory.path(), fs::Permissions::from_mode(0o777)).ok()?;
    let program = place.path().join("uds");
    // A file that is open for writing cannot be run.
    alone(|| fs::copy(env!("CARGO_BIN_EXE_uds"), &program)).ok()?;
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .current_dir(uds.directory.path())
        .env("TMPDIR", uds.directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .uid(65534);
    // Where the build lies in a directory that is closed to others, this cannot be tested.
    let child = start(&mut command).ok()?;
    Some(ended(child, &command))
}

// Guards against a scan that ends at the first unreadable file, or hides it.
#[test]
fn unreadable_files_are_told_and_the_rest_is_counted() {
    let uds = Uds::new();
    uds.write("tree/good", &blocks(1..4));
    uds.write("tree/secret", &blocks(4..6));
    uds.write("tree/closed/file", &blocks(6..8));
    for name in ["tree/secret", "tree/closed"] {
        fs::set_permissions(uds.path(name), fs::Permissions::from_mode(0o000)).unwrap();
    }
    let Some(ran) = run_unprivileged(&uds, &["estimate", "--format", "json", "tree"]) else {
        let reason = "the superuser reads everything, and nobody else can reach the build";
        return skipped("unreadable_files_are_told_and_the_rest_is_counted", reason);
    };
    fs::set_permissions(uds.path("tree/closed"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let json = ran.json();
    assert_eq!(json["files_failed"], 2);
    assert_eq!(json["files_scanned"], 1);
    assert_eq!(json["blocks"], 3);
    for words in ["\"tree/secret\": Permission denied", "cannot read \"tree/closed\": "] {
        assert!(ran.stderr.contains(words), "{:?}", ran.stderr);
    }
}

// Guards against an error that is hidden behind the paths that could be read, and against
// a result that looks like one where no path could.
#[test]
fn missing_paths_are_told() {
    let uds = Uds::new();
    uds.write("file", &blocks(1..4));
    let ran = uds.run(&["estimate", "--format", "json", "missing", "file"]);
    assert_eq!(ran.code, Some(3));
    assert_eq!(ran.json()["blocks"], 3);
    assert_eq!(ran.json()["files_failed"], 1);
    assert!(ran.stderr.contains("cannot read \"missing\": No such file"), "{:?}", ran.stderr);
    uds.run(&["estimate", "missing", "lost"]).failed(3, &["missing", "lost", "No such file"]);
}

// Guards against blocking on a pipe, or reading a terminal, that was given as a path.
#[test]
fn special_files_are_refused_as_paths() {
    let uds = Uds::new();
    uds.write("file", &blocks(1..4));
    let ran = uds.run(&["estimate", "--format", "json", "/dev/null", "file"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("\"/dev/null\": it is a character device"), "{:?}", ran.stderr);
}

// Guards against a temporary index that stays behind, by name or in full size.
#[test]
fn the_temporary_index_leaves_nothing_behind() {
    let uds = Uds::new();
    uds.write("tree/one", &blocks(1..100));
    fs::create_dir(uds.path("temporary")).unwrap();
    uds.estimate(&["--temp-dir", "temporary", "tree"]);
    assert_eq!(fs::read_dir(uds.path("temporary")).unwrap().count(), 0);
    let ran = uds.run(&["estimate", "--temp-dir", "no/such/place", "tree"]);
    ran.failed(3, &["the directory \"no/such/place\" does not exist", "--temp-dir"]);
    assert!(!Path::new("no/such/place").exists());
}
