//! Criterion, with a hash for every call of what it measures.

use std::env;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use criterion::{Bencher, Criterion};
use serde::Deserialize;

/// How long each benchmark is measured where the environment does not say.
const DEFAULT_SECONDS: f64 = 2.0;
/// So many samples, each of as many calls as there is time for.
const SAMPLES: usize = 20;

/// The micro-benchmarks of a crate.
#[derive(Debug)]
pub struct Suite {
    /// What the names of all begin with.
    room: &'static str,
    mode: Mode,
}

enum Mode {
    /// Those whose names contain this.
    Tiny(String),
    Measure {
        criterion: Box<Criterion>,
        /// Where criterion writes what it has found.
        home: PathBuf,
    },
}

/// What criterion writes into `estimates.json`, as far as it is needed.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
    median_abs_dev: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    /// In nanoseconds for a call.
    point_estimate: f64,
}

/// Runs the micro-benchmarks of a crate, as the arguments and the environment of the process ask:
/// see the [crate]. The names of all begin with `room` and a dot.
///
/// # Panics
///
/// Where a benchmark does, or gives different results in two calls.
pub fn run(room: &'static str, benchmarks: impl FnOnce(&mut Suite)) {
    let mut suite = Suite { room, mode: Mode::from_process() };
    benchmarks(&mut suite);
}

impl Mode {
    fn from_process() -> Self {
        let arguments: Vec<String> = env::args().skip(1).collect();
        let is_bench = arguments.iter().any(|argument| argument == "--bench");
        if env::var_os("UDS_BENCH_TINY").is_some() || !is_bench {
            let filter = arguments.into_iter().find(|argument| !argument.starts_with('-'));
            return Self::Tiny(filter.unwrap_or_default());
        }
        let seconds = env::var("UDS_BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
        let seconds = seconds.unwrap_or(DEFAULT_SECONDS).clamp(0.01, 3600.0);
        let home = env::var_os("CRITERION_HOME").map_or_else(default_home, PathBuf::from);
        let criterion = Criterion::default()
            .without_plots()
            .sample_size(SAMPLES)
            .nresamples(2000)
            .warm_up_time(Duration::from_secs_f64(seconds / 4.0))
            .measurement_time(Duration::from_secs_f64(seconds))
            .output_directory(&home)
            .configure_from_args();
        Self::Measure { criterion: Box::new(criterion), home }
    }
}

/// `target/criterion`, if this is `target/release/deps/micro-0123456789abcdef`.
fn default_home() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    program.ancestors().nth(3).unwrap_or(Path::new("target")).join("criterion")
}

impl Suite {
    /// The full size of something, or its tiny one.
    #[must_use]
    pub fn size<T>(&self, full: T, tiny: T) -> T {
        if matches!(self.mode, Mode::Tiny(_)) { tiny } else { full }
    }

    /// A benchmark: `work`, which makes `operations` operations on what `setup` gives, again and
    /// again, and returns a hash of their results. Lower-case letters, digits, `-` and `.` make up
    /// its name.
    ///
    /// # Panics
    ///
    /// Where `setup` or `work` do, or two calls of `work` give different hashes.
    pub fn bench<S>(
        &mut self,
        name: &str,
        operations: u32,
        setup: impl FnOnce() -> S,
        work: impl FnMut(&mut S) -> u64,
    ) {
        self.bench_and_undo(name, operations, setup, work, |_| {});
    }

    /// A benchmark whose work changes what it works on: `undo`, which is not measured, makes it as
    /// it was.
    ///
    /// # Panics
    ///
    /// As [`bench`](Self::bench).
    pub fn bench_and_undo<S>(
        &mut self,
        name: &str,
        operations: u32,
        setup: impl FnOnce() -> S,
        work: impl FnMut(&mut S) -> u64,
        undo: impl FnMut(&mut S),
    ) {
        let name = format!("{}.{name}", self.room);
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        assert!(name.chars().all(is_plain), "{name} is no name for a benchmark");
        let mut case = Case { setup: Some(setup), state: None, hash: None, work, undo };
        let time = match &mut self.mode {
            Mode::Tiny(filter) if !name.contains(filter.as_str()) => return,
            Mode::Tiny(_) => {
                case.call(&name, 2);
                None
            }
            Mode::Measure { criterion, home } => {
                let file = home.join(&name).join("new/estimates.json");
                // Not there in the first run.
                let _ = fs::remove_file(&file);
                criterion.bench_function(&name, |bencher: &mut Bencher<'_>| {
                    bencher.iter_custom(|calls| case.call(&name, calls));
                });
                read_estimates(&file)
            }
        };
        if let Some(hash) = case.hash {
            println!("{}", line(&name, time.as_ref(), operations, hash));
        }
    }
}

/// None where criterion was asked not to measure.
fn read_estimates(file: &Path) -> Option<Estimates> {
    let text = fs::read_to_string(file).ok()?;
    serde_json::from_str(&text).ok()
}

fn line(name: &str, time: Option<&Estimates>, operations: u32, hash: u64) -> String {
    let each = |estimate: &Estimate| estimate.point_estimate / f64::from(operations);
    match time {
        Some(Estimates { median, median_abs_dev }) => {
            format!("bench: {name} {:.2} {:.2} {hash:016x}", each(median), each(median_abs_dev))
        }
        None => format!("bench: {name} - - {hash:016x}"),
    }
}

/// A benchmark while it runs.
struct Case<S, B, W, U> {
    setup: Option<B>,
    state: Option<S>,
    /// That of the first call.
    hash: Option<u64>,
    work: W,
    undo: U,
}

impl<S, B: FnOnce() -> S, W: FnMut(&mut S) -> u64, U: FnMut(&mut S)> Case<S, B, W, U> {
    /// Calls the work so often, and returns the time that this took.
    fn call(&mut self, name: &str, calls: u64) -> Duration {
        if let Some(setup) = self.setup.take() {
            self.state = Some(setup());
        }
        let mut spent = Duration::ZERO;
        let Some(state) = &mut self.state else { return spent };
        for _ in 0..calls {
            let start = Instant::now();
            let hash = black_box((self.work)(black_box(state)));
            spent += start.elapsed();
            (self.undo)(state);
            let first = *self.hash.get_or_insert(hash);
            assert!(first == hash, "{name} gave the hash {first:016x}, and then {hash:016x}");
        }
        spent
    }
}

impl std::fmt::Debug for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tiny(filter) => f.debug_tuple("Tiny").field(filter).finish(),
            Self::Measure { home, .. } => f.debug_struct("Measure").field("home", home).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the line that `cargo xtask bench` reads, and the division by the operations of a
    // call.
    #[test]
    fn a_line_has_the_time_of_one_operation() {
        let text = r#"{"mean": {"point_estimate": 1.0}, "median": {"point_estimate": 1302.0},
            "median_abs_dev": {"point_estimate": 11.0}}"#;
        let estimates: Estimates = serde_json::from_str(text).unwrap();
        assert_eq!(
            line("a.sort.100", Some(&estimates), 100, 0xab),
            "bench: a.sort.100 13.02 0.11 00000000000000ab"
        );
        assert_eq!(line("a.b", None, 100, 1), "bench: a.b - - 0000000000000001");
    }

    // Guards against benchmarks that are run though nobody asked for them.
    #[test]
    fn the_filter_comes_before_the_set_up() {
        let mut suite = Suite { room: "a", mode: Mode::Tiny("sort".into()) };
        suite.bench("search", 1, || panic!("not asked for"), |()| 0);
        let mut calls = 0;
        suite.bench_and_undo("sort.2", 1, || 7, |state| *state, |_| calls += 1);
        assert_eq!(calls, 2);
    }

    // Guards against a hash that means nothing, because it is another one in each call.
    #[test]
    #[should_panic(expected = "a.b gave the hash 0000000000000001, and then 0000000000000002")]
    fn results_that_differ_are_refused() {
        let mut suite = Suite { room: "a", mode: Mode::Tiny(String::new()) };
        suite.bench(
            "b",
            1,
            || 0,
            |state| {
                *state += 1;
                *state
            },
        );
    }
}
