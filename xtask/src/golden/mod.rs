//! `cargo xtask golden`: images and answers of the reference implementation.
//!
//! A folder holds cases: `NAME.json`, which says how an index was made and what it answers, and
//! `NAME.img.zst`, the index. Two questions are asked of each, apart from each other so that
//! each can accuse the other:
//!
//! - *Is the case what it says it is?* [`evidence`] needs no index: it reads the pages as the
//!   specification describes them, hashes the chapters and looks up what the answers promise.
//!   [`rules`] holds the whole image against the format, byte for byte.
//! - *Does this project agree?* [`run_case`] opens the image with the library, asks, and runs
//!   the program anew. The image that the program makes is held against [`rules`], too.

mod answers;
mod case;
mod chapters;
mod dumped;
mod evidence;
mod explained;
mod image;
mod names;
mod page;
mod program;
mod rules;
mod run;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::verify::Verdict;
use crate::workspace;
use case::Case;
use run::{Outcome, run_case};

/// Where the cases lie, seen from the workspace, if no folder is given.
pub(crate) const DEFAULT_FOLDER: &str = "../shared/golden";

/// Options of `cargo xtask golden`.
#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// The folder of the cases [default: ../shared/golden beside the repository].
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Run only cases whose names contain this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Keep the images that this project writes in this folder, for the reference to load.
    #[arg(long, value_name = "DIR")]
    emit: Option<PathBuf>,
}

/// How many cases came out how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Total {
    passed: usize,
    failed: usize,
}

/// Runs the cases, a line each and a total. Fails if one fails.
pub(crate) fn run(options: &Options) -> Result<Verdict> {
    let folder = match &options.dir {
        Some(folder) => folder.clone(),
        None => workspace::root().join(DEFAULT_FOLDER),
    };
    if options.dir.is_none() && !folder.is_dir() {
        let reason = format!("no golden images here: there is no folder {DEFAULT_FOLDER}");
        println!("{reason}; nothing of the reference was checked");
        return Ok(Verdict::Skipped(reason));
    }
    if let Some(emit) = &options.emit {
        std::fs::create_dir_all(emit).with_context(|| format!("cannot make {}", emit.display()))?;
    }
    let scratch = tempfile::tempdir().context("cannot make a folder for unpacked images")?;
    let mut total = Total::default();
    for path in case::list(&folder, &options.filter)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (outcome, evidence) = judge(&path, scratch.path(), options.emit.as_deref());
        println!("{name}: {outcome}{evidence}");
        total.add(&outcome);
    }
    let Total { passed, failed } = total;
    let text = format!("{passed} cases passed, {failed} failed");
    println!("golden: {text}");
    match total {
        Total { failed: 1.., .. } => bail!("{text}"),
        Total { passed: 0, .. } => Ok(Verdict::Skipped(text)),
        _ => Ok(Verdict::Passed(text)),
    }
}

/// Runs one case; what its image proves by itself comes along in words.
fn judge(path: &Path, scratch: &Path, emit: Option<&Path>) -> (Outcome, String) {
    let run = || -> Result<(Outcome, String)> {
        let case = Case::load(path)?;
        let image = image::unpack(&path.with_file_name(&case.image), scratch)?;
        let evidence = evidence::check(&case, &image)?;
        let (outcome, rules) = run_case(&case, &image, emit);
        // Unpacked images are large: keep one at a time.
        std::fs::remove_file(&image)?;
        Ok((outcome, format!(" (image: {evidence}{rules})")))
    };
    run().unwrap_or_else(|error| (Outcome::Failed(format!("{error:#}")), String::new()))
}

impl Total {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(folder: &Path) -> Options {
        Options { dir: Some(folder.to_owned()), ..Options::default() }
    }

    // Guards against a broken case that counts as nothing, or stops the others.
    #[test]
    fn broken_cases_fail_the_run() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.json"), "{").unwrap();
        std::fs::write(folder.path().join("b.json"), "[]").unwrap();
        let error = run(&options(folder.path())).unwrap_err();
        assert_eq!(error.to_string(), "0 cases passed, 2 failed");
        let one = Options { filter: "a".into(), ..options(folder.path()) };
        assert_eq!(run(&one).unwrap_err().to_string(), "0 cases passed, 1 failed");
    }

    // Guards the total, by which the gate tells a pass from a skip.
    #[test]
    fn outcomes_are_counted_and_named() {
        let outcomes = [(Outcome::Passed, "passed"), (Outcome::Failed("x".into()), "FAILED: x")];
        let mut total = Total::default();
        for (outcome, text) in outcomes {
            total.add(&outcome);
            assert_eq!(outcome.to_string(), text);
        }
        assert_eq!(total, Total { passed: 1, failed: 1 });
    }

    // Guards against a misspelt folder or filter that passes with nothing checked.
    #[test]
    fn nothing_to_run_is_an_error_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        assert!(run(&options(folder.path())).is_err());
        assert!(run(&options(&folder.path().join("gone"))).is_err());
    }
}
