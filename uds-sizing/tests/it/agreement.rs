//! The model against real indexes of six sizes and both kinds, on data of known reuse distances.

use super::real::{PATTERNS, Pattern, SIZES, Scale, modelled, real_share};

/// Small enough for tests; the command `check` takes larger ones. Chapters must be large for their
/// number of samples, as real ones are, or the sparse cache is another thing.
const SCALE: Scale = Scale { chapter_pages: 16, chapters: 16 };
const POSTS: usize = 250_000;

fn pattern(name: &str) -> &'static Pattern {
    PATTERNS.iter().find(|pattern| pattern.name == name).expect("a pattern of this name")
}

fn shares(scale: Scale, names: &[uds_geometry::RecordName], sample_bits: u32) -> Vec<(f64, f64)> {
    let curve = modelled(scale, sample_bits, names);
    let all = curve.observed.bytes as f64;
    curve
        .found
        .iter()
        .map(|found| (found.bytes as f64 / all, found.error_bytes as f64 / all))
        .collect()
}

// Guards the rule by which a dense index finds a name: with all names in the sample there is no
// error, whatever the order of the data, also at the very edge of the window.
#[test]
fn dense_indexes_are_modelled_exactly() {
    for (seed, pattern) in (1..).zip(&PATTERNS) {
        let names = pattern.names(SCALE, POSTS, seed);
        let modelled = shares(SCALE, &names, 20);
        for (place, size) in SIZES.into_iter().enumerate().step_by(2) {
            let real = real_share(&SCALE.configuration(size, false), &names);
            let (share, error) = modelled[2 * place];
            assert!(
                (share - real).abs() < 1e-12,
                "{}, {}: {share} {real}",
                pattern.name,
                size.name
            );
            assert_eq!(error, 0.0);
        }
    }
}

// Guards the miniature of the sparse cache, with all names and with one in sixteen.
#[test]
fn sparse_indexes_are_modelled_closely() {
    let names = [
        "long runs, six distances",
        "short runs",
        "backups: all of it again",
        "lone duplicates, one hot name",
    ];
    for (seed, pattern) in (11..).zip(names.map(pattern)) {
        // Lone duplicates are found by chance: of few chapters, all would be in the cache.
        let is_lone = pattern.run.1 == 1;
        let scale = if is_lone { Scale { chapter_pages: 4, chapters: 64 } } else { SCALE };
        let names = pattern.names(scale, POSTS, seed);
        let (of_all, of_few) = (shares(scale, &names, 20), shares(scale, &names, 14));
        for (place, size) in SIZES.into_iter().enumerate().step_by(3) {
            let real = real_share(&scale.configuration(size, true), &names);
            let ((all, _), (few, told)) = (of_all[2 * place + 1], of_few[2 * place + 1]);
            // That of the sample alone, without the allowance for the model, which is held here.
            let error = of_few[2 * place].1;
            let what = format!("{}, {}: {real}, {all}, {few} +- {told}", pattern.name, size.name);
            assert!((all - real).abs() < 0.02, "{what}");
            assert!((few - real).abs() < 0.02 + error && told > 0.0, "{what}");
        }
    }
}

// Guards the error that is told: the true number lies inside it nearly always, and it is not so
// large that it says nothing.
#[test]
fn errors_of_samples_are_what_they_are_said_to_be() {
    let (mut inside, mut all) = (0, 0);
    for seed in 1..=12 {
        let names = pattern("middling runs, common names").names(SCALE, 60_000, seed);
        let (exact, sampled) = (shares(SCALE, &names, 20), shares(SCALE, &names, 11));
        // Of each kind the smallest and the largest: the others say nearly the same.
        for place in [0, 8] {
            let ((exact, _), (sampled, error)) = (exact[place], sampled[place]);
            assert!(error > 0.0 && error < 0.1, "{error}");
            all += 1;
            inside += u32::from((exact - sampled).abs() <= error);
        }
    }
    assert!(inside * 10 >= all * 8, "{inside} of {all}");
}
