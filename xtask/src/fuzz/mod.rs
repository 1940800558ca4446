//! `cargo xtask fuzz`: every fuzz target for so many seconds, and what of the decoders they reach.
//!
//! The targets are a crate of their own, `fuzz`, because they need a nightly toolchain,
//! `cargo-fuzz` and a C++ compiler. What is missing is said. Seeds are made anew each time; what
//! a fuzzer finds of interest stays in `fuzz/corpus`, and what fails in `fuzz/artifacts`. Git
//! knows neither.

mod coverage;
mod job;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use anyhow::{Result, bail};

use crate::golden;
use crate::shell::Cmd;
use crate::verify::Verdict;
use crate::workspace::Workspace;
use job::Job;

/// The target of the toolchain that the fuzzers are built for.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this target.
    target: Option<String>,
    /// How long each target is fuzzed.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many targets are fuzzed side by side [default: one a core].
    #[arg(long)]
    jobs: Option<usize>,
}

impl Options {
    /// All targets, for so many seconds each.
    pub(crate) const fn all(seconds: u64) -> Self {
        Self { target: None, seconds, jobs: None }
    }
}

/// Fuzzes the targets. Fails if one has found something, or if nothing can be fuzzed here.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::load()?;
    if let Some(missing) = missing(&workspace) {
        bail!("nothing was fuzzed: {missing}");
    }
    fuzz(&workspace, options).map(drop)
}

/// As [`run`], for the gate: what cannot be done here is skipped.
pub(crate) fn verify(workspace: &Workspace, seconds: u64) -> Result<Verdict> {
    if let Some(missing) = missing(workspace) {
        return Ok(Verdict::Skipped(missing.into()));
    }
    fuzz(workspace, &Options::all(seconds)).map(Verdict::Passed)
}

/// What fuzzing needs that is not here.
fn missing(workspace: &Workspace) -> Option<&'static str> {
    let nightly = |arguments: &[&str]| Cmd::cargo(&workspace.root, ["+nightly"]).args(arguments);
    if !nightly(&["--version"]).succeeds() {
        return Some("there is no nightly toolchain: `rustup toolchain install nightly`");
    }
    if !nightly(&["fuzz", "--version"]).succeeds() {
        return Some("cargo-fuzz is not installed: `cargo install --locked cargo-fuzz`");
    }
    None
}

/// Where everything lies.
struct Places {
    root: PathBuf,
    /// The crate of the targets.
    fuzz: PathBuf,
    /// What is built and made.
    work: PathBuf,
}

impl Places {
    fn new(workspace: &Workspace) -> Self {
        Self {
            root: workspace.root.clone(),
            fuzz: workspace.root.join("fuzz"),
            work: workspace.target_directory.join("fuzz"),
        }
    }

    /// The seeds of all targets, a folder each.
    fn seeds(&self) -> PathBuf {
        self.work.join("seeds")
    }
}

fn fuzz(workspace: &Workspace, options: &Options) -> Result<String> {
    let places = Places::new(workspace);
    let target = options.target.as_deref();
    let names = targets(&places, target)?;
    let build = Cmd::cargo(&places.root, ["+nightly", "fuzz", "build", "--target-dir"]);
    build.args([&places.work]).args(target).run()?;
    let tools = coverage::Tools::build(&places)?;
    tools.seed(&places, &places.root.join(golden::DEFAULT_FOLDER))?;
    let jobs: Vec<Job> = names.iter().map(|name| Job::new(&places, name)).collect();
    let cores = available_parallelism().map_or(1, usize::from);
    let reports = run_jobs(&jobs, options.jobs.unwrap_or(cores), cores, options.seconds)?;
    println!("\n{}", job::Report::HEADINGS);
    for report in &reports {
        println!("{report}");
    }
    tools.measure(&places, &names)?;
    let failed: Vec<_> = reports.iter().filter(|report| !report.findings.is_empty()).collect();
    for report in &failed {
        for finding in &report.findings {
            println!("{}: {finding}; again: {}", report.name, tools.replay(&report.name, finding));
        }
    }
    if !failed.is_empty() {
        bail!("{} targets found something", failed.len());
    }
    let executions: u64 = reports.iter().map(|report| report.executions).sum();
    Ok(format!("{} targets, {executions} executions, nothing found", reports.len()))
}

/// The names of the targets, or the only one that is wanted.
fn targets(places: &Places, wanted: Option<&str>) -> Result<Vec<String>> {
    let list = Cmd::cargo(&places.root, ["+nightly", "fuzz", "list"]).read()?;
    let mut names: Vec<String> = list.lines().map(str::to_owned).collect();
    if let Some(wanted) = wanted {
        if !names.iter().any(|name| name == wanted) {
            bail!("there is no target `{wanted}`: choose from {}", names.join(", "));
        }
        names.retain(|name| name == wanted);
    }
    Ok(names)
}

/// Runs all jobs, so many at a time, each on a core of its own as far as they reach.
fn run_jobs(jobs: &[Job], count: usize, cores: usize, seconds: u64) -> Result<Vec<job::Report>> {
    let next = AtomicUsize::new(0);
    let work = |core: usize| {
        let mut reports = Vec::new();
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            reports.push(job.run(seconds, core % cores)?);
        }
        Ok::<_, anyhow::Error>(reports)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..count.max(1)).map(|core| scope.spawn(move || work(core))).collect();
        let mut reports: Vec<job::Report> = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(some) => reports.extend(some?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        reports.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(reports)
    })
}
