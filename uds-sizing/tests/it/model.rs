//! What the model says of itself.

use uds_geometry::{Configuration, MemorySize, RecordName};
use uds_sizing::{Candidate, Model, Outcome, Reference, SizingError, Stream};

/// The candidates of `uds estimate`: every size that doubles, dense and sparse.
fn all_sizes() -> Vec<Candidate> {
    MemorySize::all()
        .flat_map(|memory| [Configuration::dense(memory), Configuration::sparse(memory)])
        .map(|configuration| Candidate::new(&configuration.geometry()))
        .collect()
}

fn name(number: u64) -> RecordName {
    RecordName::of_block(&number.to_le_bytes())
}

fn observe(model: &mut Model, numbers: impl Iterator<Item = u64>) -> Vec<Outcome> {
    let references: Vec<_> =
        numbers.map(|number| Reference { name: name(number), bytes: 4096 }).collect();
    let mut outcomes = Vec::new();
    model.observe(&mut Stream::default(), &references, &mut outcomes);
    outcomes
}

// Guards the memory, which must be fixed whatever is observed, and the sample, which is whole at
// first and then thinned out.
#[test]
fn memory_is_fixed_and_the_sample_falls_by_halves() {
    let mut model = Model::new(&all_sizes()).unwrap();
    assert!(model.memory_bytes() < 40 << 20, "{}", model.memory_bytes());
    let outcomes = observe(&mut model, 0..900_000);
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::New { weight: 1 }));
    assert_eq!(model.curve().sampled_one_in, 1);
    let outcomes = observe(&mut model, 900_000..4_000_000);
    let curve = model.curve();
    assert_eq!(curve.sampled_one_in, 8);
    assert_eq!(curve.observed.records, 4_000_000);
    assert!(outcomes.contains(&Outcome::NotSampled));
    // Nothing came twice. What is said to be found is error, and is said to be.
    let most = curve.unlimited.error_bytes + curve.unlimited.error_bytes / 2;
    assert!(curve.unlimited.bytes < most, "{curve:?}");
    assert!(curve.unlimited.error_bytes < curve.observed.bytes / 100, "{curve:?}");
    assert!(model.log_records() == 4_000_000);
}

// Guards against names that are everywhere: whether one of them is in the sample or not must
// not matter.
#[test]
fn common_names_do_not_tip_the_scales() {
    let mut model = Model::with_sample_bits(&all_sizes(), 12).unwrap();
    let posts = (0..400_000_u64).map(|post| if post % 2 == 0 { post % 6 } else { 1_000 + post });
    observe(&mut model, posts);
    let curve = model.curve();
    assert!(curve.sampled_one_in >= 64);
    let share = curve.unlimited.bytes as f64 / curve.observed.bytes as f64;
    assert!((share - 0.5).abs() < 0.03, "{share}");
}

// Guards how far back a duplicate is said to be, and the log, in which a name that is in the open
// chapter takes no second place.
#[test]
fn ages_are_counted_in_chapters() {
    let mut model = Model::new(&all_sizes()).unwrap();
    let chapter = 65_536;
    let outcomes = observe(&mut model, [7, 7].into_iter());
    assert_eq!(outcomes[1], Outcome::Known { weight: 1, chapters_ago: 0 });
    assert_eq!(model.log_records(), 1);
    observe(&mut model, 1_000..1_000 + 3 * chapter);
    let outcomes = observe(&mut model, [7].into_iter());
    assert_eq!(outcomes[0], Outcome::Known { weight: 1, chapters_ago: 3 });
    assert_eq!(model.log_records(), 3 * chapter + 2);
}

// Guards the candidates that a model cannot serve.
#[test]
fn candidates_that_do_not_fit_are_refused() {
    let sizes = |records: u32| {
        let custom = uds_geometry::CustomConfiguration {
            record_pages_per_chapter: records,
            ..uds_geometry::CustomConfiguration::default()
        };
        Candidate::new(&Configuration::custom(&custom).unwrap().geometry())
    };
    let five: Vec<_> = (1..=5).map(sizes).collect();
    let error = Model::new(&five).unwrap_err();
    assert!(matches!(error, SizingError::TooManyChapterSizes { found: 5, most: 4 }));
    assert!(error.to_string().contains("5 different sizes"), "{error}");
    assert!(Model::new(&[]).unwrap().curve().found.is_empty());
}
