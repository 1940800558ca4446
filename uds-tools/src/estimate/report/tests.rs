//! The text of a report.

use super::{IndexFacts, Report, Stage};

fn report() -> Report {
    Report {
        schema_version: 1,
        interrupted: false,
        failed: None,
        hash: "murmur",
        bytes_scanned: 1_342_177_280,
        files_scanned: 12_345,
        files_failed: 0,
        hard_links_skipped: 0,
        symlinks_skipped: 0,
        special_files_skipped: 0,
        block_size: 4096,
        blocks: 340_000,
        zero_blocks: 1234,
        unique_blocks: 304_766,
        duplicate_blocks: 34_000,
        bytes_saved: 34_000 * 4096,
        saved_share: 0.1,
        zero_bytes: 1234 * 4096,
        records_discarded: 0,
        memory_needed: None,
        index: IndexFacts {
            path: None,
            memory: Some("256M".into()),
            disk_bytes: 2_781_704_192,
            window_records: 67_108_864,
            window_bytes: 67_108_864 * 4096,
            records_in_index: 304_766,
            full_share: 0.0045,
        },
        seconds: 1.25,
    }
}

fn assert_fits(text: &str) {
    for line in text.lines() {
        assert!(line.len() <= 60, "{} columns: {line}", line.len());
    }
}

// Guards the layout that people read, at an ordinary size.
#[test]
fn an_ordinary_report() {
    let text = report().text();
    assert_fits(&text);
    insta::assert_snapshot!(text);
}

// Guards the loudness: forgotten records, unreadable files and an interruption must be seen.
#[test]
fn a_report_with_everything_wrong() {
    let text = Report {
        interrupted: true,
        failed: Some(Stage::Scan),
        files_failed: 2,
        hard_links_skipped: 1,
        symlinks_skipped: 2345,
        special_files_skipped: 17,
        records_discarded: 1_234_567,
        memory_needed: Some("1G".into()),
        ..report()
    }
    .text();
    assert_fits(&text);
    insta::assert_snapshot!(text);
}

// Guards against a result that looks wrong where only the index could not be kept.
#[test]
fn a_failed_save_leaves_the_estimate() {
    let text = Report { failed: Some(Stage::Save), ..report() }.text();
    assert_fits(&text);
    assert!(text.contains("FAILED: the estimate is complete"), "{text}");
}

// Guards the width at the largest numbers that a file system can bring.
#[test]
fn a_report_of_exabytes_fits() {
    let text = Report {
        bytes_scanned: u64::MAX / 16,
        files_scanned: 999_999_999_999,
        blocks: u64::MAX / 65536,
        unique_blocks: u64::MAX / 65536,
        records_discarded: u64::MAX / 65536,
        memory_needed: None,
        seconds: 123_456_789.0,
        ..report()
    };
    assert_fits(&text.text());
}
