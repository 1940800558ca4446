//! The concurrency models: the tests in `models` modules, compiled with `cfg(uds_loom)`.
//!
//! A model runs its body once for each interleaving that loom finds worth trying. With each go
//! *mutants*: ways in which the protocol is weakened on purpose, in every one of which the model
//! must fail. `sync.rs` of each crate names them.
//!
//! They build in a target folder of their own, because the flag changes every crate, and
//! optimised, because a model runs its body many thousand times.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell::Cmd;
use crate::workspace::Workspace;

/// How many preemptions a model explores in a gate that people wait for. Nearly all known
/// faults of lock-free code show with two.
pub(crate) const QUICK_PREEMPTIONS: u32 = 3;

/// Options of `cargo xtask loom`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only models whose test's path contains this.
    filter: Option<String>,
    /// How many preemptions of each execution to explore.
    #[arg(long, default_value_t = QUICK_PREEMPTIONS)]
    preemptions: u32,
}

/// What the models of all crates said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Each model, and how many interleavings it passed.
    pub(crate) models: Vec<(String, u64)>,
    /// Each mutant: its model, the weakening, and in which interleaving it was caught.
    pub(crate) mutants: Vec<(String, String, u64)>,
}

/// Runs the models, and prints what they said.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let filter = options.filter.as_deref();
    run_models(&Workspace::load()?, filter, options.preemptions)
}

/// Runs the models whose tests' paths contain `filter`.
pub(crate) fn run_models(
    workspace: &Workspace,
    filter: Option<&str>,
    preemptions: u32,
) -> Result<Report> {
    let mut report = Report::default();
    for package in workspace.members() {
        let sources = workspace.root.join(&package.name).join("src");
        let declared = declared_mutants(&sources)?;
        if declared.is_empty() {
            continue;
        }
        let command = command(workspace, &package.name, filter, preemptions);
        println!("$ {command}");
        // Mutants that are caught panic by the dozen.
        let found = Report::parse(&command.read_quietly()?);
        found.print(&package.name);
        if filter.is_none() {
            found.check(&package.name, &declared)?;
        }
        report.models.extend(found.models);
        report.mutants.extend(found.mutants);
    }
    if report.models.is_empty() {
        bail!("no model was run: no crate has a matching test in a `models` module");
    }
    println!("loom: {report}");
    Ok(report)
}

fn command(workspace: &Workspace, package: &str, filter: Option<&str>, preemptions: u32) -> Cmd {
    let given = std::env::var("RUSTFLAGS").unwrap_or_default();
    let target = workspace.target_directory.join("loom");
    Cmd::cargo(&workspace.root, ["test", "--profile", "models", "--lib", "--package", package])
        .args(["--target-dir".as_ref(), target.as_os_str()])
        .args(["--", filter.unwrap_or("::models::"), "--nocapture"])
        .env("RUSTFLAGS", format!("{given} --cfg uds_loom").trim_start())
        .env("LOOM_MAX_PREEMPTIONS", preemptions.to_string())
        .env("RUST_BACKTRACE", "0")
}

/// The weakenings that a crate's `sync.rs` names. None where the crate has no protocols.
fn declared_mutants(sources: &Path) -> Result<BTreeSet<String>> {
    let file = sources.join("sync.rs");
    if !file.exists() {
        return Ok(BTreeSet::new());
    }
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    Ok(variants(&text))
}

/// The variants of `enum Mutant` in a source text, as rustfmt leaves it.
fn variants(text: &str) -> BTreeSet<String> {
    let declaration = text.lines().skip_while(|line| !line.ends_with("enum Mutant {")).skip(1);
    let body = declaration.take_while(|line| *line != "}");
    let variant = |line: &str| line.trim().strip_suffix(',').map(str::to_owned);
    body.filter(|line| !line.trim_start().starts_with("//")).filter_map(variant).collect()
}

impl Report {
    /// What the lines that begin with `loom:` say.
    fn parse(output: &str) -> Self {
        let mut report = Self::default();
        for line in output.lines() {
            // The test harness may have begun the line.
            let Some((_, line)) = line.split_once("loom: ") else { continue };
            if let Some(model) = line.strip_prefix("model ").and_then(model) {
                report.models.push(model);
            } else if let Some(mutant) = line.strip_prefix("mutant ").and_then(mutant) {
                report.mutants.push(mutant);
            }
        }
        report
    }

    fn print(&self, package: &str) {
        println!("{package}:");
        for (name, count) in &self.models {
            println!("  {name:<60} {count:>9} interleavings");
        }
        for (name, what, count) in &self.mutants {
            let name = format!("{name}: {what}");
            println!("  mutant {name:<53} caught after {count}");
        }
    }

    /// Checks that every weakening was tried. That it was caught the tests see to.
    fn check(&self, package: &str, declared: &BTreeSet<String>) -> Result<()> {
        if self.models.is_empty() {
            bail!("{package} names mutants, but has no models");
        }
        let caught: BTreeSet<_> = self.mutants.iter().map(|(_, what, _)| what.clone()).collect();
        match declared.difference(&caught).next() {
            Some(missing) => bail!("{package}: no model was tried with the mutant {missing}"),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let interleavings: u64 = self.models.iter().map(|(_, count)| count).sum();
        let (models, mutants) = (self.models.len(), self.mutants.len());
        write!(f, "{models} models passed {interleavings} interleavings, {mutants} mutants caught")
    }
}

/// `NAME: N interleavings`
fn model(text: &str) -> Option<(String, u64)> {
    let (name, count) = text.strip_suffix(" interleavings")?.rsplit_once(": ")?;
    Some((name.to_owned(), count.parse().ok()?))
}

/// `NAME (WHAT): caught after N interleavings`
fn mutant(text: &str) -> Option<(String, String, u64)> {
    let (name, count) = text.strip_suffix(" interleavings")?.rsplit_once("): caught after ")?;
    let (name, what) = name.rsplit_once(" (")?;
    Some((name.to_owned(), what.to_owned(), count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "running 2 tests\n\
        test a::models::one ... loom: model port/wake: 88 interleavings\n\
        thread 'x' panicked at y\n\
        loom: mutant port/wake (SleepsUnchecked): caught after 3 interleavings\n\
        loom: model one, two zones: 160 interleavings\nok\n";

    // Guards the counts that people read, and the check below, against lines that are missed.
    #[test]
    fn lines_are_understood() {
        let report = Report::parse(OUTPUT);
        let models = [("port/wake".to_owned(), 88), ("one, two zones".to_owned(), 160)];
        assert_eq!(report.models, models);
        assert_eq!(report.mutants, [("port/wake".to_owned(), "SleepsUnchecked".to_owned(), 3)]);
        let text = report.to_string();
        assert_eq!(text, "2 models passed 248 interleavings, 1 mutants caught");
    }

    // Guards against a weakening that is named and never tried.
    #[test]
    fn every_declared_mutant_must_be_caught() {
        let text = "/// Ways.\npub(crate) enum Mutant {\n    /// One.\n    SleepsUnchecked,\n}\n\
                    enum Other {\n    Thing,\n}\n";
        let mut declared = variants(text);
        assert_eq!(declared.iter().collect::<Vec<_>>(), ["SleepsUnchecked"]);
        let report = Report::parse(OUTPUT);
        report.check("a", &declared).unwrap();
        declared.insert("Second".into());
        let error = report.check("a", &declared).unwrap_err();
        assert_eq!(error.to_string(), "a: no model was tried with the mutant Second");
        let error = Report::default().check("a", &declared).unwrap_err();
        assert_eq!(error.to_string(), "a names mutants, but has no models");
    }

    // Guards the flags without which a model silently tests the standard library.
    #[test]
    fn models_run_under_their_flag_and_in_their_own_folder() {
        let workspace = Workspace::load().unwrap();
        let text = command(&workspace, "uds-a", None, 2).to_string();
        assert!(text.contains("--cfg uds_loom'"), "{text}");
        assert!(text.contains("/loom -- ::models:: --nocapture"), "{text}");
    }
}
