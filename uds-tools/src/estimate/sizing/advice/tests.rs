//! What is recommended, for given curves and for any.

use std::fmt::Write;

use proptest::prelude::*;

use super::{Advice, Least, Verdict};
use crate::estimate::sizing::{Answer, Curve, Kind, Point, samples};

fn advice(curve: &Curve) -> Advice {
    Answer::new(curve.clone()).advice
}

// Guards the one line that everybody reads, for each shape of curve.
#[test]
fn the_words_of_each_shape() {
    let mut text = String::new();
    for (name, curve) in samples::all() {
        let advice = advice(&curve);
        writeln!(text, "{name}: {:?}\n{}", advice.verdict, advice.sentence).unwrap();
        writeln!(text, "{}\n", advice.hint.as_deref().unwrap_or("(no hint)")).unwrap();
    }
    insta::assert_snapshot!(text);
}

// Guards the words where no size finds everything, and one finds nearly everything.
#[test]
fn an_unlimited_index_is_told_where_only_it_finds_all() {
    let curve = samples::curve(&[20.0, 40.9], &[0.0], 41.6, (0.0, 0.0), 1 << 40);
    let sentence = advice(&curve).sentence;
    let told = "for the index; an unlimited index would save 41.6%. Instead: 256M 20.0%.";
    assert!(
        sentence.starts_with("512M dense: 40.9% saved") && sentence.ends_with(told),
        "{sentence}"
    );
}

// Guards the fields that programs read, their names above all.
#[test]
fn the_fields_for_programs() {
    let mut answer = serde_json::to_value(Answer::new(samples::steps())).unwrap();
    let curve = answer["curve"].as_array_mut().unwrap();
    assert_eq!(curve.len(), 28);
    curve.truncate(1);
    insta::assert_json_snapshot!(answer);
}

// Guards the schema of these fields, for every verdict, with a knee and a hint and without.
#[test]
fn answers_are_as_their_schema_says() {
    let text = include_str!("../../../../../docs/schema/estimate.json");
    let schema: serde_json::Value = serde_json::from_str(text).unwrap();
    let answer =
        serde_json::json!({ "properties": schema["properties"], "$defs": schema["$defs"] });
    let validator = jsonschema::draft202012::new(&answer).unwrap();
    for (name, curve) in samples::all() {
        let mut answer = serde_json::to_value(Answer::new(curve)).unwrap();
        let errors: Vec<_> =
            validator.iter_errors(&answer).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        answer["recommendation"]["verdict"] = "perhaps".into();
        assert!(!validator.is_valid(&answer), "the schema says nothing");
    }
}

// Guards against a sparse index that spares little memory, or takes far more disk.
#[test]
fn sparse_only_where_it_pays() {
    let of = |dense: &[f64], sparse: &[f64]| {
        let curve = samples::curve(dense, sparse, 41.6, (0.0, 0.0), 8 << 40);
        advice(&curve).point.name()
    };
    let at_4g = [5.0, 5.0, 5.0, 5.0, 5.0, 41.6];
    let at_1g = [5.0, 5.0, 5.0, 41.6];
    assert_eq!(of(&at_1g, &[41.6]), "1G dense", "a quarter of the memory, twice the disk");
    assert_eq!(of(&at_4g, &[41.6]), "256M sparse", "a sixteenth");
    assert_eq!(of(&at_4g, &[5.0, 41.0]), "512M sparse", "an eighth");
    assert_eq!(of(&at_4g, &[5.0, 5.0, 41.6]), "4G dense", "more than an eighth");
    assert_eq!(of(&at_4g, &[40.0]), "4G dense", "misses what comes alone");
    assert_eq!(of(&[5.0], &[5.0, 5.0, 5.0, 41.0]), "1G sparse", "no dense one is enough");
}

// Guards against memory for a gain that may be noise, and against errors so wide that anything
// would do.
#[test]
fn errors_count_within_bounds() {
    let of = |error| {
        let dense = [38.0, 40.4, 41.6];
        let curve = samples::curve(&dense, &[0.0], 41.6, (error, 0.0), 8 << 40);
        advice(&curve).point.memory.to_string()
    };
    assert_eq!(of(0.0), "768M", "40.4 of 41.6 is not nearly everything");
    assert_eq!(of(0.4), "512M", "with this error it may be");
    assert_eq!(of(30.0), "512M", "38.0 never is");
}

// Guards the plain hints about cost, which no other test reaches.
#[test]
fn memory_that_hardly_pays_is_told() {
    let hint = |dense: &[f64], total| {
        let unlimited = dense[dense.len() - 1];
        advice(&samples::curve(dense, &[0.0], unlimited, (0.0, 0.0), total)).hint
    };
    let many = [10.0, 10.0, 10.0, 39.0, 39.0, 39.0, 39.0, 40.0];
    let said = hint(&many, 1 << 40).unwrap();
    assert!(said.starts_with("The knee, 1G dense, is the better bargain: 15 GiB more"), "{said}");
    assert_eq!(hint(&[40.0], 1 << 40), None);
    let said = hint(&[40.0], 6 << 30).unwrap();
    assert!(said.starts_with("The index takes more disk (2.59 GiB) than it saves"), "{said}");
    let said = hint(&[40.0], 10 << 30).unwrap();
    assert!(said.starts_with("Its memory hardly pays: each GiB of it saves 16.0 GiB"), "{said}");
}

// Guards against noise that is sold as a saving, and a saving that is taken for noise.
#[test]
fn nothing_within_the_error_is_recommended() {
    let of = |share: f64, error| {
        let curve = samples::curve(&[share], &[0.0], share, (error, 0.0), 700 << 20);
        let advice = advice(&curve);
        (advice.is_worth_an_index(), advice.sentence)
    };
    let (is_worth, said) = of(0.1, 0.2);
    let told = "Nothing to save within the error (0.1% +- 0.2). This data is not worth an index.";
    assert_eq!((is_worth, said.as_str()), (false, told));
    assert!(!of(0.2, 0.2).0 && !of(0.05, 0.0).0, "no more than the error, or the rounding");
    assert!(of(0.3, 0.2).0 && of(0.06, 0.0).0);
}

// Guards against blocks that are said to be compared where there are none.
#[test]
fn nothing_and_nothing_but_zeroes_are_told_apart() {
    let said = |bytes, zeroes| advice(&samples::nothing_of(bytes, zeroes)).sentence;
    assert_eq!(said(0, 0), "Nothing was read.");
    assert!(said(40_960, 40_960).contains("all blocks are zero ones"));
    assert!(said(40_960, 36_864).ends_with("no block of this data was found twice."));
}

// Guards against more bytes saved than were read, where the last blocks of files are padded.
#[test]
fn no_more_is_saved_than_was_read() {
    let curve = samples::curve(&[72.6], &[72.6], 72.6, (0.0, 0.0), 1000 << 20);
    let capped = advice(&curve.clone().with_most_bytes(600 << 20));
    assert_eq!(capped.saved_bytes, 600 << 20);
    assert!(capped.sentence.contains("72.6% saved, 600 MiB,"), "{}", capped.sentence);
    assert_eq!(advice(&curve.with_most_bytes(900 << 20)).saved_bytes, 726 << 20);
}

// Guards the word everything, which is true only where nothing is estimated.
#[test]
fn everything_is_said_of_what_is_exact() {
    let said = |error| {
        let curve = samples::curve(&[40.0, 41.6], &[0.0], 41.6, (error, 0.0), 8 << 40);
        advice(&curve).sentence
    };
    assert!(said(0.0).starts_with("512M dense finds everything: 41.6% saved"), "{}", said(0.0));
    let unsure = said(0.1);
    assert!(unsure.starts_with("512M dense finds nearly everything: 41.6% +- 0.1"), "{unsure}");
}

/// Curves as a model gives them, and worse: shares that fall, errors of any size.
fn any_curve() -> impl Strategy<Value = Curve> {
    let percents = || prop::collection::vec(0.0..100.0_f64, 1..=14);
    let ascending = percents().prop_map(|mut percents| {
        percents.sort_by(f64::total_cmp);
        percents
    });
    let errors = (0.0..5.0_f64, 0.0..5.0_f64);
    (prop_oneof![ascending, percents()], percents(), 0.0..100.0_f64, errors, 0..u64::MAX).prop_map(
        |(dense, sparse, more, errors, bytes)| {
            let most = dense.iter().chain(&sparse).copied().fold(0.0, f64::max);
            samples::curve(&dense, &sparse, most.max(more), errors, bytes)
        },
    )
}

proptest! {
    // Guards invariants 1 and 2: an index that does not exist, and memory for nothing.
    #[test]
    fn no_smaller_index_of_the_kind_saves_as_much(curve in any_curve()) {
        let answer = Answer::new(curve.clone());
        let point = answer.advice.point;
        prop_assert_eq!(curve.at(point.memory, point.kind), Some(&point));
        for other in curve.of(point.kind).iter().filter(|other| other.memory < point.memory) {
            prop_assert!(other.saved_share < point.saved_share);
        }
        for other in answer.knee.iter().chain(&answer.advice.alternatives) {
            prop_assert!(curve.points().contains(other));
        }
        prop_assert!(answer.advice.sentence.is_ascii());
    }

    // Guards invariant 3: less memory for more to find.
    #[test]
    fn more_to_find_never_takes_less_memory(
        curve in any_curve(), a in 0.0..1.0_f64, b in 0.0..1.0_f64,
    ) {
        let memory = |point: Option<&Point>| point.map_or(u64::MAX, |point| point.memory.bytes());
        let (low, high) = (Least::of(&curve, a.min(b)), Least::of(&curve, a.max(b)));
        prop_assert!(memory(low.dense) <= memory(high.dense));
        prop_assert!(memory(low.sparse) <= memory(high.sparse));
    }

    // Guards against an index that is called enough and is not.
    #[test]
    fn verdicts_are_true(curve in any_curve()) {
        let advice = advice(&curve);
        let (aim, share) = (curve.unlimited.saved_share, advice.point.saved_share);
        match advice.verdict {
            Verdict::NothingToSave => {
                let noise = curve.unlimited.error.max(0.0005);
                prop_assert!(aim <= noise || curve.total_bytes == 0);
            }
            Verdict::Everything => prop_assert!(aim - share < 0.0005),
            Verdict::NearlyEverything => prop_assert!(share >= aim - aim * 0.04 - 0.0005 - 1e-9),
            Verdict::TooSmall => {
                for kind in [Kind::Dense, Kind::Sparse] {
                    let enough = |point: &Point| point.saved_share > aim * 0.98 + 1e-9;
                    prop_assert!(!curve.of(kind).iter().any(enough));
                }
            }
        }
    }
}
