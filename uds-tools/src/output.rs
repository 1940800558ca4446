//! What goes to standard output, in one piece, and what happens when nobody reads it.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use serde::Serialize;
use uds_index::SubIndex;

use crate::exit::{Exit, Failure};

/// The form of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned text for people.
    #[default]
    Text,
    /// One JSON object for programs.
    Json,
}

/// The version of every JSON object that the command prints. It grows when a field changes its
/// meaning or goes; new fields may come at any time.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// The word for a part of a volume index in JSON and CSV.
pub(crate) const fn sub_index(part: SubIndex) -> &'static str {
    match part {
        SubIndex::Whole => "whole",
        SubIndex::NonHook => "non_hook",
        SubIndex::Hook => "hook",
    }
}

/// Prints a result, as text or as one JSON object.
pub(crate) fn print(
    format: Format,
    text: impl FnOnce() -> String,
    json: &impl Serialize,
) -> Result<(), Failure> {
    let output = match format {
        Format::Text => text(),
        Format::Json => {
            let mut json = serde_json::to_string_pretty(json)
                .context("cannot write the result as JSON")
                .map_err(|error| Failure::new(Exit::InputOutput, error))?;
            json.push('\n');
            json
        }
    };
    write(output.as_bytes())
}

/// Writes a result to standard output.
pub(crate) fn write(output: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(output).and_then(|()| stdout.flush()) {
        // Whoever closed the pipe has read as much as they wanted.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(
            Exit::InputOutput,
            anyhow::Error::new(error).context("cannot write the result to standard output"),
        )),
        Ok(()) => Ok(()),
    }
}
