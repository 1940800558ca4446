//! How the steps came out: a line each, a table at the end.

use std::fmt;
use std::time::Duration;

use anyhow::Result;

use super::Verdict;

/// A step that has run.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) elapsed: Duration,
    pub(crate) outcome: Result<Verdict>,
}

/// All steps that have run, in order.
#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) rows: Vec<Row>,
}

impl Summary {
    /// How many steps failed.
    pub(crate) fn failed(&self) -> usize {
        self.rows.iter().filter(|row| row.outcome.is_err()).count()
    }

    fn passed(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.outcome, Ok(Verdict::Passed(_)))).count()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, note) = match &self.outcome {
            Ok(Verdict::Passed(note)) => ("passed", note.clone()),
            Ok(Verdict::Skipped(reason)) => ("skipped", reason.clone()),
            Err(error) => ("FAILED", format!("{error:#}")),
        };
        let seconds = self.elapsed.as_secs_f64();
        write!(f, "{:<11}{word:<8}{seconds:>7.1} s", self.name)?;
        if note.is_empty() { Ok(()) } else { write!(f, "  {note}") }
    }
}

impl fmt::Display for Summary {
    /// The table, and as its last line `N passed, N failed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        let total: Duration = self.rows.iter().map(|row| row.elapsed).sum();
        writeln!(f, "{:<19}{:>7.1} s\n", "total", total.as_secs_f64())?;
        writeln!(f, "{} passed, {} failed", self.passed(), self.failed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the closing line, which other programs read, against counting skips as passes.
    #[test]
    fn the_table_counts() {
        let row = |name, tenths: u64, outcome| Row {
            name,
            elapsed: Duration::from_millis(100 * tenths),
            outcome,
        };
        let failure = anyhow::anyhow!("exit status: 1").context("`cargo x` failed");
        let summary = Summary {
            rows: vec![
                row("fmt", 4, Ok(Verdict::Passed(String::new()))),
                row("test", 1234, Err(failure)),
                row("golden", 0, Ok(Verdict::Skipped("no images".into()))),
                row("tidy", 1, Ok(Verdict::Passed("9 files".into()))),
            ],
        };
        let wanted = "\
fmt        passed      0.4 s
test       FAILED    123.4 s  `cargo x` failed: exit status: 1
golden     skipped     0.0 s  no images
tidy       passed      0.1 s  9 files
total                123.9 s

2 passed, 1 failed
";
        assert_eq!(summary.to_string(), wanted);
        assert_eq!(summary.failed(), 1);
    }
}
