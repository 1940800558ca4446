//! `cargo xtask verify`: the one gate.
//!
//! A table of [steps](steps::STEPS), run in order. Each prints its name, the exact commands that
//! it runs, and how long it took; a table at the end says how each came out. A step that fails
//! does not stop those after it, unless asked: one run tells all that is wrong.
//!
//! Invariants:
//! 1. The exit status is success if and only if no step failed.
//! 2. The last line printed is `N passed, N failed`. A skipped step is neither.

mod licences;
mod msrv;
mod steps;
mod summary;

use std::fmt;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use steps::{STEPS, Step};
use summary::{Row, Summary};

/// How thorough a run is: each tier includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Tier {
    /// For every change: minutes, and no network once the dependencies are here.
    Pr,
    /// For every night: longer models and random tests, optimised benchmarks, advisories.
    Nightly,
    /// Before a release: also the packages.
    Release,
}

/// Options of `cargo xtask verify`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How thorough to be.
    #[arg(long, value_enum, default_value_t = Tier::Pr)]
    tier: Tier,
    /// Run only these steps, separated by commas, whatever the tier runs.
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    only: Vec<String>,
    /// List all steps with their tiers instead of running any.
    #[arg(long)]
    list: bool,
    /// Stop after the first step that fails.
    #[arg(long)]
    fail_fast: bool,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pr => "pr",
            Self::Nightly => "nightly",
            Self::Release => "release",
        })
    }
}

/// What the steps know.
pub(crate) struct Context {
    workspace: Workspace,
    tier: Tier,
}

/// How a step came out, where it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is well; what it found, in a few words, or nothing.
    Passed(String),
    /// There was nothing to check, and why.
    Skipped(String),
}

/// Runs the steps that the options select.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if options.list {
        for step in &STEPS {
            println!("{:<12}{:<9}{}", step.name, step.tier.to_string(), step.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let steps = select(options)?;
    let summary = run_steps(&steps, options);
    print!("\n{summary}");
    Ok(if summary.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn select(options: &Options) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = options.only.iter().find(|name| STEPS.iter().all(|s| s.name != **name)) {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step `{unknown}`: choose from {}", names.join(", "));
    }
    let selected = |step: &&Step| {
        if options.only.is_empty() {
            step.tier <= options.tier
        } else {
            options.only.iter().any(|name| name == step.name)
        }
    };
    Ok(STEPS.iter().filter(selected).collect())
}

fn run_steps(steps: &[&Step], options: &Options) -> Summary {
    let start = Instant::now();
    let context = match Workspace::load() {
        Ok(workspace) => Context { workspace, tier: options.tier },
        // A failure like any other, so that the table and the last line are printed.
        Err(error) => {
            let row = Row { name: "metadata", elapsed: start.elapsed(), outcome: Err(error) };
            return Summary { rows: vec![row] };
        }
    };
    let mut summary = Summary::default();
    for step in steps {
        let row = run_step(step, &context);
        let failed = row.outcome.is_err();
        summary.rows.push(row);
        if failed && options.fail_fast {
            break;
        }
    }
    summary
}

fn run_step(step: &Step, context: &Context) -> Row {
    println!("\n==> {}: {}", step.name, step.about);
    let start = Instant::now();
    let outcome = (step.run)(context);
    let row = Row { name: step.name, elapsed: start.elapsed(), outcome };
    println!("<== {row}");
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(tier: Tier, only: &[&str]) -> Options {
        let only = only.iter().map(|&name| name.to_owned()).collect();
        Options { tier, only, list: false, fail_fast: false }
    }

    fn names(options: &Options) -> Vec<&'static str> {
        select(options).unwrap().into_iter().map(|step| step.name).collect()
    }

    // Guards against a step that falls out of the gate unseen.
    #[test]
    fn tiers_add_steps() {
        let quick = [
            "fmt", "clippy", "test", "doctest", "docs", "golden", "loom", "faults", "tidy", "deny",
            "msrv", "benches",
        ];
        assert_eq!(names(&options(Tier::Pr, &[])), quick);
        let nightly = names(&options(Tier::Nightly, &[]));
        assert_eq!(nightly[quick.len()..], ["long", "sanitize", "fuzz", "advisories"]);
        let release = names(&options(Tier::Release, &[]));
        assert_eq!(release[nightly.len()..], ["package"]);
    }

    // Guards `--only`: the order is the table's, and a misspelt step is no success.
    #[test]
    fn steps_are_chosen_by_name() {
        assert_eq!(names(&options(Tier::Pr, &["advisories", "fmt"])), ["fmt", "advisories"]);
        let Err(error) = select(&options(Tier::Pr, &["fmt", "clipy"])) else {
            panic!("a misspelt step was accepted");
        };
        assert!(error.to_string().starts_with("there is no step `clipy`: choose from fmt, "));
    }
}
