//! The arguments of `uds histogram`.

use std::path::PathBuf;

use clap::Args;

use super::IndexArgs;
use crate::output::Format;

pub(super) const HELP: &str = "\
Shows how old the records are, and how long the delta lists of
the volume index and of the chapter indexes are. Never writes to
the index; like stats, it recovers one that was not closed
cleanly in memory, and needs as much memory as using it does.

The page of --html opens from disk, in any browser: it loads
nothing and runs nothing. The exit code is 1 where something was
damaged, and is not counted.

Examples:
  uds histogram /var/tmp/my.uds
  uds histogram /var/tmp/my.uds --html my.html
  uds histogram /var/tmp/my.uds --format json";

#[derive(Args, Debug)]
pub(crate) struct HistogramArgs {
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    /// Also write a page with the same pictures, as a new file
    #[arg(long, value_name = "PAGE")]
    pub(crate) html: Option<PathBuf>,
    /// Overwrite PAGE if it is there already
    #[arg(long, requires = "html")]
    pub(crate) force: bool,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// No progress bar, even on a terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
