//! The report of a run: a dated file in Markdown, with all figures and where they come from.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::date;
use super::line::{Line, Time};
use super::machine::Circumstances;

/// What was measured, and when and where.
#[derive(Debug)]
pub(crate) struct Report {
    /// When the run began.
    date: String,
    circumstances: Circumstances,
    pub(crate) lines: Vec<Line>,
    pub(crate) programs: Vec<Ran>,
}

/// A program that has run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) target: String,
    pub(crate) seconds: f64,
    pub(crate) output: String,
}

impl Report {
    /// A report of a run that begins now, on the working tree in `root`.
    pub(crate) fn begin(root: &Path) -> Self {
        Self {
            date: date::now(),
            circumstances: Circumstances::of(root),
            lines: Vec::new(),
            programs: Vec::new(),
        }
    }

    /// Whether nothing was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.programs.is_empty()
    }

    /// Writes the report into a folder, and says where it is.
    pub(crate) fn write(&self, folder: &Path) -> Result<PathBuf> {
        let file = folder.join(format!("{}-{}.md", self.date, self.circumstances.commit));
        let doing = || format!("cannot write {}", file.display());
        fs::create_dir_all(folder).with_context(doing)?;
        fs::write(&file, self.to_string()).with_context(doing)?;
        Ok(file)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Circumstances { processor, cores, kernel, compiler, commit, is_changed } =
            &self.circumstances;
        let changed = if *is_changed { ", with changes" } else { "" };
        writeln!(f, "# Benchmarks of {}\n", self.date)?;
        writeln!(f, "- commit {commit}{changed}")?;
        writeln!(f, "- {processor}, {cores} cores, Linux {kernel}")?;
        writeln!(f, "- {compiler}")?;
        if !self.lines.is_empty() {
            writeln!(f, "\n| benchmark | ns an operation | spread | hash |\n|---|--:|--:|---|")?;
        }
        for Line { name, time, hash } in &self.lines {
            match time {
                Some(Time { median, spread }) => {
                    writeln!(f, "| {name} | {median:.2} | {spread:.2} | {hash:016x} |")?;
                }
                None => writeln!(f, "| {name} | - | - | {hash:016x} |")?,
            }
        }
        for Ran { target, seconds, output } in &self.programs {
            writeln!(f, "\n## {target}, {seconds:.1} s\n\n```text\n{}\n```", output.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against figures whose machine, compiler or source nobody knows any more.
    #[test]
    fn figures_come_with_their_circumstances() {
        let circumstances = Circumstances {
            processor: "A processor".into(),
            cores: 2,
            kernel: "6.1".into(),
            compiler: "rustc 1.95.0".into(),
            commit: "0123456789ab".into(),
            is_changed: true,
        };
        let time = Some(Time { median: 12.345, spread: 0.5 });
        let report = Report {
            date: "2026-11-21T12-34-56Z".into(),
            circumstances,
            lines: vec![Line { name: "a.b".into(), time, hash: 0xab }],
            programs: vec![Ran { target: "posts".into(), seconds: 1.0, output: "ok\n".into() }],
        };
        let wanted = "\
# Benchmarks of 2026-11-21T12-34-56Z

- commit 0123456789ab, with changes
- A processor, 2 cores, Linux 6.1
- rustc 1.95.0

| benchmark | ns an operation | spread | hash |
|---|--:|--:|---|
| a.b | 12.35 | 0.50 | 00000000000000ab |

## posts, 1.0 s

```text
ok
```
";
        assert_eq!(report.to_string(), wanted);
        let folder = tempfile::tempdir().unwrap();
        let file = report.write(&folder.path().join("bench")).unwrap();
        assert!(file.ends_with("bench/2026-11-21T12-34-56Z-0123456789ab.md"));
        assert_eq!(fs::read_to_string(file).unwrap(), wanted);
    }
}
