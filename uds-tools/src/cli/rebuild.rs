//! The arguments of `uds rebuild`.

use std::path::PathBuf;

use clap::Args;

use crate::output::Format;

pub(super) const HELP: &str = "\
Every chapter on the volume is recovered; the records of the
chapter that was open are lost. Chapters that are damaged are
left out and counted: the exit code is 1 then. Ctrl-C leaves the
index as it was.

Examples:
  uds rebuild /var/tmp/my.uds
  uds rebuild /var/tmp/my.uds --format json";

#[derive(Args, Debug)]
pub(crate) struct RebuildArgs {
    /// The file or block device that holds the index
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Where in the file the index starts, in blocks of 4 KiB
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    pub(crate) offset: u64,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// No progress bar, even on a terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
