//! `uds bench`.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::support::{Ran, Uds};

/// The phases of the document, in its order.
const PHASES: [&str; 10] = [
    "fill",
    "steady",
    "miss",
    "hit-sequential",
    "hit-recent",
    "hit-random",
    "post-duplicate",
    "close",
    "clean-open",
    "unclean-open",
];

/// Runs it on an index that is nearly empty: a bit more than a chapter is filled.
fn small(uds: &Uds, more: &[&str]) -> Ran {
    let mut arguments = vec!["bench", "--fill", "0.001", "--ops", "20000"];
    arguments.extend(more);
    uds.run(&arguments)
}

/// Names of what is in the directory of the program.
fn left(uds: &Uds) -> Vec<String> {
    let entries = fs::read_dir(uds.directory.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The text without its numbers, their units and its columns.
fn without_numbers(text: &str) -> String {
    let mut steady = String::new();
    for line in text.lines() {
        let mut words: Vec<&str> = Vec::new();
        for word in line.split_whitespace() {
            let is_number = word.starts_with(|letter: char| letter.is_ascii_digit());
            let is_unit = ["B", "KiB", "MiB", "GiB", "B,", "KiB,", "MiB,", "GiB,"].contains(&word);
            match word {
                "unknown" | "unknown," => words.push("#"),
                "core," => words.push("cores,"),
                _ if is_number => words.push("#"),
                _ if is_unit && words.last() == Some(&"#") => {}
                word => words.push(word),
            }
        }
        steady.push_str(&words.join(" "));
        steady.push('\n');
    }
    steady
}

// Guards the phases, which other programs know by their names and their order, and what each
// has to find; a sparse index of several zones with several callers has them, too.
#[test]
fn all_phases_are_measured_in_order() {
    let uds = Uds::new();
    let several = ["--sparse", "--fill", "0.0002", "--zones", "3", "--callers", "3"];
    for (more, fill) in [(&[][..], 67_109), (&several[..], 134_218)] {
        let mut arguments = vec!["bench", "--ops", "20000", "--format", "json"];
        arguments.extend(if more.is_empty() { &["--fill", "0.001"] } else { more });
        let ran = uds.run(&arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{more:?}");
        let json = ran.json();
        let phases = json["phases"].as_array().unwrap();
        let names: Vec<_> = phases.iter().map(|phase| phase["name"].as_str().unwrap()).collect();
        assert_eq!(names, PHASES);
        let counts: Vec<_> = phases.iter().map(|it| it["count"].as_u64().unwrap()).collect();
        assert_eq!(counts, [fill, 20000, 20000, 20000, 20000, 2500, 20000, 1, 1, 1]);
        let found = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        for (phase, found) in phases.iter().zip(found) {
            assert_eq!(phase["found"], found, "{phase}");
            let latency = &phase["latency"];
            let time = |name: &str| latency[name].as_f64().unwrap();
            assert!(time("p50_us") > 0.0 && time("p50_us") <= time("p99_us"), "{phase}");
            assert!(time("p999_us") <= time("max_us"), "{phase}");
        }
        let most = json["peak_resident_bytes"].as_u64();
        for phase in phases {
            assert!(phase["peak_resident_bytes"].as_u64() <= most, "{phase}");
            assert!(phase["wall_ns_per_op"].as_f64().unwrap() > 0.0, "{phase}");
            assert!(phase["cpu_ns_per_op"].as_f64().unwrap() > 0.0, "{phase}");
        }
        assert!(phases[7..].iter().all(|phase| phase["latency"] == Value::Null));
        assert!(json["calibration"]["independent_miss_ns"].as_f64().unwrap() > 0.0);
        assert!(json["bytes_on_storage"].as_u64().unwrap() > 0);
    }
    assert_eq!(left(&uds), [""; 0], "nothing is left");
}

// Guards what people read: the columns, and that several runs are told as such.
#[test]
fn what_is_printed() {
    let uds = Uds::new();
    let ran = small(&uds, &["--runs", "2", "--file", "bench-here"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let widest = ran.stdout.lines().map(str::len).max().unwrap();
    assert!(widest <= 60, "{widest} columns: {}", ran.stdout);
    insta::assert_snapshot!(without_numbers(&ran.stdout));
    assert_eq!(left(&uds), [""; 0], "nothing is left");
}

// Guards what lies where the index is to be made: it would be overwritten, and removed at the end.
#[test]
fn nothing_that_exists_is_touched() {
    let uds = Uds::new();
    uds.write("data", b"data");
    uds.write("directory/data", b"data");
    symlink("nowhere", uds.path("link")).unwrap();
    for name in ["data", "directory", "link"] {
        small(&uds, &["--file", name]).failed(2, &[name, "is there already", "a new one"]);
    }
    assert_eq!(fs::read(uds.path("data")).unwrap(), b"data");
    assert!(!uds.path("nowhere").exists());
    small(&uds, &["--file", "no/where"]).failed(3, &["no/where"]);
}

// Guards against a run that measures something else than what was meant, and against one that fails
// after minutes where it could have been known at once.
#[test]
fn what_cannot_be_measured_is_refused() {
    let uds = Uds::new();
    for (arguments, word) in [
        (["--fill", "0"], "fraction"),
        (["--fill", "2"], "fraction"),
        (["--zones", "17"], "zones"),
        (["--callers", "0"], "0"),
        (["--ops", "0"], "0"),
        (["--runs", "0"], "0"),
        (["--memory", "100M"], "100M"),
    ] {
        let mut all = vec!["bench"];
        all.extend(arguments);
        uds.run(&all).failed(2, &[arguments[0], word]);
    }
    uds.run(&["bench", "--fill", "1e-6", "--ops", "10"]).failed(2, &["too few", "larger fill"]);
    // No file system has room for it.
    uds.run(&["bench", "--memory", "1024G", "--sparse", "--fill", "1"])
        .failed(3, &["no room for the index", "--file", "--fill", "are free"]);
    assert_eq!(left(&uds), [""; 0], "nothing is left");
}

// Guards against an index that fills the disk and stays there, and against an error without advice.
#[test]
fn where_the_file_cannot_grow() {
    let uds = Uds::new();
    let arguments = ["bench", "--fill", "0.001", "--ops", "20000"];
    let ran = uds.run_limited("ulimit -f 100000", &arguments);
    ran.failed(3, &["no room for the index", "--file", "--fill"]);
    assert_eq!(left(&uds), [""; 0], "nothing is left");
}
