//! `uds histogram`.

use std::fs;
use std::os::unix::fs::symlink;

use crate::stats::sparse_index;
use crate::support::{Ran, Uds, fingerprint, finish};

/// Runs it in a locale.
fn run_in(uds: &Uds, locale: &str, arguments: &[&str]) -> Ran {
    finish(uds.command(arguments).env("LC_ALL", locale))
}

/// Replaces what differs from run to run: the time of the save.
fn steady(text: &str) -> String {
    let lines = text.lines().map(|line| match line.find("saved 2") {
        Some(place) => format!("{}saved [time]{}", &line[..place], &line[place + 29..]),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The files of the directory.
fn names(uds: &Uds) -> Vec<String> {
    let entries = fs::read_dir(uds.directory.path()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

// Guards the bars in a pipe, with and without the finer characters, and their numbers.
#[test]
fn bars_for_people_and_bins_for_programs() {
    let uds = Uds::new();
    let path = uds.small_index("index", 50, 22_000);
    let before = fingerprint(&path);
    let stats = uds.run(&["stats", "index", "--format", "json"]).json();
    assert_eq!(stats["statistics"]["collisions"], 0, "the order would depend on the time");
    let ran = run_in(&uds, "C", &["histogram", "index"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.is_ascii());
    insta::assert_snapshot!(steady(&ran.stdout));
    let fine = run_in(&uds, "C.UTF-8", &["histogram", "index"]);
    assert!(fine.stdout.contains('\u{2588}'), "{fine:?}");
    for line in ran.stdout.lines().chain(fine.stdout.lines()) {
        assert!(line.chars().count() <= 60 && line.trim_end() == line, "{line:?}");
    }
    let json = uds.run(&["histogram", "index", "--format", "json"]).json();
    insta::assert_json_snapshot!(json);
    for chart in json["charts"].as_array().unwrap() {
        let bins = chart["bins"].as_array().unwrap();
        let sum: u64 = bins.iter().map(|bin| bin["count"].as_u64().unwrap()).sum();
        assert_eq!(chart["total"], sum);
    }
    assert_eq!(json["charts"][0]["total"], 22_000);
    assert_eq!(fingerprint(&path), before);
}

// Guards the page: what is in it, byte by byte, and that it is the only file that is made.
#[test]
fn a_page_is_written() {
    let uds = Uds::new();
    uds.small_index("index", 4, 2500);
    let text = run_in(&uds, "C", &["histogram", "index"]);
    let ran = run_in(&uds, "C", &["histogram", "index", "--html", "page.html"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(ran.stdout, text.stdout);
    assert_eq!(names(&uds), ["index", "page.html"]);
    insta::assert_snapshot!(steady(&fs::read_to_string(uds.path("page.html")).unwrap()));
}

// Guards the charts of a sparse index: samples apart.
#[test]
fn a_sparse_index() {
    let uds = Uds::new();
    sparse_index(&uds, "index", 9500);
    let ran = run_in(&uds, "C", &["histogram", "index"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(steady(&ran.stdout));
}

// Guards an index that holds nothing.
#[test]
fn an_empty_index() {
    let uds = Uds::new();
    uds.small_index("index", 4, 0);
    let ran = run_in(&uds, "C", &["histogram", "index", "--html", "page.html"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("  (nothing to show)"), "{}", ran.stdout);
    let page = fs::read_to_string(uds.path("page.html")).unwrap();
    assert!(page.contains("Nothing to show."), "{page}");
}

// Guards files that are there already, and above all the index itself.
#[test]
fn nothing_is_overwritten_unasked() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 10);
    let before = fingerprint(&path);
    uds.write("page", b"mine");
    symlink("nowhere", uds.path("link")).unwrap();
    symlink("index", uds.path("alias")).unwrap();
    fs::hard_link(&path, uds.path("twin")).unwrap();
    fs::create_dir(uds.path("directory")).unwrap();
    let run = |page: &str, force: bool| {
        let mut arguments = vec!["histogram", "index", "--html", page];
        arguments.extend(force.then_some("--force"));
        uds.run(&arguments)
    };
    let all = names(&uds);
    run("page", false).failed(2, &["\"page\" is there already", "--force"]);
    run("link", false).failed(2, &["\"link\" is there already"]);
    for name in ["index", "alias", "twin"] {
        run(name, true).failed(2, &["is the index"]);
        run(name, false).failed(2, &["is the index"]);
    }
    run("directory", true).failed(2, &["\"directory\" is not a file"]);
    run("/dev/null", true).failed(2, &["\"/dev/null\" is not a file"]);
    run("missing/page", true).failed(3, &["missing/page", "No such file"]);
    uds.run(&["histogram", "index", "--force"]).failed(2, &["--html"]);
    assert_eq!(names(&uds), all);
    assert_eq!(fs::read(uds.path("page")).unwrap(), b"mine");
    assert_eq!(fingerprint(&path), before);
    assert_eq!(run("page", true).code, Some(0));
    assert!(fs::read_to_string(uds.path("page")).unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(run("link", true).code, Some(0));
    assert_eq!(fingerprint(&path), before);
}

// Guards against half a page: where it cannot be written to its end, there is none.
#[test]
fn a_page_is_whole_or_not_there() {
    let uds = Uds::new();
    uds.small_index("index", 4, 2500);
    // Eight blocks of 512 bytes are less than the page has.
    let ran = uds.run_limited("ulimit -f 8", &["histogram", "index", "--html", "page"]);
    ran.failed(3, &["cannot write \"page\""]);
    assert_eq!(names(&uds), ["index"]);
    uds.write("text", &[b'x'; 10_000]);
    uds.run(&["histogram", "text", "--html", "page"]).failed(4, &["text"]);
    assert_eq!(names(&uds), ["index", "text"]);
}

// Guards an index whose pages are damaged: what is left is shown, and that something is missing.
#[test]
fn a_damaged_index() {
    use std::os::unix::fs::FileExt;
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 2500);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[1, 2, 3], 2 * 4096 + 32768).unwrap();
    let ran = uds.run(&["histogram", "index"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("what is damaged is not counted; see uds verify"), "{ran:?}");
    let json = uds.run(&["histogram", "index", "--format", "json"]).json();
    assert_eq!(json["damaged"], true);
}
