//! The benchmarks of all crates: measured on request, run tiny by the gate.
//!
//! A benchmark has `harness = false`, prints a hash of its results beside its times, and does
//! as little as it can where `UDS_BENCH_TINY` is set: so the gate sees that it still compiles,
//! runs and computes something.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::shell::Cmd;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only benchmarks whose target name contains this.
    filter: Option<String>,
    /// Run them tiny (`UDS_BENCH_TINY=1`), to see that they work.
    #[arg(long)]
    tiny: bool,
}

/// How benchmarks are built and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Optimised and in full: for numbers.
    Full,
    /// Optimised and tiny.
    Tiny,
    /// Tiny, with what the tests have compiled already: no second build of every dependency.
    TinyAsTested,
}

/// Runs the benchmarks, and returns how many there were.
pub(crate) fn run(options: &Options) -> Result<usize> {
    let mode = if options.tiny { Mode::Tiny } else { Mode::Full };
    run_benches(&Workspace::load()?, options.filter.as_deref().unwrap_or(""), mode)
}

/// Runs the benchmarks whose names contain `filter`, and returns how many there were.
pub(crate) fn run_benches(workspace: &Workspace, filter: &str, mode: Mode) -> Result<usize> {
    let matching = |name: &&str| name.contains(filter);
    let benches: BTreeSet<&str> =
        workspace.members().flat_map(|package| package.targets("bench").filter(matching)).collect();
    if benches.is_empty() {
        println!("no benchmarks to run: none of the crates has a matching one");
        return Ok(0);
    }
    // All are compiled before the first runs, so that no measurement shares the machine with
    // the compiler.
    command(workspace, &benches, mode).args(["--no-run"]).run()?;
    command(workspace, &benches, mode).run()?;
    Ok(benches.len())
}

fn command(workspace: &Workspace, benches: &BTreeSet<&str>, mode: Mode) -> Cmd {
    // Targets by name, because otherwise every crate's unit tests are built as benchmarks, too.
    // The whole workspace, because a choice of crates changes the features of dependencies, and
    // so compiles them once more.
    let profile: &[&str] = if mode == Mode::TinyAsTested { &["--profile", "dev"] } else { &[] };
    let command = Cmd::cargo(&workspace.root, ["bench", "--workspace"])
        .args(benches.iter().flat_map(|bench| ["--bench", bench]))
        .args(profile);
    if mode == Mode::Full { command } else { command.env("UDS_BENCH_TINY", "1") }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against a gate that measures, or that builds the world a second time.
    #[test]
    fn each_mode_has_its_own_flags() {
        let workspace = Workspace::load().unwrap();
        let benches = BTreeSet::from(["look_up", "insert"]);
        let targets = "cargo bench --workspace --bench insert --bench look_up";
        let text = |mode| command(&workspace, &benches, mode).to_string();
        assert_eq!(text(Mode::Full), targets);
        assert_eq!(text(Mode::Tiny), format!("UDS_BENCH_TINY=1 {targets}"));
        assert_eq!(text(Mode::TinyAsTested), format!("UDS_BENCH_TINY=1 {targets} --profile dev"));
    }
}
