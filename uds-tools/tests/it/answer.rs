//! The answer to "How much index do I need?": from one pass, without an index, and over several
//! runs with one.

use std::fs;

use serde_json::Value;

use crate::support::{Uds, blocks};

/// The counts of a report, which must add up whatever it was asked.
fn counts(json: &Value) -> [u64; 4] {
    let count = |field: &str| json[field].as_u64().unwrap();
    let counts = ["unique_blocks", "duplicate_blocks", "zero_blocks", "blocks_failed"].map(count);
    assert_eq!(counts.iter().sum::<u64>(), count("blocks"), "{json}");
    let bytes = ["unique_bytes", "duplicate_bytes", "zero_bytes"].map(count);
    assert_eq!(bytes.iter().sum::<u64>(), count("block_bytes"), "{json}");
    counts
}

fn point<'a>(json: &'a Value, memory: &str, kind: &str) -> &'a Value {
    let points = json["curve"].as_array().unwrap();
    points.iter().find(|point| point["memory"] == memory && point["kind"] == kind).unwrap()
}

// Guards the ordinary run: no index is made, wherever temporary files would go, and everything
// that was found is told for each size.
#[test]
fn one_pass_answers_for_all_sizes_without_an_index() {
    let uds = Uds::new();
    uds.write("tree/data", &blocks((0..300).chain(1..=100)));
    let mut command = uds.command(&["estimate", "--format", "json", "tree"]);
    let ran = crate::support::finish(command.env("TMPDIR", "/nonexistent"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let json = ran.json();
    assert_eq!(counts(&json), [299, 100, 1, 0]);
    assert_eq!(json["curve"].as_array().unwrap().len(), 28);
    for kind in ["dense", "sparse"] {
        for memory in ["256M", "768M", "1G", "1024G"] {
            let point = point(&json, memory, kind);
            assert_eq!((&point["saved_share"], &point["error"]), (&0.25.into(), &0.0.into()));
        }
    }
    assert_eq!(
        (&json["unlimited"]["saved_share"], &json["saved_share"]),
        (&0.25.into(), &0.25.into())
    );
    assert_eq!(json["recommendation"]["memory"], "256M");
    assert_eq!((&json["sampled_one_in"], &json["curve_is_whole"]), (&1.into(), &true.into()));
    let index = &json["index"];
    assert_eq!((&index["modelled"], &index["records_in_index"]), (&true.into(), &299.into()));
    let by_directory = json["savings"]["by_directory"].as_array().unwrap();
    assert_eq!(by_directory[0]["saved_bytes"], 100 * 4096);
    assert_eq!(uds.estimate(&["--memory", "256M", "tree"])["index"]["modelled"], false);
}

// Guards the index of several runs: the curve goes on with it, covers what both have seen, and
// says so where it does not.
#[test]
fn a_second_run_goes_on_with_the_curve() {
    let uds = Uds::new();
    uds.small_index("index", 64, 0);
    uds.write("first/data", &blocks(0..300));
    uds.write("second/data", &blocks(200..400));
    let json = uds.estimate(&["--index", "index", "first"]);
    assert_eq!(counts(&json), [299, 0, 1, 0]);
    let json = uds.estimate(&["--index", "index", "second"]);
    assert_eq!(counts(&json), [100, 100, 0, 0]);
    assert_eq!(json["curve_is_whole"], true);
    // Of both runs together, zero blocks and all: a hundred of five hundred.
    assert_eq!(json["unlimited"]["saved_share"], 0.2);
    assert_eq!(point(&json, "256M", "dense")["saved_share"], 0.2);

    // The curve's own file is no data, wherever it lies.
    let json = uds.estimate(&["--index", "index", "."]);
    assert_eq!(json["files_scanned"], 2, "{json}");
    assert_eq!(json["index_skipped"], true);

    // People are told, where the counts are of one run and the sizes of all.
    let ran = uds.run(&["estimate", "--index", "index", "second"]);
    assert!(ran.stdout.contains("\nThe sizes are of all 4.69 MiB that"), "{}", ran.stdout);

    // Where the file is gone, or was left behind, the curve begins anew and says that.
    let kept = fs::read(uds.path("index.curve")).unwrap();
    fs::remove_file(uds.path("index.curve")).unwrap();
    let json = uds.estimate(&["--index", "index", "second"]);
    assert_eq!(counts(&json), [0, 200, 0, 0]);
    assert_eq!(json["curve_is_whole"], false);
    assert_eq!(json["unlimited"]["saved_share"], 0.0);
    uds.write("third/data", &blocks(1000..1010));
    uds.estimate(&["--index", "index", "third"]);
    fs::write(uds.path("index.curve"), &kept).unwrap();
    let json = uds.estimate(&["--index", "index", "second"]);
    assert_eq!(json["curve_is_whole"], false, "a curve of an older state of the index");
    // What goes on from there has not seen all either.
    let ran = uds.run(&["estimate", "--index", "index", "second"]);
    assert!(ran.stdout.contains("not of all that the index has seen"), "{}", ran.stdout);
}

// Guards against a damaged curve that is believed, and against one that stops the scan.
#[test]
fn a_damaged_curve_is_told_and_replaced() {
    let uds = Uds::new();
    uds.small_index("index", 64, 0);
    uds.write("tree/data", &blocks(1..100));
    uds.estimate(&["--index", "index", "tree"]);
    let whole = fs::read(uds.path("index.curve")).unwrap();
    for (place, words) in [
        (3, "no curve of this version"),
        (whole.len() / 2, "the saved model has a wrong"),
        (whole.len() - 1, "wrong checksum"),
    ] {
        let mut damaged = whole.clone();
        damaged[place] ^= 4;
        fs::write(uds.path("index.curve"), &damaged).unwrap();
        let ran = uds.run(&["estimate", "--index", "index", "tree"]);
        assert_eq!(ran.code, Some(0));
        assert!(ran.stderr.contains("index.curve") && ran.stderr.contains(words), "{}", ran.stderr);
        assert!(ran.stdout.contains("not of all that the index has seen"), "{}", ran.stdout);
    }
    fs::write(uds.path("index.curve"), &whole[..whole.len() / 3]).unwrap();
    let ran = uds.run(&["estimate", "--index", "index", "tree"]);
    assert!(ran.stderr.contains("index.curve"), "{}", ran.stderr);
    // Other names have nothing to do with those that the curve has seen.
    let ran = uds.run(&["estimate", "--index", "index", "--chunker", "fastcdc:2K:8K:64K", "tree"]);
    assert!(ran.stderr.contains("its names were made otherwise"), "{}", ran.stderr);
}

// Guards the page: beside any output, as a new file, and never over another one unasked.
#[test]
fn the_page_is_written_beside_the_result() {
    let uds = Uds::new();
    uds.write("tree/<b>data", &blocks((1..=300).chain(1..=100)));
    uds.estimate(&["--html", "page.html", "tree"]);
    let page = fs::read_to_string(uds.path("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("256M dense"), "{page}");
    assert!(page.contains("Savings by directory") && !page.contains("<b>"), "{page}");
    let ran = uds.run(&["estimate", "--html", "page.html", "tree"]);
    ran.failed(2, &["page.html", "--force"]);
    uds.estimate(&["--html", "page.html", "--force", "tree"]);
    let ran = uds.run(&["estimate", "--html", "nowhere/page.html", "tree"]);
    ran.failed(3, &["nowhere/page.html"]);
}

// Guards the two halves of the question: the part that was not asked for is not told.
#[test]
fn one_half_of_the_question_can_be_asked_alone() {
    let uds = Uds::new();
    uds.write("tree/data", &blocks((0..300).chain(1..=100)));
    let json = uds.estimate(&["--dedupe-only", "tree"]);
    assert_eq!((counts(&json), &json["savings"]["compression"]), ([299, 100, 1, 0], &Value::Null));
    let json = uds.estimate(&["--compressionOnly", "tree"]);
    assert_eq!(counts(&json), [399, 0, 1, 0]);
    for field in ["curve", "unlimited", "knee", "recommendation"] {
        assert_eq!(json[field], Value::Null);
    }
    assert_eq!(json["savings"]["compression"]["blocks"], "all");
    let ran = uds.run(&["estimate", "--compression-only", "tree"]);
    assert!(!ran.stdout.contains("RECOMMEND") && ran.stdout.contains("LZ4"), "{}", ran.stdout);
}

// Guards scans of next to nothing.
#[test]
fn nothing_and_nothing_but_zeroes_have_an_answer() {
    let uds = Uds::new();
    fs::create_dir(uds.path("empty")).unwrap();
    let json = uds.estimate(&["empty"]);
    assert_eq!((counts(&json), &json["unlimited"]["saved_share"]), ([0; 4], &0.0.into()));
    assert_eq!(json["recommendation"]["sentence"], "Nothing was read.");
    assert_eq!(json["recommendation"]["verdict"], "nothing_to_save");
    uds.write("zeroes/data", &[0; 40_960]);
    let json = uds.estimate(&["zeroes"]);
    assert_eq!((counts(&json), &json["saved_share"]), ([0, 0, 10, 0], &0.0.into()));
    let said = json["recommendation"]["sentence"].as_str().unwrap();
    assert!(said.contains("all blocks are zero ones"), "{said}");
    uds.write("small/a", b"x");
    uds.write("small/b", b"x");
    let json = uds.estimate(&["small"]);
    assert_eq!(
        (&json["bytes_saved"], &json["recommendation"]["saved_bytes"]),
        (&2.into(), &2.into())
    );
    assert_eq!(uds.run(&["estimate", "empty", "zeroes"]).code, Some(0));
}

// Guards against files that no row counts: whoever lets go of one last must tell it, and with
// more threads than files to read that is anybody.
#[test]
fn every_file_is_in_some_row() {
    let uds = Uds::new();
    for number in 0..2000_u64 {
        uds.write(&format!("tree/{}/{number}", number % 7), &blocks([number / 2 + 1]));
    }
    for threads in ["1", "2", "16"] {
        let json = uds.estimate(&["--threads", threads, "--dedupe-only", "tree"]);
        assert_eq!(counts(&json), [1000, 1000, 0, 0]);
        let savings = &json["savings"];
        for (list, field, wanted) in [
            ("by_directory", "bytes", 2000 * 4096),
            ("by_type", "saved_bytes", 1000 * 4096),
            ("by_age", "saved_bytes", 1000 * 4096),
        ] {
            let rows = savings[list].as_array().unwrap();
            let sum: u64 = rows.iter().map(|row| row[field].as_u64().unwrap()).sum();
            assert_eq!(sum, wanted, "{list} with {threads} threads");
        }
    }
}

// Guards the index against the curve of another one that stands where it stands.
#[test]
fn the_curve_of_another_index_is_not_believed() {
    let uds = Uds::new();
    uds.write("one/data", &blocks(1..100));
    uds.write("other/data", &blocks(201..300));
    uds.run(&["create", "a", "--memory", "256M", "--nonce", "1", "--sparse-file"]);
    uds.run(&["create", "b", "--memory", "256M", "--nonce", "2", "--sparse-file"]);
    uds.estimate(&["--index", "a", "--nonce", "1", "one"]);
    uds.estimate(&["--index", "b", "--nonce", "2", "other"]);
    fs::rename(uds.path("a.curve"), uds.path("b.curve")).unwrap();
    let json = uds.estimate(&["--index", "b", "--nonce", "2", "other"]);
    assert_eq!((&json["curve_is_whole"], &json["duplicate_blocks"]), (&false.into(), &99.into()));
}
