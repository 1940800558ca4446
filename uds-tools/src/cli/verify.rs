//! The arguments of `uds verify`.

use clap::{Args, value_parser};

use super::IndexArgs;
use crate::output::Format;

pub(super) const HELP: &str = "\
Reads everything: headers, the latest save, and every page of
every chapter, whose records are looked up as a query would.
--deep also compares every entry of the saved volume index with
the chapters. The exit code is 1 where something is damaged; an
index that was not closed cleanly can be sound.

Examples:
  uds verify /var/tmp/my.uds
  uds verify /var/tmp/my.uds --deep
  uds verify /var/tmp/my.uds --format json";

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    /// Compare every entry of the volume index with the chapters, too;
    /// takes as much memory as using the index does, and some more
    #[arg(long)]
    pub(crate) deep: bool,
    /// Threads that examine chapters, 1 to 1024 [default: one for each
    /// core, 8 at most]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// No progress bar, even on a terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
