//! `uds-compare`: this index and four key-value stores, one command, one table.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use uds_compare::Store;
use uds_compare::run::{self, Options, Stop};

/// Measures this index, redb, LMDB, RocksDB and fjall with the phases of `uds bench`, each in a
/// process of its own, and prints one table. docs/compare.md says what is equal and what is not.
#[derive(Debug, Parser)]
#[command(name = "uds-compare", version, max_term_width = 100)]
struct Cli {
    /// Records that each store is filled with. Our index of 256M has room for 67,108,864.
    #[arg(long, default_value_t = 20_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// Requests of each further phase; hit-random has an eighth of it.
    #[arg(long, default_value_t = 4_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    ops: u64,
    /// Memory for the caches and write buffers of the others, as 240M. Our index takes about
    /// that.
    #[arg(long, default_value = "240M", value_parser = parse_memory)]
    memory: u64,
    /// The stores to be measured, as uds,lmdb [default: all that are built in].
    #[arg(long, value_delimiter = ',', value_name = "STORES")]
    only: Vec<Store>,
    /// How often each store is measured, in turns; the table has the medians.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=99))]
    runs: u64,
    /// An existing folder, on the disk that is to be measured. What is made in it is removed.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Measures one store in this process, as the command does for each.
    #[arg(long, hide = true)]
    alone: Option<Store>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A table.
    Text,
    /// All numbers, one object.
    Json,
}

/// The most records of the index that is compared: what a larger number of records would measure
/// is what it has forgotten.
const CAPACITY: u64 = 1 << 26;

fn main() -> ExitCode {
    match work(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("uds-compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work(cli: &Cli) -> Result<()> {
    let stop = Stop::on_signals()?;
    let mut stores = cli.only.clone();
    if stores.is_empty() {
        stores.extend(Store::ALL.iter().filter(|store| store.is_built_in()));
    }
    if cli.records > CAPACITY && stores.contains(&Store::Uds) {
        bail!(
            "{} records are more than the {CAPACITY} that our index holds: give fewer, or leave \
             uds out with --only",
            cli.records
        );
    }
    let options = Options {
        records: cli.records,
        ops: cli.ops,
        memory_bytes: cli.memory,
        stores,
        runs: usize::try_from(cli.runs).context("more runs than can be counted")?,
        folder: cli.folder.clone(),
    };
    if let Some(store) = cli.alone {
        return run::alone(store, &options, &stop);
    }
    let comparison = run::all(&options, &stop)?;
    match cli.format {
        Format::Text => print!("{comparison}"),
        Format::Json => println!("{}", serde_json::to_string_pretty(&comparison)?),
    }
    Ok(())
}

/// Reads an amount of memory: `240M`, `1G`, `251658240`.
fn parse_memory(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" | "k" | "KiB" => 10,
        "M" | "m" | "MiB" => 20,
        "G" | "g" | "GiB" => 30,
        unit => bail!("{unit:?} is not a unit: give K, M or G, as in 240M"),
    };
    let number: u64 = digits.parse().with_context(|| format!("{digits:?} is not a number"))?;
    let bytes = number.checked_mul(1 << shift).context("that is more than can be counted")?;
    // Below, RocksDB and fjall round their write buffers up.
    const LEAST: u64 = 16 << 20;
    if bytes < LEAST {
        bail!("{text} is too little: no store works sensibly with less than 16M");
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the one number that makes the stores equal.
    #[test]
    fn memory_is_read_in_powers_of_1024() {
        assert_eq!(parse_memory("240M").unwrap(), 240 << 20);
        assert_eq!(parse_memory("251658240").unwrap(), 240 << 20);
        assert_eq!(parse_memory("1G").unwrap(), 1 << 30);
        for text in ["", "M", "-1M", "1T", "1M", "99999999999999999999", "17179869184G"] {
            assert!(parse_memory(text).is_err(), "{text}");
        }
    }

    // Guards the command line of the documentation.
    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["uds-compare", "--only", "uds,lmdb", "--memory", "64M"]);
        assert_eq!((cli.only, cli.memory), (vec![Store::Uds, Store::Lmdb], 64 << 20));
    }
}
