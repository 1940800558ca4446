//! The command line: the arguments of each command and their help, a module each.

mod bench;
mod completions;
mod convert;
mod create;
mod dump;
mod estimate;
mod histogram;
mod info;
mod lookup;
mod man;
mod rebuild;
mod size;
mod stats;
mod verify;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::bench::BenchArgs;
pub(crate) use self::completions::CompletionsArgs;
pub(crate) use self::convert::ConvertArgs;
pub(crate) use self::create::CreateArgs;
pub(crate) use self::dump::{Chapter, DumpArgs, DumpFormat, What};
pub(crate) use self::estimate::EstimateArgs;
pub(crate) use self::histogram::HistogramArgs;
pub(crate) use self::info::InfoArgs;
pub(crate) use self::lookup::LookupArgs;
pub(crate) use self::man::ManArgs;
pub(crate) use self::rebuild::RebuildArgs;
pub(crate) use self::size::SizeArgs;
pub(crate) use self::stats::StatsArgs;
pub(crate) use self::verify::VerifyArgs;
use crate::exit;

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
    #[command(after_help = exit::with_codes(estimate::HELP))]
    Estimate(EstimateArgs),
    /// How much memory and disk an index takes, and what it remembers
    #[command(after_help = exit::with_codes(size::HELP))]
    Size(SizeArgs),
    /// Make an empty index
    #[command(after_help = exit::with_codes(create::HELP))]
    Create(CreateArgs),
    /// Make a new index of another size or kind from an old one
    #[command(after_help = exit::with_codes(convert::HELP))]
    Convert(ConvertArgs),
    /// Say what an index is and how full it is; never writes
    #[command(after_help = exit::with_codes(info::HELP))]
    Info(InfoArgs),
    /// Count what is in an index, and say how full its parts are; never writes
    #[command(after_help = exit::with_codes(stats::HELP))]
    Stats(StatsArgs),
    /// Show how old the records of an index are, and how long its lists; never writes to it
    #[command(after_help = exit::with_codes(histogram::HELP))]
    Histogram(HistogramArgs),
    /// Look names up, and tell how they are found, or why not; never writes
    #[command(after_help = exit::with_codes(lookup::HELP))]
    Lookup(LookupArgs),
    /// Print what is in an index, row by row; never writes
    #[command(after_help = exit::with_codes(dump::HELP))]
    Dump(DumpArgs),
    /// Check a whole index, and say what is wrong where; never writes
    #[command(after_help = exit::with_codes(verify::HELP))]
    Verify(VerifyArgs),
    /// Recover an index that was not closed cleanly, and save it
    #[command(after_help = exit::with_codes(rebuild::HELP))]
    Rebuild(RebuildArgs),
    /// Measure what requests to an index cost on this machine
    #[command(after_help = exit::with_codes(bench::HELP))]
    Bench(BenchArgs),
    /// Print a script that completes the command line in a shell
    #[command(after_help = exit::with_codes(completions::HELP))]
    Completions(CompletionsArgs),
    /// Print a manual page, or write all of them
    #[command(after_help = exit::with_codes(man::HELP))]
    Man(ManArgs),
}

/// An index that is only read.
#[derive(Args, Debug)]
pub(crate) struct IndexArgs {
    /// The file or block device that holds the index
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Where in the file the index starts, in blocks of 4 KiB
    /// [default: the first block that looks like it]
    #[arg(long, value_name = "BLOCKS")]
    pub(crate) offset: Option<u64>,
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
