//! The benchmarks of all crates: measured on request, run tiny by the gate.
//!
//! There are two kinds. The bench targets `micro`, one beside each crate, measure small things by
//! criterion and print a [line](mod@line) for each, with a hash of what was computed. All other
//! bench targets, the *programs*, work on a whole index, check every answer themselves, and print
//! what they like. Both are tiny where `UDS_BENCH_TINY` is set: so the gate sees that they still
//! compile, run, and compute what they did.

mod build;
mod compare;
mod date;
mod hashes;
mod line;
mod machine;
mod report;
mod table;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::shell::Cmd;
use crate::workspace::Workspace;
use build::{Program, Side};
use line::Line;

/// The bench target that has a crate's micro-benchmarks.
const MICRO: &str = "micro";

/// The arguments of programs that by themselves would take too long for the full set.
const FULL_SET: [(&str, &str); 4] =
    [("copy", "8000000"), ("mixed", "2000000"), ("recovery", "16000000"), ("zones", "2000000")];

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
#[command(after_help = "\
Without FILTER the full set runs: every micro-benchmark, and every program of whole indexes, with
fewer names where it would take long by itself: copy 8 million, mixed 2, recovery 16, zones 2
(three rounds of two); posts 10 and sparse 60 as always. That takes tens of minutes, and
3 GB of the temporary folder, and ends in a report in target/bench.

A program alone, as by `cargo xtask bench copy`, has its own default size; other sizes are for
`cargo bench -p uds-index --bench copy -- COUNT`. `cargo xtask bench micro` runs all
micro-benchmarks and nothing else.

--compare builds the micro-benchmarks of commit BASE in a worktree below target/bench, runs those
and ours in turns, and prints the ratio of the times, ours to theirs. The programs of BASE are
kept for the next time.")]
pub(crate) struct Options {
    /// Run only what has this in its name: `radix`, `delta-index.find`, `posts`.
    filter: Option<String>,
    /// Run them tiny, to see that they work and compute what they did.
    #[arg(long, conflicts_with = "compare")]
    tiny: bool,
    /// With --tiny: what they compute now is right from now on (`xtask/bench-hashes.txt`).
    #[arg(long, requires = "tiny", conflicts_with = "filter")]
    accept: bool,
    /// Compare the micro-benchmarks with those of another commit.
    #[arg(long, value_name = "BASE")]
    compare: Option<String>,
    /// How often each side runs.
    #[arg(long, default_value_t = 5, requires = "compare",
          value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
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

/// Which benchmarks are to run.
#[derive(Debug, PartialEq, Eq)]
struct Selection<'a> {
    /// Bench targets, the micro-benchmarks' among them.
    targets: BTreeSet<&'a str>,
    /// What the names of micro-benchmarks have to contain.
    filter: &'a str,
}

/// Runs the benchmarks that the options ask for.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::load()?;
    let filter = options.filter.as_deref().unwrap_or("");
    if let Some(base) = &options.compare {
        return compare::run(&workspace, base, filter, options.rounds);
    }
    if options.tiny {
        return run_tiny(&workspace, filter, Mode::Tiny, options.accept).map(|_| ());
    }
    run_full(&workspace, filter)
}

/// Runs the benchmarks whose names contain `filter` tiny, compares what they compute with what they
/// must, and returns how many there were, in words.
pub(crate) fn run_tiny(
    workspace: &Workspace,
    filter: &str,
    mode: Mode,
    accept: bool,
) -> Result<String> {
    let selection = select(workspace, filter)?;
    let built = build::build(&Side::ours(workspace), &selection.targets, mode)?;
    let (micro, programs): (Vec<_>, Vec<_>) = built.iter().partition(|built| built.is_micro());
    let mut lines = Vec::new();
    for program in micro {
        let command = command(&workspace.root, program, selection.filter);
        lines.extend(run_micro(&command.env("UDS_BENCH_TINY", "1"))?);
    }
    let file = workspace.root.join(hashes::FILE);
    if accept {
        hashes::write(&file, &lines)?;
    } else {
        let all = selection.targets.contains(MICRO) && selection.filter.is_empty();
        hashes::check(&file, &lines, all)?;
    }
    for program in &programs {
        command(&workspace.root, program, "").env("UDS_BENCH_TINY", "1").run()?;
    }
    if lines.is_empty() && programs.is_empty() {
        bail!("no benchmark has `{filter}` in its name");
    }
    Ok(format!("{} micro-benchmarks, {} programs", lines.len(), programs.len()))
}

fn run_full(workspace: &Workspace, filter: &str) -> Result<()> {
    let selection = select(workspace, filter)?;
    // All are compiled before the first runs, so that no measurement shares the machine with
    // the compiler.
    let built = build::build(&Side::ours(workspace), &selection.targets, Mode::Full)?;
    let mut report = report::Report::begin(&workspace.root);
    let (micro, programs): (Vec<_>, Vec<_>) = built.iter().partition(|built| built.is_micro());
    for program in micro {
        let lines = run_micro(&command(&workspace.root, program, selection.filter))?;
        lines.iter().for_each(|line| println!("{}", table::measured(line)));
        report.lines.extend(lines);
    }
    for program in programs {
        let size = FULL_SET.iter().find(|(target, _)| *target == program.target);
        let size = size.filter(|_| filter.is_empty()).map(|(_, count)| *count);
        let command = command(&workspace.root, program, size.unwrap_or(""));
        println!("$ {command}");
        let start = Instant::now();
        let output = command.read_through()?;
        let seconds = start.elapsed().as_secs_f64();
        let target = program.target.clone();
        report.programs.push(report::Ran { target, seconds, output });
    }
    if report.is_empty() {
        bail!("no benchmark has `{filter}` in its name");
    }
    let file = report.write(&workspace.target_directory.join("bench"))?;
    println!("the report is {}", file.display());
    Ok(())
}

/// Runs the micro-benchmarks of a crate, and reads their lines.
fn run_micro(command: &Cmd) -> Result<Vec<Line>> {
    println!("$ {command}");
    line::parse_all(&command.read()?)
}

/// What runs a program, with one argument or none.
fn command(root: &Path, program: &Program, argument: &str) -> Cmd {
    let argument = Some(argument).filter(|argument| !argument.is_empty());
    Cmd::new(&program.path, root).args(argument).args(["--bench"])
}

fn select<'a>(workspace: &'a Workspace, filter: &'a str) -> Result<Selection<'a>> {
    let all = workspace.members().flat_map(|package| package.targets("bench")).collect();
    let selection = select_of(&all, filter);
    if selection.targets.is_empty() {
        bail!("no benchmark has `{filter}` in its name");
    }
    Ok(selection)
}

/// A target by its name alone, or whatever has the filter in its name.
fn select_of<'a>(all: &BTreeSet<&'a str>, filter: &'a str) -> Selection<'a> {
    if let Some(exact) = all.get(filter) {
        return Selection { targets: BTreeSet::from([*exact]), filter: "" };
    }
    let wanted = |target: &&&str| **target == MICRO || target.contains(filter);
    Selection { targets: all.iter().filter(wanted).copied().collect(), filter }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against `bench sparse` that also measures a cache, and against a filter that no
    // micro-benchmark ever sees.
    #[test]
    fn targets_are_chosen_by_name() {
        let all = BTreeSet::from(["micro", "posts", "sparse", "sparser"]);
        let select = |filter| {
            let Selection { targets, filter } = select_of(&all, filter);
            (targets.into_iter().collect::<Vec<_>>(), filter)
        };
        assert_eq!(select(""), (vec!["micro", "posts", "sparse", "sparser"], ""));
        assert_eq!(select("sparse"), (vec!["sparse"], ""));
        assert_eq!(select("micro"), (vec!["micro"], ""));
        assert_eq!(select("spars"), (vec!["micro", "sparse", "sparser"], "spars"));
        assert_eq!(select("radix"), (vec!["micro"], "radix"));
    }

    // Guards the sizes of the full set against a program that is called something else.
    #[test]
    fn every_size_is_for_a_program() {
        let workspace = Workspace::load().unwrap();
        let all: BTreeSet<_> = workspace.members().flat_map(|one| one.targets("bench")).collect();
        assert!(FULL_SET.iter().all(|(target, _)| all.contains(target)));
        assert!(all.contains(MICRO));
    }
}
