//! The arguments of `uds bench`.

use std::path::PathBuf;

use clap::builder::{RangedI64ValueParser, RangedU64ValueParser};
use clap::{Args, value_parser};
use uds_geometry::{MemorySize, ZoneCount};

use crate::output::Format;
use crate::units::{parse_fraction, parse_zones};

pub(super) const HELP: &str = "\
Makes an index in a new file, fills it, and measures what each
kind of request costs; then how long it takes to close it, to
open it, and to recover it. The file is removed at the end.
A full 256M index takes some minutes and 2.6 GB of disk.

Names and requests are prepared outside the time measured.
Compare numbers of two machines, or of two hours, only with the
costs of memory that stand below them.

Examples:
  uds bench
  uds bench --runs 3 --format json
  uds bench --memory 1G --zones 2 --callers 2
  uds bench --sparse --fill 0.01 --file /mnt/ssd/try.uds";

#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// The index's memory: 256M, 512M, 768M or 1G to 1024G
    #[arg(long, value_name = "SIZE", default_value = "256M")]
    pub(crate) memory: MemorySize,
    /// Measure a sparse index
    #[arg(long)]
    pub(crate) sparse: bool,
    /// Into how many zones the index is divided, 1 to 16
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_zones)]
    pub(crate) zones: ZoneCount,
    /// Threads that hand over requests, 1 to 64
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = up_to(64))]
    pub(crate) callers: u16,
    /// How much of the window to fill, more than 0, at most 1
    /// [default: 1; with --sparse as much as 80,000,000 records are]
    #[arg(long, value_name = "FRACTION", value_parser = parse_fraction)]
    pub(crate) fill: Option<f64>,
    /// Requests of each other phase; of those for random names of the
    /// whole window, an eighth
    #[arg(long, value_name = "N", default_value_t = 4_000_000, value_parser = requests())]
    pub(crate) ops: u64,
    /// How often to repeat everything, each time in a new file; each
    /// number is the median of all
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = up_to(999))]
    pub(crate) runs: u16,
    /// The new file to make the index in, which is removed at the end
    /// [default: one in the system's temporary directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// No progress bar, even on a terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// A number from one on.
fn up_to(most: u16) -> RangedI64ValueParser<u16> {
    value_parser!(u16).range(1..=i64::from(most))
}

/// Requests of a phase: some, and not so many that their times would be what takes the memory.
fn requests() -> RangedU64ValueParser {
    value_parser!(u64).range(1..=1 << 32)
}
