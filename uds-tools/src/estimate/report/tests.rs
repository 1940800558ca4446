//! The text of a report.

use uds_index::Statistics;

use super::{IndexFacts, Losses, Report, Stage};
use crate::estimate::breakdown::{AgeTally, AgeUnit, Breakdown, Savings, Scope};
use crate::estimate::sizing::{Answer, Curve, samples};
use crate::terminal::Canvas;

const CANVAS: Canvas = Canvas { columns: 60, is_unicode: false };
const SCOPE: Scope = Scope { unit: AgeUnit::Blocks, is_sampled: false };

/// What any index saves of the report's data.
fn tenth() -> Curve {
    samples::curve(&[10.0], &[10.0], 10.0, (0.0, 0.0), 340_000 * 4096)
}

fn report() -> Report {
    Report {
        schema_version: 1,
        interrupted: false,
        failed: None,
        hash: "murmur",
        chunker: "fixed".into(),
        bytes_scanned: 1_342_177_280,
        files_scanned: 12_345,
        files_failed: 0,
        files_vanished: 0,
        excluded: 0,
        index_skipped: false,
        hard_links_skipped: 0,
        symlinks_skipped: 0,
        special_files_skipped: 0,
        block_size: 4096,
        blocks: 340_000,
        zero_blocks: 1234,
        unique_blocks: 304_766,
        duplicate_blocks: 34_000,
        blocks_failed: 0,
        bytes_saved: 34_000 * 4096,
        saved_share: 0.1,
        zero_bytes: 1234 * 4096,
        unique_bytes: 304_766 * 4096,
        duplicate_bytes: 34_000 * 4096,
        block_bytes: 340_000 * 4096,
        losses: Losses::default(),
        memory_needed: None,
        index: IndexFacts {
            modelled: false,
            path: None,
            memory: Some("256M".into()),
            sparse: false,
            disk_bytes: 2_781_704_192,
            window_records: 67_108_864,
            window_bytes: 67_108_864 * 4096,
            records_in_index: 304_766,
            full_share: 0.0045,
        },
        answer: Some(Answer::new(tenth())),
        curve_is_whole: true,
        sampled_one_in: 1,
        savings: Savings::new(&Breakdown::default(), &AgeTally::default(), None, SCOPE),
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
    let text = report().text(CANVAS);
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
        losses: Losses {
            records_discarded: 1_234_567,
            overflows: 12,
            chapter_index_overflows: 3,
            early_flushes: 4,
            sparse_chapters_unreadable: 1,
        },
        memory_needed: Some("1G".into()),
        ..report()
    }
    .text(CANVAS);
    assert_fits(&text);
    insta::assert_snapshot!(text);
}

// Guards against records that are lost without a word while the window has room, and against
// advice that would not help them.
#[test]
fn losses_without_a_full_window_are_told() {
    let losses = Losses { overflows: 1, ..Losses::default() };
    let text = Report { losses, ..report() }.text(CANVAS);
    assert_fits(&text);
    assert!(text.contains("WARNING: THE INDEX COULD NOT KEEP ALL RECORDS"), "{text}");
    assert!(text.contains("It had no room for 1 record,"), "{text}");
    assert!(!text.contains("TOO SMALL") && !text.contains("--memory"), "{text}");
}

// Guards against losses of earlier runs, and against two counters that are mixed up.
#[test]
fn losses_are_those_of_this_run() {
    let mut before = Statistics::default();
    (before.overflows, before.chapter_index_overflows, before.early_flushes) = (1, 2, 3);
    let mut after = before.clone();
    assert_eq!(Losses::between(&before, &after), Losses::default());
    after.records_forgotten += 40;
    after.overflows += 10;
    after.chapter_index_overflows += 20;
    after.early_flushes += 30;
    after.sparse_chapters_unreadable += 50;
    let losses = Losses {
        records_discarded: 40,
        overflows: 10,
        chapter_index_overflows: 20,
        early_flushes: 30,
        sparse_chapters_unreadable: 50,
    };
    assert_eq!(Losses::between(&before, &after), losses);
}

// Guards the reader of a sparse index's result: what it is, and which size would have been enough.
#[test]
fn a_sparse_index_says_so() {
    let index = IndexFacts { sparse: true, ..report().index };
    let losses = Losses { records_discarded: 7, ..Losses::default() };
    let text = Report { index, losses, ..report() }.text(CANVAS);
    assert_fits(&text);
    assert!(text.contains("kind     sparse"), "{text}");
    assert!(text.contains("No sparse index is large enough"), "{text}");
}

// Guards against a result that looks wrong where only the index could not be kept.
#[test]
fn a_failed_save_leaves_the_estimate() {
    let text = Report { failed: Some(Stage::Save), ..report() }.text(CANVAS);
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
        unique_bytes: u64::MAX / 16,
        block_bytes: u64::MAX / 16,
        losses: Losses {
            records_discarded: u64::MAX / 65536,
            overflows: u64::MAX / 65536,
            chapter_index_overflows: 1,
            early_flushes: u64::MAX / 65536,
            sparse_chapters_unreadable: u64::MAX / 65536,
        },
        memory_needed: None,
        seconds: 123_456_789.0,
        ..report()
    };
    assert_fits(&text.text(CANVAS));
}

fn modelled(answer: Answer) -> Report {
    let index = IndexFacts { modelled: true, ..report().index };
    Report { index, answer: Some(answer), ..report() }
}

// Guards against counts of an index without limits that are taken for those of any, and against an
// estimate without its error; a real index counts, whatever its curve.
#[test]
fn saved_says_what_it_is_of() {
    let told = |report: Report| {
        let text = report.text(CANVAS);
        assert_fits(&text);
        (text.contains("with an index without limits\n"), text.contains("deduplication, 10.0% +- "))
    };
    assert_eq!(told(modelled(Answer::new(tenth()))), (false, false));
    assert_eq!(told(modelled(Answer::new(samples::slope()))), (true, true));
    let real = Report { answer: Some(Answer::new(samples::slope())), ..report() };
    assert_eq!(told(real), (false, false));
    let page = modelled(Answer::new(samples::slope())).page().unwrap();
    assert!(page.contains("10.0% &#177; 0.4, with an index without limits"), "{page}");
}

// Guards the run that goes on with an index: its counts are its own, and the sizes are of all.
#[test]
fn sizes_of_all_runs_say_so() {
    let whole = |block_bytes| Report { block_bytes, ..report() };
    let all = tenth().total_bytes;
    let text = whole(all / 2).text(CANVAS);
    assert_fits(&text);
    assert!(text.contains("\nThe sizes are of all 1.30 GiB that the index has seen:\n"), "{text}");
    assert!(whole(all / 2).page().unwrap().contains("not of this run alone"));
    assert!(!whole(all).text(CANVAS).contains("sizes"));
    assert!(!whole(all).page().unwrap().contains("this run"));
    let lost = Report { curve_is_whole: false, ..whole(all / 2) };
    assert_fits(&lost.text(CANVAS));
    assert!(!lost.text(CANVAS).contains("all 1.30 GiB"), "{}", lost.text(CANVAS));
    assert!(lost.page().unwrap().contains("only, not of all that the index has seen"));
}
