//! The rules on images that the library makes: all are kept; and each is broken, alone, by an
//! edit.

mod edit;
mod headers;
mod make;
mod saves;
mod volume;

use std::collections::BTreeSet;

use uds_geometry::Configuration;

use self::edit::Edit;
use self::make::{Step, closed, dense, made, sparse, two_saves};
use super::{Rule, Subject, check};

/// An edit of an image, and the rule that it breaks.
type Case = (Rule, fn(&mut Edit));

/// Checks that each edit of an image breaks its rule and no other. Returns the rules.
fn break_each(image: &(Subject, Vec<u8>), cases: &[Case]) -> BTreeSet<Rule> {
    let (subject, bytes) = image;
    let report = check(subject, bytes).unwrap();
    assert!(report.is_kept(), "{report}");
    for (rule, edit) in cases {
        assert!(report.judged().contains(rule) || *rule == Rule::Discard, "{rule} is not judged");
        let mut edited = Edit::new(subject.clone(), bytes.clone());
        edit(&mut edited);
        assert_ne!(edited.bytes, *bytes, "{rule}: nothing was edited");
        let report = check(&edited.subject, &edited.bytes).unwrap();
        assert_eq!(*report.broken(), BTreeSet::from([*rule]), "{rule}: {report}");
    }
    cases.iter().map(|(rule, _)| *rule).collect()
}

// Guards against rules that cannot fail, that fail for another reason than their own, or that no
// image is judged by.
#[test]
fn each_rule_is_broken_by_an_edit_alone() {
    let dense = closed(&dense(), 1, 3);
    let mut broken = break_each(&dense, headers::CASES);
    broken.extend(break_each(&dense, saves::CASES));
    broken.extend(break_each(&dense, volume::CASES));
    broken.extend(break_each(&closed(&sparse(), 0, 1), saves::SPARSE));
    broken.extend(break_each(&two_saves(), saves::TWICE));
    broken.extend(break_each(&make::crashed_after_save(), saves::CRASHED));
    let missing: Vec<_> = Rule::ALL.iter().filter(|rule| !broken.contains(rule)).collect();
    assert!(missing.is_empty(), "no edit breaks {missing:?}");
}

// Guards against bytes of headers that no rule looks at: in each of the four blocks, and in what
// begins the parts of a save. Of what is all zeroes, a sample.
#[test]
fn no_byte_of_the_headers_is_free() {
    let (subject, bytes) = made(&sparse(), 1, &[Step::Open(1), Step::Close]);
    let mut edit = Edit::new(subject.clone(), bytes);
    let saved = [edit.region(1), edit.region(2), edit.open_chapter()];
    let headers = [edit.block(0), edit.block(1), edit.slot(0), edit.slot(1)];
    // Of the volume index the headers, oldest chapters and sizes of lists that are all empty.
    let lengths = [16, 4096 - 64, 14];
    let blocks = headers.map(|at| (at, 4096)).into_iter().chain(saved.into_iter().zip(lengths));
    for (start, length) in blocks {
        for at in (start..start + length).filter(|at| at - start < 320 || at % 16 == 3) {
            let bit = 1 << (at % 8);
            edit.bytes[at] ^= bit;
            let report = check(&subject, &edit.bytes).unwrap();
            assert!(!report.is_kept(), "byte {} of the part at {start}: {bit}", at - start);
            edit.bytes[at] ^= bit;
        }
    }
    assert!(check(&subject, &edit.bytes).unwrap().is_kept());
}

// Guards what this project writes against the format, in shapes that the golden cases do not have:
// offsets, odd numbers of chapters, many zones, windows that wrap, indexes that hold nothing.
#[test]
fn what_the_library_writes_keeps_the_rules() {
    let one = |bytes: &Configuration| (closed(bytes, 0, 1), "one zone");
    let images = [
        one(&dense()),
        one(&sparse()),
        (closed(&dense(), 7, 3), "three zones, behind other blocks"),
        (closed(&sparse(), 1, 3), "sparse, three zones"),
        (closed(&dense(), 0, 16), "sixteen zones"),
        (closed(&make::reduced(), 0, 1), "reduced"),
        (closed(&make::reduced_sparse(), 3, 2), "sparse and reduced"),
        (made(&dense(), 0, &[Step::Open(2), Step::Post(0..30_000), Step::Close]), "wrapped"),
        (
            made(&sparse(), 0, &[Step::Open(2), Step::Post(0..40_000), Step::Close]),
            "wrapped, sparse",
        ),
        (
            made(&make::reduced(), 0, &[Step::Open(1), Step::Post(0..30_000), Step::Close]),
            "wrapped, reduced",
        ),
        (made(&dense(), 0, &[Step::Open(3), Step::Close]), "empty"),
        (made(&dense(), 0, &[Step::Open(3), Step::Crash]), "never saved"),
        (made(&dense(), 0, &[Step::Open(1), Step::Post(0..9000), Step::Crash]), "crashed"),
        (two_saves(), "two saves"),
        (make::crashed_after_save(), "crashed after a save"),
        (make::recovered(&dense()), "recovered"),
        (make::recovered(&sparse()), "sparse, recovered"),
        (make::three_sessions(), "three sessions in different zones"),
    ];
    for ((subject, bytes), what) in &images {
        let report = check(subject, bytes).unwrap();
        assert!(report.is_kept(), "{what}: {report}");
        assert!(report.judged().len() > 30, "{what}: only {} rules", report.judged().len());
    }
}

// Guards against an image of another index that passes: what is asked for is compared.
#[test]
fn other_expectations_are_not_met() {
    let (subject, bytes) = closed(&dense(), 1, 1);
    let broken = |subject: &Subject| check(subject, &bytes).unwrap().broken().clone();
    let other = Subject { nonce: subject.nonce + 1, ..subject.clone() };
    assert_eq!(broken(&other), BTreeSet::from([Rule::ConfigNonce]));
    let unclean = Subject { clean: false, ..subject.clone() };
    assert_eq!(broken(&unclean), BTreeSet::from([Rule::CleanState]));
    assert!(broken(&Subject { offset: 0, ..subject }).contains(&Rule::TableMagic));
}
