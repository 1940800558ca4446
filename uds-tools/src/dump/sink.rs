//! Where rows go: standard output, as text, JSON lines or CSV (RFC 4180).
//!
//! # Invariants
//!
//! 1. A row is written before the next one is made: however large the index, so much memory is
//!    enough.
//! 2. What was good is written before an error is told of.
//! 3. Whoever closed the pipe has read as much as they wanted: that is no error.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::Value;
use uds_index::{IndexError, IndexInfo};

use crate::cli::DumpFormat;
use crate::exit::{Exit, Failure};
use crate::output::SCHEMA_VERSION;
use crate::stop::Stop;
use crate::units;

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 1 << 16;

/// Something that is printed: an object of JSON lines, whose first field is its `kind`.
pub(super) trait Row: Serialize {
    /// Prints it for people.
    fn text(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// What is dumped, and the columns that its rows have in CSV.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) what: &'static str,
    pub(super) columns: &'static [&'static str],
}

/// Why there are no more rows.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nobody reads them any more.
    Closed,
    /// Standard output failed.
    Unwritten(Failure),
    /// The index did.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The first line of JSON lines.
#[derive(Serialize)]
pub(super) struct Header {
    schema_version: u32,
    kind: &'static str,
    what: &'static str,
    path: String,
    offset_blocks: u64,
    volume_nonce: String,
}

impl Header {
    pub(super) fn new(what: &'static str, path: &Path, info: &IndexInfo) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            kind: "dump",
            what,
            path: path.display().to_string(),
            offset_blocks: info.offset_blocks,
            volume_nonce: info.volume_nonce.to_string(),
        }
    }
}

/// Where rows go.
pub(super) struct Sink<'a> {
    out: BufWriter<StdoutLock<'static>>,
    format: DumpFormat,
    table: Table,
    /// What comes before the rows, until the first of them has come.
    header: Option<Header>,
    stop: &'a Stop,
}

impl<'a> Sink<'a> {
    /// Nothing is written before the first row: what fails at once leaves standard output empty.
    pub(super) fn new(format: DumpFormat, table: Table, header: Header, stop: &'a Stop) -> Self {
        let out = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
        Self { out, format, table, header: Some(header), stop }
    }

    /// Writes what comes before the rows, once.
    fn begin(&mut self) -> Result<(), Ended> {
        let Some(header) = self.header.take() else { return Ok(()) };
        match self.format {
            DumpFormat::Text => {
                let title = units::path(Path::new(&header.path));
                self.write(format!("{title}\n\n").as_bytes())
            }
            DumpFormat::Jsonl => self.write_json(&header),
            DumpFormat::Csv => {
                let line = self.table.columns.join(",");
                self.write(format!("{line}\r\n").as_bytes())
            }
        }
    }

    /// Writes a row.
    pub(super) fn row(&mut self, row: &impl Row) -> Result<(), Ended> {
        if self.stop.is_wished() {
            return Err(IndexError::Abandoned.into());
        }
        self.begin()?;
        match self.format {
            DumpFormat::Text => row.text(&mut self.out).map_err(ended),
            DumpFormat::Jsonl => self.write_json(row),
            DumpFormat::Csv => {
                let value = serde_json::to_value(row).map_err(|error| ended(error.into()))?;
                let line = csv_line(&value, self.table.columns);
                self.write(line.as_bytes())
            }
        }
    }

    /// Writes text that only people need.
    pub(super) fn words(&mut self, text: &str) -> Result<(), Ended> {
        if self.format == DumpFormat::Text { self.write(text.as_bytes()) } else { Ok(()) }
    }

    /// Writes out what is still in memory.
    pub(super) fn flush(&mut self) -> Result<(), Ended> {
        self.out.flush().map_err(ended)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        self.out.write_all(bytes).map_err(ended)
    }

    fn write_json(&mut self, row: &impl Serialize) -> Result<(), Ended> {
        serde_json::to_writer(&mut self.out, row).map_err(|error| ended(error.into()))?;
        self.write(b"\n")
    }
}

fn ended(error: io::Error) -> Ended {
    if error.kind() == ErrorKind::BrokenPipe {
        return Ended::Closed;
    }
    let error = anyhow::Error::new(error).context("cannot write the rows to standard output");
    Ended::Unwritten(Failure::new(Exit::InputOutput, error))
}

/// A row as a line of CSV: the fields of an object, those of all columns.
fn csv_line(row: &Value, columns: &[&str]) -> String {
    let mut line = String::new();
    for (number, column) in columns.iter().enumerate() {
        if number > 0 {
            line.push(',');
        }
        let cell = cell(row.get(*column).unwrap_or(&Value::Null));
        if cell.contains([',', '"', '\r', '\n']) {
            line.push('"');
            line.push_str(&cell.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(&cell);
        }
    }
    line.push_str("\r\n");
    line
}

/// A value as CSV has it. Of a list of ranges: `0-199 200-399`, with `?` where one is not known and
/// `none` where one is empty.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(ranges) => {
            let range = |range: &Value| match range.as_array() {
                None => "?".to_owned(),
                Some(ends) if ends.is_empty() => "none".to_owned(),
                Some(ends) => ends.iter().map(cell).collect::<Vec<_>>().join("-"),
            };
            ranges.iter().map(range).collect::<Vec<_>>().join(" ")
        }
        value => value.to_string(),
    }
}

/// Serializes what is printed as text: names, data.
pub(super) fn as_text<S: Serializer>(value: &impl Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// A number, or a dash where there is none.
pub(super) fn or_dash(number: Option<impl Display>) -> String {
    number.map_or_else(|| "-".into(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // Guards the quoting of RFC 4180, and rows that lack a column, or have one that is not known.
    #[test]
    fn rows_become_lines_of_csv() {
        let row = json!({
            "kind": "slot", "a": null, "b": "x, \"y\"", "c": [[0, 9], null, []], "d": true, "e": 7
        });
        let columns = ["kind", "a", "b", "c", "missing", "d", "e"];
        let line = csv_line(&row, &columns);
        assert_eq!(line, "slot,,\"x, \"\"y\"\"\",0-9 ? none,,true,7\r\n");
    }
}
