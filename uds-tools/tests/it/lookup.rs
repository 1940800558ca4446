//! `uds lookup`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use uds_geometry::{
    Configuration, CustomConfiguration, Geometry, LayoutSizes, RecordData, RecordName,
};
use uds_index::{CreateOptions, Index};
use uds_volume::FileStorage;

use crate::support::{Ran, Uds, alone, block, blocks, ended, fingerprint, start};

/// The shape of a small index of 128 records a chapter: so many chapters, of which so many sparse.
fn shape(chapters: u32, sparse_chapters: u32) -> Configuration {
    let custom = CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: 1,
        chapters_per_volume: chapters,
        sparse_chapters_per_volume: sparse_chapters,
        sample_rate: if sparse_chapters > 0 { 4 } else { 0 },
        ..CustomConfiguration::default()
    };
    Configuration::custom(&custom).unwrap()
}

/// Makes an index of such a shape, and does something with it. The nonces are always the same.
fn make(uds: &Uds, configuration: &Configuration, act: impl FnOnce(&Index)) -> Geometry {
    let geometry = configuration.geometry();
    let bytes = LayoutSizes::new(&geometry).unwrap().total_bytes();
    let storage = Arc::new(FileStorage::create(uds.path("index"), bytes).unwrap());
    let options = CreateOptions { nonce_info: Some([7; 32]), ..CreateOptions::default() };
    let index = Index::create(storage.clone(), configuration, &options).unwrap();
    act(&index);
    index.close().unwrap();
    alone(|| drop(storage));
    geometry
}

fn name(number: u64) -> RecordName {
    RecordName::of_block(&number.to_le_bytes())
}

fn post(index: &Index, numbers: std::ops::Range<u64>) {
    for number in numbers {
        index.post(name(number), RecordData::new([number as u8; 16])).unwrap();
    }
}

/// A name with the place of another one in the volume index.
fn twin(number: u64) -> RecordName {
    let mut bytes = *name(number).as_bytes();
    bytes[12] ^= 0x55;
    RecordName::new(bytes)
}

/// Looks a name up with `--explain`, as text and as JSON; nothing is written.
#[track_caller]
fn explain(uds: &Uds, name: RecordName, code: i32) -> (String, Value) {
    let before = fingerprint(&uds.path("index"));
    let name = name.to_string();
    let ran = uds.run(&["lookup", "index", &name, "--explain"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), ""), "{ran:?}");
    for line in ran.stdout.lines() {
        assert!(line.len() <= 60 && line.trim_end() == line, "{line:?}");
    }
    let json = uds.run(&["lookup", "index", &name, "--explain", "--format", "json"]);
    assert_eq!(json.code, Some(code));
    assert_eq!(fingerprint(&uds.path("index")), before);
    (ran.stdout, json.json()["answers"][0].clone())
}

/// Checks that the way of a look-up is told as it was reviewed.
macro_rules! assert_told {
    ($uds:expr, $name:expr, $code:expr, $what:literal) => {
        let (text, json) = explain(&$uds, $name, $code);
        insta::assert_snapshot!(concat!($what, "_text"), text);
        insta::assert_json_snapshot!(concat!($what, "_json"), json);
    };
}

// Guards what people and programs are told of the ways that look-ups take in a dense index: to the
// open chapter, to the volume, to an entry with its whole name, to nothing, and to another name.
#[test]
fn ways_in_a_dense_index() {
    let uds = Uds::new();
    make(&uds, &shape(8, 0), |index| {
        post(index, 0..40);
        index.post(twin(5), RecordData::new([0xee; 16])).unwrap();
        post(index, 40..400);
    });
    assert_told!(uds, name(390), 0, "open_chapter");
    assert_told!(uds, name(300), 0, "dense_chapter");
    assert_told!(uds, twin(5), 0, "collision");
    assert_told!(uds, name(1000), 1, "absent");
    assert_told!(uds, twin(7), 1, "other_name");
}

// Guards the same for the samples of a sparse index, and for names that need their company.
#[test]
fn ways_in_a_sparse_index() {
    let uds = Uds::new();
    let geometry = make(&uds, &shape(10, 5), |index| post(index, 0..9 * 128));
    let is_sample = |number: &u64| geometry.is_sample(&name(*number));
    let sample = (0..128).find(is_sample).unwrap();
    let other = (0..128).find(|number| !is_sample(number)).unwrap();
    assert_told!(uds, name(sample), 0, "sparse_sample");
    assert_told!(uds, name(other), 1, "sparse_other");
    // In its company it is found: the sample brings the chapter in.
    let (sample, other) = (name(sample).to_string(), name(other).to_string());
    let ran = uds.run(&["lookup", "index", &sample, &other, "--explain"]);
    assert_eq!(ran.code, Some(1), "explaining brings nothing in");
    let ran = uds.run(&["lookup", "index", &sample, &other]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// Overwrites some bytes of the index.
fn damage(path: &Path, at: u64, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

// Guards what is told where the way ends at a damaged page, and that the others go on.
#[test]
fn a_damaged_page() {
    let uds = Uds::new();
    make(&uds, &shape(8, 0), |index| post(index, 0..400));
    // The index page of chapter 0: its chapter.
    damage(&uds.path("index"), 3 * 4096 + 8, &[9]);
    assert_told!(uds, name(3), 4, "damaged");
    let names = [name(3), name(300), name(999)].map(|name| name.to_string());
    let ran = uds.run(&["lookup", "index", &names[0], &names[1], &names[2]]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(4), ""));
    assert!(ran.stdout.contains("1 of 3 names found, 1 failed"), "{ran:?}");
    let ran = uds.run(&["lookup", "index", &names[0], "--everywhere", "--format", "json"]);
    assert_eq!(ran.json()["answers"][0]["copies"][0]["standing"], "unknown");
}

// Guards the copies that nothing leads to.
#[test]
fn copies_everywhere() {
    let uds = Uds::new();
    make(&uds, &shape(8, 0), |index| {
        post(index, 0..128);
        index.update(name(1), RecordData::new([0xaa; 16])).unwrap();
        index.delete(name(2)).unwrap();
        post(index, 200..400);
    });
    let before = fingerprint(&uds.path("index"));
    let names = [name(1), name(2), name(500)].map(|name| name.to_string());
    let arguments = ["lookup", "index", &names[0], &names[1], &names[2], "--everywhere"];
    let ran = uds.run(&arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    assert!(ran.stdout.lines().all(|line| line.len() <= 60), "{}", ran.stdout);
    insta::assert_snapshot!(ran.stdout);
    let mut json = arguments.to_vec();
    json.extend(["--format", "json"]);
    insta::assert_json_snapshot!(uds.run(&json).json());
    assert_eq!(fingerprint(&uds.path("index")), before);
}

/// Looks up the names in some text on standard input.
fn look_up_input(uds: &Uds, arguments: &[&str], input: &str) -> Ran {
    let mut command = uds.command(&[&["lookup", "index"], arguments].concat());
    let mut child = start(command.stdin(Stdio::piped())).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // Who does not read all has heard enough.
        let _ = stdin.write_all(input.as_bytes());
    });
    let ran = ended(child, &command);
    writer.join().unwrap();
    ran
}

// Guards the stream: names in their order, more than fit a group, those after a bad one unread, and
// a JSON object that is whole all the same.
#[test]
fn names_from_standard_input() {
    let uds = Uds::new();
    make(&uds, &shape(8, 0), |index| post(index, 0..600));
    let line = |number: u64| format!("  {}\n\n", name(number).to_string().to_uppercase());
    let input: String = (0..2500).map(line).collect();
    let ran = look_up_input(&uds, &["-", "--format", "json"], &input);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    let json = ran.json();
    assert_eq!((&json["asked"], &json["found"]), (&2500.into(), &600.into()));
    assert_eq!((&json["absent"], &json["failed"]), (&1900.into(), &0.into()));
    for (number, answer) in (0..).zip(json["answers"].as_array().unwrap()) {
        assert_eq!(answer["name"], name(number).to_string());
        assert_eq!(answer["status"], if number < 600 { "found" } else { "absent" });
        assert_eq!(answer["data"].is_string(), number < 600);
    }
    let text = look_up_input(&uds, &["-"], &line(3)).stdout;
    assert_eq!(text, format!("{}  dense   {}\n", name(3), "03".repeat(16)));

    let input = format!("{}\n{}junk\n{}\n", name(1), line(2), name(3));
    let ran = look_up_input(&uds, &["-", "--format", "json"], &input);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("line 4 of the input: \"junk\" is not a name"), "{ran:?}");
    assert_eq!(ran.json()["asked"], 2);
    let ran = look_up_input(&uds, &["-"], &"f".repeat(1 << 20));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    let ran = look_up_input(&uds, &["-"], "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
}

// Guards against a command that waits for itself where standard input is named twice: the second
// time nothing is left of it.
#[test]
fn standard_input_twice() {
    let uds = Uds::new();
    make(&uds, &shape(8, 0), |index| post(index, 0..10));
    let other = name(4).to_string();
    let arguments = ["-", "-", &other, "-", "--format", "json"];
    let ran = look_up_input(&uds, &arguments, &format!("{}\n", name(3)));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(ran.json()["asked"], 2);
    assert_eq!(ran.json()["answers"][1]["name"], other);
}

// Guards the names of blocks: those that an estimate gives them, the padded last one included, by
// the hash that the index was made for.
#[test]
fn blocks_of_files() {
    let uds = Uds::new();
    let mut content = blocks([1, 2, 0, 3]);
    content.extend([7; 100]);
    uds.write("data", &content);
    uds.write("other", &blocks([3, 0, 9]));
    for (hash, named) in [("murmur", "blake3"), ("blake3", "murmur")] {
        let file = format!("{hash}.uds");
        let ran = uds.run(&["estimate", "--index", &file, "--hash", hash, "data"]);
        assert_eq!(ran.code, Some(0));
        let arguments = ["lookup", &file, "--block", "data", "--block", "other"];
        let ran = uds.run(&[&arguments[..], &["--format", "json"]].concat());
        assert_eq!(ran.code, Some(1));
        assert_eq!(ran.stderr.matches("1 block of zeroes left out").count(), 2, "{ran:?}");
        let json = ran.json();
        let told: Vec<_> = json["answers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|answer| {
                let file = answer["file"].as_str().unwrap();
                let status = answer["status"].as_str().unwrap();
                (file, answer["block"].as_u64().unwrap(), status)
            })
            .collect();
        let in_data = [0, 1, 3, 4].map(|number| ("data", number, "found"));
        let in_other = [("other", 0, "found"), ("other", 2, "absent")];
        assert_eq!(told, [&in_data[..], &in_other].concat());
        let ran = uds.run(&["lookup", &file, "--block", "data", "--hash", named]);
        assert!(ran.stdout.contains("0 of 4 names found"), "{ran:?}");
    }
    assert_eq!(block(0).len(), 4096);
}

// Guards the answers of an index that was not closed cleanly, and its bytes.
#[test]
fn an_index_that_was_not_closed() {
    let uds = Uds::new();
    let configuration = shape(8, 0);
    make(&uds, &configuration, |index| post(index, 0..400));
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    // As an index that was never saved has it: a table of another type.
    damage(&uds.path("index"), (2 + sizes.volume_blocks) * 4096 + 16, &[4]);
    let before = fingerprint(&uds.path("index"));
    let names = [name(3), name(399)].map(|name| name.to_string());
    let ran = uds.run(&["lookup", "index", &names[0], &names[1]]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("was not closed cleanly: 3 chapters recovered"), "{ran:?}");
    assert!(ran.stdout.contains("dense") && ran.stdout.contains("absent"), "{ran:?}");
    assert_eq!(fingerprint(&uds.path("index")), before);
}

// Guards the exit codes of what cannot be looked up, and what is said of it.
#[test]
fn what_cannot_be_looked_up() {
    let uds = Uds::new();
    let path = uds.small_index("index", 4, 10);
    let fox = "43796d74e3938645c389397e23fcfd54";
    uds.run(&["lookup", "index"]).failed(2, &["NAME"]);
    uds.run(&["lookup", "index", fox, "12"]).failed(2, &["\"12\" is not a name", "2 digits"]);
    uds.run(&["lookup", "missing", fox]).failed(3, &["missing", "No such file"]);
    uds.run(&["lookup", "index", fox, "--offset", "1"]).failed(4, &["index", "no index"]);
    uds.run(&["lookup", "index", fox, "--hash", "murmur"]).failed(2, &["--block"]);
    let ran = uds.run(&["lookup", "index", fox, "--block", "nothing"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(3), 1), "{ran:?}");
    assert!(ran.stderr.contains("cannot read \"nothing\""), "{ran:?}");
    let holder = FileStorage::open(&path).unwrap();
    uds.run(&["lookup", "index", fox]).failed(3, &["index", "in use"]);
    alone(|| drop(holder));
    let reader = FileStorage::open_read_only(&path).unwrap();
    assert_eq!(uds.run(&["lookup", "index", fox]).code, Some(1));
    alone(|| drop(reader));
}

// Guards a reader that has seen enough.
#[test]
fn a_closed_pipe_is_no_error() {
    let uds = Uds::new();
    make(&uds, &shape(8, 0), |index| post(index, 0..10));
    let input: String = (0..200_000).map(|number| format!("{}\n", name(number))).collect();
    let mut command = uds.command(&["lookup", "index", "-"]);
    let mut child = start(command.stdin(Stdio::piped())).unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
}
