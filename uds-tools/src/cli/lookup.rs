//! The arguments of `uds lookup`.

use std::path::PathBuf;

use clap::Args;

use super::IndexArgs;
use crate::estimate::Naming;
use crate::output::Format;

pub(super) const HELP: &str = "\
A name is 32 hexadecimal digits, with or without 0x, also grouped
with - or :. Names that are read from standard input come one a
line. Nothing is written: an index that was not closed cleanly is
recovered in memory.

--explain tells the whole way of each look-up: the list, the
entry, the chapter, the pages, and where the trail ends.
--everywhere looks for copies in every chapter of the volume, also
in those that nothing leads to.

The exit code is 1 where a name was not found.

Examples:
  uds lookup my.uds 43796d74e3938645c389397e23fcfd54 --explain
  uds lookup my.uds --block photo.jpg
  cut -d' ' -f1 names.txt | uds lookup my.uds - --format json";

#[derive(Args, Debug)]
pub(crate) struct LookupArgs {
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    /// Names to look up; - for those on standard input
    #[arg(value_name = "NAME", required_unless_present = "block")]
    pub(crate) names: Vec<String>,
    /// Look up the names of the blocks of 4 KiB of FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) block: Vec<PathBuf>,
    /// How blocks are named: murmur is VDO's way
    /// [default: as the index was made for]
    #[arg(long, value_name = "HASH", requires = "block")]
    pub(crate) hash: Option<Naming>,
    /// Tell the whole way of each look-up
    #[arg(long)]
    pub(crate) explain: bool,
    /// Look for copies in every chapter of the volume
    #[arg(long)]
    pub(crate) everywhere: bool,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// No progress bar, even on a terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
