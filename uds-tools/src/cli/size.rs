//! The arguments of `uds size`.

use clap::Args;
use uds_geometry::MemorySize;

use crate::output::Format;
use crate::units::{parse_block_size, parse_bytes};

pub(super) const HELP: &str = "\
Amounts are in powers of 1024: 10T is 10 TiB.

Examples:
  uds size
  uds size --memory 1G
  uds size --data 10T
  uds size --data 10T --block-size 64K";

#[derive(Args, Debug)]
pub(crate) struct SizeArgs {
    /// Only this memory size
    #[arg(long, value_name = "SIZE", conflicts_with = "data")]
    pub(crate) memory: Option<MemorySize>,
    /// The smallest index that remembers this much data
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) data: Option<u64>,
    /// The size of the blocks that are indexed, 512 bytes to 4M
    #[arg(long, value_name = "SIZE", value_parser = parse_block_size, default_value = "4K")]
    pub(crate) block_size: u64,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}
