//! `uds dump`.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use uds_geometry::{Configuration, LayoutSizes, RecordData, RecordName};
use uds_index::{Batch, CreateOptions, Index};
use uds_volume::FileStorage;

use crate::support::{Uds, alone, fingerprint, finish, skipped};

/// Everything that can be dumped of `tiny_index`, and the width of its text.
const ALL: [(&[&str], usize); 8] = [
    (&["chapters"], 60),
    (&["chapter", "0"], 76),
    (&["chapter", "--slot", "3"], 76),
    (&["chapter", "open"], 76),
    (&["index-page", "0", "1"], 76),
    (&["index-page", "--slot", "0", "2"], 76),
    (&["page-map"], 60),
    (&["saves"], 60),
];

/// Makes a saved index of one closed chapter, of 32768 records and three index pages, and 20
/// records more.
fn tiny_index(uds: &Uds, name: &str) -> PathBuf {
    let path = uds.path(name);
    let configuration = Configuration::tiny(false);
    let bytes = LayoutSizes::new(&configuration.geometry()).unwrap().total_bytes();
    let storage = Arc::new(FileStorage::create(&path, bytes).unwrap());
    let options = CreateOptions { nonce_info: Some([7; 32]), ..CreateOptions::default() };
    let index = Index::create(storage.clone(), &configuration, &options).unwrap();
    let mut batch = Batch::new();
    for number in 0..32_788_u64 {
        let name = RecordName::of_block(&number.to_le_bytes());
        batch.post(name, RecordData::new(u128::from(number).to_le_bytes()));
    }
    index.run(&mut batch).unwrap();
    index.close().unwrap();
    alone(|| drop(storage));
    path
}

/// Runs it on `index`; it must end with `code` and say nothing on standard error.
#[track_caller]
fn dump(uds: &Uds, what: &[&str], format: &str, code: i32) -> String {
    let ran = uds.run(&[&["dump", "index"], what, &["--format", format]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), ""), "{what:?}");
    ran.stdout
}

/// The lines of a text, those that differ from index to index replaced, as many as are asked for.
fn head(text: &str, count: usize) -> String {
    let lines = text.lines().take(count).map(|line| match line.trim_start().split_once(' ') {
        Some(("saved", rest)) => format!("  saved    [time],{}", rest.rsplit(',').next().unwrap()),
        Some(("nonce", _)) => "  nonce    [nonce]".into(),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/dump.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Checks that a line has just the fields that the schema has for its kind, and that those with a
/// list of values have one of them.
#[track_caller]
fn check_line(schema: &Value, line: &Value) {
    let kind = line["kind"].as_str().unwrap();
    let wanted = &schema["$defs"][kind];
    let fields: BTreeSet<&String> = line.as_object().unwrap().keys().collect();
    let known: BTreeSet<&String> = wanted["properties"].as_object().unwrap().keys().collect();
    assert_eq!(fields, known, "{line}");
    for (field, value) in line.as_object().unwrap() {
        let property = &wanted["properties"][field];
        let allowed = property.get("enum").and_then(Value::as_array);
        assert!(allowed.is_none_or(|allowed| allowed.contains(value)), "{field} of {line}");
        let type_of = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let types = &property["type"];
        let is_type = |wanted: &Value| wanted == type_of;
        let fits = is_type(types) || types.as_array().is_some_and(|all| all.iter().any(is_type));
        assert!(types.is_null() || fits, "{field} of {line}");
    }
}

/// The cells of a line of CSV that has no quotes within its cells.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

// Guards what people read, in each kind of dump.
#[test]
fn text_for_people() {
    let uds = Uds::new();
    let path = tiny_index(&uds, "index");
    let before = fingerprint(&path);
    for (what, width) in ALL {
        let text = dump(&uds, what, "text", i32::from(what == ["chapter", "--slot", "3"]));
        for line in text.lines() {
            assert!(line.len() <= width, "{what:?}: {line:?}");
            assert_eq!(line.trim_end(), line);
        }
        insta::assert_snapshot!(what.join("_").replace("--", ""), head(&text, 50));
    }
    assert_eq!(fingerprint(&path), before);
}

// Guards JSON lines against fields that no schema has, and CSV against columns that are missing: it
// must have the same rows, cell by cell.
#[test]
fn rows_for_programs() {
    let uds = Uds::new();
    tiny_index(&uds, "index");
    let schema = schema();
    for (what, _) in ALL {
        let code = i32::from(what == ["chapter", "--slot", "3"]);
        let json = dump(&uds, what, "jsonl", code);
        let mut rows = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let header = rows.next().unwrap();
        assert!(json.starts_with("{\"schema_version\":1,\"kind\":\"dump\","), "{header}");
        check_line(&schema, &header);
        let csv = dump(&uds, what, "csv", code);
        assert!(csv.ends_with("\r\n") && csv.matches('\n').count() == csv.matches("\r\n").count());
        let mut lines = csv.lines();
        let columns = cells(lines.next().unwrap());
        let mut count = 0;
        for row in rows {
            check_line(&schema, &row);
            let line = cells(lines.next().unwrap());
            assert_eq!(line.len(), columns.len(), "{line:?}");
            for (field, value) in row.as_object().unwrap() {
                let place = columns.iter().position(|column| column == field);
                let cell = &line[place.unwrap_or_else(|| panic!("no column {field}: {what:?}"))];
                match value {
                    Value::Null => assert_eq!(cell, ""),
                    Value::String(text) => assert_eq!(*cell, text.replace('"', "")),
                    Value::Array(all) => assert_eq!(cell.split(' ').count(), all.len()),
                    other => assert_eq!(*cell, other.to_string()),
                }
            }
            let filled = line.iter().filter(|cell| !cell.is_empty()).count();
            let known = row.as_object().unwrap().values().filter(|it| !it.is_null()).count();
            assert_eq!(filled, known, "{row}: {line:?}");
            count += 1;
        }
        assert!(lines.next().is_none() && count > 1, "{what:?}");
    }
}

// Guards the records against being shown under another name or with other data: all of a chapter
// and of the open one, with what was stored.
#[test]
fn all_records_are_there() {
    let uds = Uds::new();
    tiny_index(&uds, "index");
    let mut shown = BTreeSet::new();
    for (chapter, kind) in [("0", "record"), ("open", "open_record")] {
        for line in dump(&uds, &["chapter", chapter], "jsonl", 0).lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            if row["kind"] == kind {
                assert!(kind == "open_record" || row["naming"] == "indexed", "{row}");
                shown.insert(format!("{} {}", row["name"], row["data"]));
            }
        }
    }
    let stored = (0..32_788_u64).map(|number| {
        let name = RecordName::of_block(&number.to_le_bytes());
        format!("\"{name}\" \"{}\"", RecordData::new(u128::from(number).to_le_bytes()))
    });
    assert!(shown == stored.collect());
}

// Guards damage: it is told where it is, what is good comes all the same, and the exit code is 1.
#[test]
fn damage_is_told() {
    let uds = Uds::new();
    let path = tiny_index(&uds, "index");
    let sound = dump(&uds, &["index-page", "0", "0"], "jsonl", 0);
    let rows = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    // The first entry of list 20 becomes one that has no end.
    let list = rows(&sound).into_iter().find(|row| row["list"] == 20).unwrap();
    let at = list["offset"].as_u64().unwrap() + 1;
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let mut entry = vec![0; list["bits"].as_u64().unwrap() as usize / 8 - 1];
    entry[..4].fill(0xff);
    file.write_all_at(&entry, at).unwrap();
    let damaged = rows(&dump(&uds, &["index-page", "0", "0"], "jsonl", 1));
    let problems: Vec<_> = damaged.iter().filter(|row| row["kind"] == "problem").collect();
    assert!(!problems.is_empty() && problems[0]["list"].as_u64() >= Some(20), "{problems:?}");
    for problem in problems {
        check_line(&schema(), problem);
    }
    let last = rows(&sound).pop().unwrap();
    assert_eq!(damaged.last(), Some(&last), "the lists behind it are shown");
    let text = dump(&uds, &["index-page", "0", "0"], "text", 1);
    assert!(text.contains("DAMAGE: delta list 20 is corrupt at bit"), "{text}");

    let chapters = rows(&dump(&uds, &["chapters"], "jsonl", 1));
    let slot = &chapters[2];
    check_line(&schema(), slot);
    assert_eq!((&slot["state"], &slot["problem_page"]), (&"damaged".into(), &0.into()));
    assert!(slot["problem"].as_str().unwrap().contains("list 20"), "{slot}");
    insta::assert_snapshot!(head(&dump(&uds, &["chapters"], "text", 1), 50));
    let chapter = rows(&dump(&uds, &["chapter", "0"], "jsonl", 1));
    check_line(&schema(), &chapter[2]);
    assert_eq!(chapter[2]["kind"], "finding");
    assert!(chapter.iter().any(|row| row["naming"] == "unknown"));
    assert!(dump(&uds, &["chapter", "0"], "csv", 1).contains("finding,"));

    // The header of the save, and the head of its stream.
    let sizes = LayoutSizes::new(&Configuration::tiny(false).geometry()).unwrap();
    let save = (2 + sizes.volume_blocks) * 4096;
    file.write_all_at(b"x", save + 2 * 4096).unwrap();
    let saves = rows(&dump(&uds, &["saves"], "jsonl", 1));
    let problem = saves.iter().find(|row| row["kind"] == "stream_problem").unwrap();
    check_line(&schema(), problem);
    file.write_all_at(b"x", save).unwrap();
    for row in rows(&dump(&uds, &["saves"], "jsonl", 1)) {
        check_line(&schema(), &row);
    }
    let text = dump(&uds, &["saves"], "text", 1);
    insta::assert_snapshot!("damaged_saves", head(&text, 50));
    // Without a save there is neither a map nor an open chapter; the chapters are still there.
    uds.run(&["dump", "index", "page-map"]).failed(4, &["index", "not closed cleanly"]);
    uds.run(&["dump", "index", "chapter", "open"]).failed(4, &["not closed cleanly"]);
    let text = dump(&uds, &["chapters"], "text", 0);
    assert!(text.contains("not closed cleanly"), "{text}");
}

// Guards the exit codes of what cannot be dumped.
#[test]
fn what_cannot_be_dumped() {
    let uds = Uds::new();
    uds.small_index("index", 4, 2500);
    let cases: [(&[&str], i32, &str); 14] = [
        (&["dump"], 2, "FILE"),
        (&["dump", "index"], 2, "subcommand"),
        (&["dump", "index", "everything"], 2, "everything"),
        (&["dump", "index", "chapter"], 2, "NUMBER"),
        (&["dump", "index", "chapter", "first"], 2, "or `open`"),
        (&["dump", "index", "chapter", "1", "--slot", "1"], 2, "--slot"),
        (&["dump", "index", "chapter", "9"], 2, "chapter 9 is not on the volume: slot 1"),
        (&["dump", "index", "chapter", "--slot", "4"], 2, "must be below 4"),
        (&["dump", "index", "index-page", "1"], 2, "and that of a page, or --slot"),
        (&["dump", "index", "index-page", "--slot", "1", "1", "0"], 2, "--slot"),
        (&["dump", "index", "index-page", "1", "99999999999"], 2, "must be below 1"),
        (&["dump", "index", "index-page", "--slot", "3", "0"], 4, "index page 0 of slot 3"),
        (&["dump", "missing", "chapters"], 3, "No such file"),
        (&["dump", "index", "chapters", "--offset", "1"], 4, "there is no index"),
    ];
    for (arguments, code, words) in cases {
        uds.run(arguments).failed(code, &[words]);
    }
    let holder = FileStorage::open(uds.path("index")).unwrap();
    uds.run(&["dump", "index", "chapters"]).failed(3, &["index", "in use"]);
    alone(|| drop(holder));
}

// Guards against a panic, or an error, when the reader of a pipe has gone; and against rows that
// were lost without a word.
#[test]
fn output_that_nobody_takes() {
    let uds = Uds::new();
    uds.small_index("index", 4, 2500);
    for format in ["text", "jsonl", "csv"] {
        let arguments = ["dump", "index", "chapter", "0", "--format", format];
        let (writer, reader) = UnixStream::pair().unwrap();
        drop(reader);
        let output = Stdio::from(OwnedFd::from(writer));
        let ran = finish(uds.command(&arguments).stdout(output));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{format}");
        let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
            return skipped("output_that_nobody_takes", "there is no /dev/full");
        };
        let ran = finish(uds.command(&arguments).stdout(full));
        // It is not the index that is full.
        assert!(ran.stderr.starts_with("uds: cannot write the rows"), "{ran:?}");
        ran.failed(3, &["standard output", "No space left"]);
    }
}
