//! The arguments of `uds info`.

use clap::Args;

use super::IndexArgs;
use crate::output::Format;

pub(super) const HELP: &str = "\
Everything is read from the index itself. The exit code is 1 for
an index that cannot be opened because it was not closed cleanly,
or that has a damaged save slot.

Without --offset the index is looked for: from the first block of
the file or device on, so that one behind the first block of a
VDO volume is found at once.

Examples:
  uds info /var/tmp/my.uds
  uds info /var/tmp/my.uds --format json
  uds info /dev/sdb";

#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// No progress bar while the index is looked for, even on a terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
