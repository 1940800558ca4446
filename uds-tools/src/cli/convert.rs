//! The arguments of `uds convert`.

use std::path::PathBuf;

use clap::Args;
use uds_geometry::{MemorySize, Nonce};

use super::IndexArgs;
use crate::output::Format;
use crate::units::parse_nonce;

pub(super) const HELP: &str = "\
The records go to the new index as if they came just now, the
oldest first: what does not fit is what the old index would have
forgotten first. The old index is only read, and stays as it is.

The new index is complete when the command says so. Ctrl-C ends
it and removes the new file; after a crash `uds info` says of it
that it was never saved.

Examples:
  uds convert my.uds larger.uds --memory 512M
  uds convert my.uds longer.uds --memory 256M --sparse
  uds convert /dev/sdb my.uds --memory 256M --sparse-file";

#[derive(Args, Debug)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    /// The file or block device to make the new index in
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// The new index's memory: 256M, 512M, 768M or 1G to 1024G
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: MemorySize,
    /// Make a sparse index, whatever the old one is
    #[arg(long, conflicts_with = "dense")]
    pub(crate) sparse: bool,
    /// Make a dense index, whatever the old one is
    #[arg(long)]
    pub(crate) dense: bool,
    /// The new index's nonce [default: that of the old one]
    #[arg(long, value_name = "N", value_parser = parse_nonce)]
    pub(crate) nonce: Option<Nonce>,
    /// Where in NEW the new index starts, in blocks of 4 KiB
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    pub(crate) new_offset: u64,
    /// Overwrite an existing index or other data in NEW
    #[arg(long)]
    pub(crate) force: bool,
    /// Reserve no disk: the new file grows as the index fills
    #[arg(long)]
    pub(crate) sparse_file: bool,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// No progress bar, even on a terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
