//! The arguments of `uds stats`.

use clap::Args;

use super::IndexArgs;
use crate::output::Format;

pub(super) const HELP: &str = "\
Opens the index as a query would, but never writes: one that was
not closed cleanly is recovered in memory, which takes some
seconds for each ten gigabytes. Needs as much memory as using the
index does. Counts of requests are zero, because none were made;
only the JSON object has them.

The exit code is 1 where something was damaged, and is not
counted.

Examples:
  uds stats /var/tmp/my.uds
  uds stats /var/tmp/my.uds --format json";

#[derive(Args, Debug)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// No progress bar, even on a terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
