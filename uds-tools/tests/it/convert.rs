//! `uds convert`.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use uds_geometry::{Configuration, LayoutSizes, MemorySize, Nonce, RecordData, RecordName};
use uds_index::{Batch, CreateOptions, Index, OpenMode, OpenOptions};
use uds_volume::{FileOptions, FileStorage};

use crate::support::{Random, Uds, alone, fingerprint};

/// What an index holds, as far as it has forgotten nothing.
type Model = HashMap<u64, u64>;

fn name(counter: u64) -> RecordName {
    RecordName::of_block(&counter.to_le_bytes())
}

fn data(counter: u64, version: u64) -> RecordData {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&counter.to_le_bytes());
    bytes[8..].copy_from_slice(&version.to_le_bytes());
    RecordData::new(bytes)
}

/// Makes a 256M dense index on some disk, and does this and that to it: three chapters and more,
/// with names that were stored again and others that were deleted.
fn full_size(path: &Path) -> Model {
    let configuration = Configuration::dense(MemorySize::MB_256);
    let bytes = LayoutSizes::new(&configuration.geometry()).unwrap().total_bytes();
    let storage = Arc::new(FileOptions::new().sparse(true).create(path, bytes).unwrap());
    let options = CreateOptions { nonce: Nonce::new(42), ..CreateOptions::default() };
    let index = Index::create(storage.clone(), &configuration, &options).unwrap();
    let (mut model, mut random) = (Model::new(), Random::new(3));
    for version in 0..60 {
        let mut batch = Batch::new();
        let first = random.below(150_000);
        for counter in first..first + 5000 {
            match random.below(10) {
                0 => {
                    batch.delete(name(counter));
                    model.remove(&counter);
                }
                1 => {
                    batch.update(name(counter), data(counter, version));
                    model.insert(counter, version);
                }
                _ => {
                    batch.post(name(counter), data(counter, version));
                    model.entry(counter).or_insert(version);
                }
            }
        }
        index.run(&mut batch).unwrap();
    }
    assert!(index.statistics().newest_chapter.get() >= 2);
    index.close().unwrap();
    alone(|| drop(storage));
    model
}

/// Checks that an index that was closed cleanly has what the model has, and nothing else.
fn assert_is(path: &Path, configuration: &Configuration, model: &Model) {
    let storage = Arc::new(FileStorage::open_read_only(path).unwrap());
    let options = OpenOptions {
        configuration: Some(configuration.clone()),
        nonce: Some(Nonce::new(42)),
        mode: OpenMode::NoRebuild,
        ..OpenOptions::default()
    };
    let index = Index::open(storage.clone(), &options).unwrap();
    let mut batch = Batch::new();
    for counter in 0..160_000 {
        batch.query_no_update(name(counter));
    }
    index.run(&mut batch).unwrap();
    for (counter, answer) in (0..).zip(batch.answers()) {
        let found = answer.unwrap().as_ref().unwrap().data();
        assert_eq!(found, model.get(&counter).map(|&version| data(counter, version)), "{counter}");
    }
    assert_eq!(index.statistics().entries_indexed, model.len() as u64);
    drop(index);
    alone(|| drop(storage));
}

// Guards all records on their way through indexes of the sizes and kinds that people have.
#[test]
fn larger_sparse_and_back() {
    let uds = Uds::new();
    let model = full_size(&uds.path("dense"));
    let before = fingerprint_of_front(&uds.path("dense"));
    let steps = [
        ("dense", "larger", "512M", "", Configuration::dense(MemorySize::MB_512)),
        ("larger", "sparse", "256M", "--sparse", Configuration::sparse(MemorySize::MB_256)),
        ("sparse", "still", "512M", "--quiet", Configuration::sparse(MemorySize::MB_512)),
        ("still", "back", "256M", "--dense", Configuration::dense(MemorySize::MB_256)),
    ];
    for (old, new, memory, kind, configuration) in steps {
        let mut arguments = vec!["convert", old, new, "--memory", memory, "--sparse-file"];
        arguments.extend(["--format", "json"]);
        arguments.extend(Some(kind).filter(|kind| !kind.is_empty()));
        let ran = uds.run(&arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{new}");
        let json = ran.json();
        assert_eq!(json["records"], model.len() as u64, "{new}: {json}");
        assert_eq!((&json["forgotten"], &json["not_stored"]), (&0.into(), &0.into()), "{new}");
        assert_is(&uds.path(new), &configuration, &model);
        let verified = uds.run(&["verify", new, "--deep"]);
        assert_eq!(verified.code, Some(0), "{new}: {}", verified.stdout);
    }
    assert_eq!(fingerprint_of_front(&uds.path("dense")), before);
}

/// The bytes where a sparse file of some gigabytes has any: the first hundred megabytes.
fn fingerprint_of_front(path: &Path) -> (u64, blake3::Hash) {
    let mut front = Vec::new();
    fs::File::open(path).unwrap().take(100 << 20).read_to_end(&mut front).unwrap();
    (fs::metadata(path).unwrap().len(), blake3::hash(&front))
}

/// Replaces what differs from run to run: the time.
fn steady(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(", in ") {
        Some((copied, _)) => format!("{copied}, in [time]"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

// Guards what people and programs read.
#[test]
fn what_is_printed() {
    let uds = Uds::new();
    let old = uds.small_index("old", 4, 3500);
    let before = fingerprint(&old);
    let ran = uds.run(&["convert", "old", "new", "--memory", "256M", "--sparse-file"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for line in ran.stdout.lines() {
        assert!(line.len() <= 60, "{line:?}");
    }
    insta::assert_snapshot!(steady(&ran.stdout));
    let arguments = ["convert", "old", "new", "--memory", "256M", "--sparse-file", "--force"];
    let mut json = uds.run(&[&arguments[..], &["--format", "json"]].concat()).json();
    json["seconds"] = "[time]".into();
    insta::assert_json_snapshot!(json);
    assert_eq!(fingerprint(&old), before);
    let info = uds.run(&["info", "new", "--format", "json"]).json();
    assert_eq!(info["client_nonce"], "0x000000000000004d", "the old one's");
}

// Guards what would be lost, and the old index, against a slip of the hand.
#[test]
fn what_is_refused() {
    let uds = Uds::new();
    let old = uds.small_index("old", 4, 10);
    let before = fingerprint(&old);
    uds.write("thesis", b"all of it");
    let convert = |arguments: &[&str]| uds.run(&[&["convert"], arguments].concat());
    convert(&["old", "--memory", "256M"]).failed(2, &["NEW"]);
    convert(&["old", "new"]).failed(2, &["--memory"]);
    convert(&["old", "new", "--memory", "300M"]).failed(2, &["300M"]);
    convert(&["old", "new", "--memory", "1G", "--sparse", "--dense"]).failed(2, &["--dense"]);
    convert(&["old", "old", "--memory", "256M", "--force"]).failed(2, &["is the old index"]);
    convert(&["old", "./old", "--memory", "256M"]).failed(2, &["is the old index"]);
    convert(&["old", "thesis", "--memory", "256M"]).failed(2, &["thesis", "--force"]);
    convert(&["missing", "new", "--memory", "256M"]).failed(3, &["missing"]);
    convert(&["thesis", "new", "--memory", "256M"]).failed(4, &["thesis", "there is no index"]);
    convert(&["old", "no/new", "--memory", "256M"]).failed(3, &["no/new"]);
    let holder = FileStorage::open(&old).unwrap();
    convert(&["old", "new", "--memory", "256M"]).failed(3, &["old", "in use"]);
    alone(|| drop(holder));
    assert!(!uds.path("new").exists(), "nothing is left of what was refused");
    assert_eq!(fs::read(uds.path("thesis")).unwrap(), b"all of it");
    assert_eq!(fingerprint(&old), before);
}

// Guards against half an index that looks like a whole one, where the disk is full.
#[test]
fn a_new_index_that_has_no_room() {
    let uds = Uds::new();
    uds.small_index("old", 4, 3500);
    let convert = ["convert", "old", "new", "--memory", "256M", "--sparse-file"];
    // 2.3 GB: the new index's volume fits, its saves do not.
    let ran = uds.run_limited("ulimit -f 4600000", &convert);
    ran.failed(3, &["new"]);
    assert!(!uds.path("new").exists());
}

// Guards an index that has to be recovered, and the exit code where something was lost.
#[test]
fn an_old_index_that_is_damaged() {
    let uds = Uds::new();
    let old = uds.small_index("old", 4, 3500);
    // The chapter's number on the first index page of slot 1.
    let file = fs::OpenOptions::new().write(true).open(&old).unwrap();
    let at = 2 * 4096 + 32768 * (1 + 2) + 8;
    std::os::unix::fs::FileExt::write_all_at(&file, &[9], at).unwrap();
    let convert = ["convert", "old", "new", "--memory", "256M", "--sparse-file"];
    let ran = uds.run(&convert);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""), "{}", ran.stdout);
    assert!(ran.stdout.contains("LOST       the records of 1 damaged chapter\n"), "{}", ran.stdout);
    // A save slot's header that says that nothing was saved.
    let sizes = uds.run(&["info", "old", "--format", "json"]).json();
    let slot = sizes["regions"][3]["start_block"].as_u64().unwrap() * 4096;
    std::os::unix::fs::FileExt::write_all_at(&file, &[4], slot + 16).unwrap();
    let ran = uds.run(&[&convert[..], &["--force"]].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("was not closed cleanly"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the records of 1 damaged chapter are lost"), "{}", ran.stderr);
}
