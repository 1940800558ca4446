//! Where the answers go, one after the other: lines of text, or one JSON object.
//!
//! # Invariants
//!
//! 1. Memory is that of one answer, however many there are.
//! 2. The JSON object is whole, whatever ends the command, unless nobody reads it.

use std::io::{BufWriter, ErrorKind, StdoutLock, Write, stdout};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::report::Report;
use super::text;
use crate::exit::{Exit, Failure};
use crate::output::{Format, SCHEMA_VERSION};

/// What was asked, and how it came out.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Counts {
    pub(super) asked: u64,
    pub(super) found: u64,
    pub(super) absent: u64,
    pub(super) failed: u64,
    /// Chapters in which `--everywhere` has looked for copies.
    pub(super) chapters_searched: Option<u64>,
    /// The slots of those that are damaged: copies there may be missing.
    pub(super) damaged_slots: Vec<u32>,
}

/// Standard output, and what was written there.
pub(super) struct Sink {
    out: BufWriter<StdoutLock<'static>>,
    format: Format,
    pub(super) counts: Counts,
    /// Whether somebody still reads.
    pub(super) is_read: bool,
}

impl Sink {
    /// Begins the output.
    pub(super) fn new(format: Format, path: &Path) -> Result<Self, Failure> {
        let out = BufWriter::with_capacity(64 << 10, stdout().lock());
        let mut sink = Self { out, format, counts: Counts::default(), is_read: true };
        if format == Format::Json {
            let path = json(&path.display().to_string())?;
            let head = format!(
                "{{\n\"schema_version\": {SCHEMA_VERSION},\n\"path\": {path},\n\"answers\": ["
            );
            sink.write(&head)?;
        }
        Ok(sink)
    }

    /// Writes what is said of one name.
    pub(super) fn add(&mut self, report: &Report) -> Result<(), Failure> {
        let count = match report.status {
            "found" => &mut self.counts.found,
            "absent" => &mut self.counts.absent,
            _ => &mut self.counts.failed,
        };
        *count += 1;
        let is_first = self.counts.asked == 0;
        self.counts.asked += 1;
        let text = match self.format {
            Format::Json => {
                let separator = if is_first { "\n" } else { ",\n" };
                format!("{separator}{}", json(report)?)
            }
            Format::Text => text::answer(report, is_first),
        };
        self.write(&text)
    }

    /// Has all that was written come out.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let result = self.out.flush();
        self.heed(result)
    }

    /// Ends the output.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        let text = match self.format {
            Format::Json => {
                let counts = json(&self.counts)?;
                // The counts are fields of the one object.
                let fields = counts.trim_start_matches('{').trim_end_matches('}');
                format!("\n],\n{fields}\n}}\n")
            }
            Format::Text => text::summary(&self.counts),
        };
        self.write(&text)?;
        self.flush()
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        let result = self.out.write_all(text.as_bytes());
        self.heed(result)
    }

    fn heed(&mut self, result: std::io::Result<()>) -> Result<(), Failure> {
        match result {
            // Whoever closed the pipe has read as much as they wanted.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_read = false;
                Ok(())
            }
            Err(error) => Err(Failure::new(
                Exit::InputOutput,
                anyhow::Error::new(error).context("cannot write the result to standard output"),
            )),
            Ok(()) => Ok(()),
        }
    }
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .context("cannot write the result as JSON")
        .map_err(|error| Failure::new(Exit::InputOutput, error))
}
