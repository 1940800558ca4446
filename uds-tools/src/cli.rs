//! The arguments of each command, and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, value_parser};
use uds_geometry::{MemorySize, Nonce};

use crate::estimate::Naming;
use crate::exit;
use crate::output::Format;
use crate::units::{parse_block_size, parse_bytes, parse_nonce};

/// What would deduplication save, and how much index memory does it take?
#[derive(Debug, Parser)]
#[command(name = "uds", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read files and say what deduplication would save
    #[command(after_help = exit::with_codes(ESTIMATE_HELP))]
    Estimate(EstimateArgs),
    /// Make an empty index
    #[command(after_help = exit::with_codes(CREATE_HELP))]
    Create(CreateArgs),
    /// Say what an index is and how full it is; never writes
    #[command(after_help = exit::with_codes(INFO_HELP))]
    Info(InfoArgs),
    /// Recover an index that was not closed cleanly, and save it
    #[command(after_help = exit::with_codes(REBUILD_HELP))]
    Rebuild(RebuildArgs),
    /// How much memory and disk an index takes, and what it remembers
    #[command(after_help = exit::with_codes(SIZE_HELP))]
    Size(SizeArgs),
    /// Check a whole index, and say what is wrong where; never writes
    #[command(after_help = exit::with_codes(VERIFY_HELP))]
    Verify(VerifyArgs),
}

const ESTIMATE_HELP: &str = "\
Files are cut into blocks of 4 KiB, as VDO does; the last block
of a file is padded with zeroes. All-zero blocks are counted
apart: VDO does not store them. A hard-linked file is read once,
symbolic links inside directories are not followed, and an
unreadable file is reported at the end.

Examples:
  uds estimate ~/.cargo ~/.rustup
  uds estimate --memory 1G /srv
  uds estimate --sparse /srv
  uds estimate --format json /srv > estimate.json
  uds estimate --index /var/tmp/srv.uds /srv";

const CREATE_HELP: &str = "\
The file's full size is reserved at once, so that the index can
not run out of disk later. An existing index or other data that
would be lost is left alone unless --force is given.

Examples:
  uds create /var/tmp/my.uds --memory 256M
  uds create /var/tmp/my.uds --memory 256M --force --nonce 42
  uds create /var/tmp/my.uds --memory 256M --sparse";

const INFO_HELP: &str = "\
Everything is read from the index itself. The exit code is 1 for
an index that cannot be opened because it was not closed cleanly,
or that has a damaged save slot.

Examples:
  uds info /var/tmp/my.uds
  uds info /var/tmp/my.uds --format json";

const REBUILD_HELP: &str = "\
Every chapter on the volume is recovered; the records of the
chapter that was open are lost. Chapters that are damaged are
left out and counted: the exit code is 1 then. Ctrl-C leaves the
index as it was.

Examples:
  uds rebuild /var/tmp/my.uds
  uds rebuild /var/tmp/my.uds --format json";

const SIZE_HELP: &str = "\
Amounts are in powers of 1024: 10T is 10 TiB.

Examples:
  uds size
  uds size --memory 1G
  uds size --data 10T
  uds size --data 10T --block-size 64K";

const VERIFY_HELP: &str = "\
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
pub(crate) struct EstimateArgs {
    /// Files, directories and block devices to read
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The index's memory: 256M, 512M, 768M or 1G to 1024G
    /// [default: 256M, or what the index of --index has]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<MemorySize>,
    /// Use a sparse index: ten times the window in the same memory, for
    /// duplicates that come in the company of others
    #[arg(long)]
    pub(crate) sparse: bool,
    /// Keep the index in FILE: created if absent, extended if present
    #[arg(long, value_name = "FILE")]
    pub(crate) index: Option<PathBuf>,
    /// The nonce of the index of --index [default: one that stands for
    /// --hash where the index is new, else the one that it has]
    #[arg(long, value_name = "N", value_parser = parse_nonce, requires = "index")]
    pub(crate) nonce: Option<Nonce>,
    /// Where in the file of --index the index starts, in blocks of 4 KiB
    #[arg(long, value_name = "BLOCKS", default_value_t = 0, requires = "index")]
    pub(crate) offset: u64,
    /// How blocks are named: murmur is VDO's way, blake3 resists forgery
    #[arg(long, value_name = "HASH", default_value = "murmur")]
    pub(crate) hash: Naming,
    /// Threads that read and hash, 1 to 1024 [default: one for each core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Stay on the file systems of the given paths
    #[arg(short = 'x', long)]
    pub(crate) one_file_system: bool,
    /// Where the temporary index goes [default: the system's place]
    #[arg(long, value_name = "DIR", conflicts_with = "index")]
    pub(crate) temp_dir: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// No progress bar, even on a terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

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

#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    /// The file or block device that holds the index
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Where in the file the index starts, in blocks of 4 KiB
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    pub(crate) offset: u64,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

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

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The file or block device that holds the index
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Where in the file the index starts, in blocks of 4 KiB
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    pub(crate) offset: u64,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    // Guards against arguments that contradict each other, which clap finds only when it runs.
    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
