//! The arguments of `uds create`.

use std::path::PathBuf;

use clap::Args;
use uds_geometry::{MemorySize, Nonce};

use crate::units::parse_nonce;

pub(super) const HELP: &str = "\
The file's full size is reserved at once, so that the index can
not run out of disk later. An existing index or other data that
would be lost is left alone unless --force is given.

Examples:
  uds create /var/tmp/my.uds --memory 256M
  uds create /var/tmp/my.uds --memory 256M --force --nonce 42
  uds create /var/tmp/my.uds --memory 256M --sparse";

#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// The file or block device to make the index in
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The index's memory: 256M, 512M, 768M or 1G to 1024G
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: MemorySize,
    /// Make a sparse index: ten times the window in the same memory, for
    /// duplicates that come in the company of others
    #[arg(long)]
    pub(crate) sparse: bool,
    /// A number that an opener of the index may ask for
    #[arg(long, value_name = "N", value_parser = parse_nonce, default_value = "0")]
    pub(crate) nonce: Nonce,
    /// Where in the file the index starts, in blocks of 4 KiB
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    pub(crate) offset: u64,
    /// Overwrite an existing index or other data
    #[arg(long)]
    pub(crate) force: bool,
    /// Reserve no disk: the file grows as the index fills
    #[arg(long)]
    pub(crate) sparse_file: bool,
}
