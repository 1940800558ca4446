//! One fuzz target at work, and what its fuzzer said.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{HOST, Places};
use crate::shell::Cmd;

/// Seconds that one input may take: more is a finding.
const TIMEOUT_SECONDS: u32 = 10;
/// MiB that a process may have, and that one allocation may be: more is a finding. The images are
/// smaller than 1 MiB; the address sanitizer keeps what was freed for a while.
const RSS_LIMIT_MIB: u32 = 2048;
const ALLOCATION_LIMIT_MIB: u32 = 64;

/// A target to be fuzzed.
pub(super) struct Job {
    name: String,
    folder: PathBuf,
    program: PathBuf,
    corpus: PathBuf,
    seeds: PathBuf,
    artifacts: PathBuf,
    log: PathBuf,
}

impl Job {
    pub(super) fn new(places: &Places, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            folder: places.root.clone(),
            program: places.work.join(HOST).join("release").join(name),
            corpus: places.fuzz.join("corpus").join(name),
            seeds: places.seeds().join(name),
            artifacts: places.fuzz.join("artifacts").join(name),
            log: places.work.join(format!("{name}.log")),
        }
    }

    /// The longest input that is of use. Page decoders are fed whole pages.
    fn longest(&self) -> u32 {
        match &*self.name {
            "index_page" | "record_page" => 32_800,
            "page_map" => 12_000,
            "saved_lists" => 8192,
            "slot" => 1024,
            _ => 2048,
        }
    }

    fn command(&self, seconds: u64, core: usize) -> Cmd {
        // On one core the library starts fewer threads for a recovery, which are most of the work.
        let core = core.to_string();
        let pinned = Cmd::new("taskset", &self.folder).args(["-c", &*core]);
        let command = if Cmd::new("taskset", &self.folder).args(["--version"]).succeeds() {
            pinned.args([&self.program])
        } else {
            Cmd::new(&self.program, &self.folder)
        };
        command
            .args([&self.corpus, &self.seeds])
            .args([
                format!("-artifact_prefix={}/", self.artifacts.display()),
                format!("-max_total_time={seconds}"),
                format!("-timeout={TIMEOUT_SECONDS}"),
                format!("-rss_limit_mb={RSS_LIMIT_MIB}"),
                format!("-malloc_limit_mb={ALLOCATION_LIMIT_MIB}"),
                format!("-max_len={}", self.longest()),
            ])
            // Threads that end may still hold what they were started with: no leak of ours. The
            // first is for the fuzzer's own search for leaks, the second for that at the end.
            .args(["-print_final_stats=1", "-detect_leaks=0"])
            .env("ASAN_OPTIONS", "detect_leaks=0:detect_stack_use_after_return=0")
    }

    /// Fuzzes for so many seconds.
    pub(super) fn run(&self, seconds: u64, core: usize) -> Result<Report> {
        for folder in [&self.corpus, &self.artifacts] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let before = files(&self.artifacts)?;
        let has_ended_well = self.command(seconds, core).run_into(&self.log)?;
        let log = fs::read(&self.log).context("cannot read what a fuzzer printed")?;
        let log = String::from_utf8_lossy(&log);
        let mut findings = files(&self.artifacts)?;
        findings.retain(|file| !before.contains(file));
        let mut findings: Vec<_> = findings.iter().map(|file| file.display().to_string()).collect();
        if findings.is_empty() && !has_ended_well {
            findings.push(format!("it ended early, see {}", self.log.display()));
        }
        let corpus = files(&self.corpus)?.len();
        Ok(Report { name: self.name.clone(), corpus, findings, ..Report::read(&log) })
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let doing = || format!("cannot list {}", folder.display());
    let entries = fs::read_dir(folder).with_context(doing)?;
    entries.map(|entry| Ok(entry.with_context(doing)?.path())).collect()
}

/// What came of a job.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) name: String,
    pub(super) executions: u64,
    per_second: u64,
    slowest_seconds: u64,
    peak_mib: u64,
    /// Inputs of interest, the seeds not counted.
    corpus: usize,
    /// Files with inputs at which the target failed.
    pub(super) findings: Vec<String>,
}

impl Report {
    pub(super) const HEADINGS: &str =
        "target         executions    per s  slowest  peak MiB   corpus  findings";

    /// Reads what a fuzzer printed at its end.
    fn read(log: &str) -> Self {
        let number = |name: &str| {
            let line = log.lines().rev().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim_start_matches(':').trim().parse().ok()).unwrap_or(0)
        };
        Self {
            executions: number("stat::number_of_executed_units"),
            per_second: number("stat::average_exec_per_sec"),
            slowest_seconds: number("stat::slowest_unit_time_sec"),
            peak_mib: number("stat::peak_rss_mb"),
            ..Self::default()
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, executions, per_second, slowest_seconds, peak_mib, corpus, findings } =
            self;
        let findings = findings.len();
        write!(
            f,
            "{name:<12}{executions:>13}{per_second:>9}{slowest_seconds:>7} s{peak_mib:>10}\
             {corpus:>9}{findings:>10}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the table: a fuzzer that has run nothing must not look like one that has.
    #[test]
    fn a_log_is_read() {
        let log = "#56075\tDONE   cov: 507\nstat::number_of_executed_units: 56075\n\
                   stat::average_exec_per_sec:     1367\nstat::slowest_unit_time_sec:    0\n\
                   stat::peak_rss_mb:              410\n";
        let report = Report::read(log);
        assert_eq!((report.executions, report.per_second, report.peak_mib), (56075, 1367, 410));
        assert_eq!(Report::read("nothing"), Report::default());
        assert_eq!(report.to_string().len(), Report::HEADINGS.len());
    }
}
