//! `uds`: the command line of the deduplication index.
//!
//! Only glue: everything that it does, a user of the library crates can do. Each command is
//! a module with a `run` function that takes its arguments and says how to exit.

#![forbid(unsafe_code)]

mod bench;
mod chart;
mod cli;
mod completions;
mod convert;
mod create;
mod dump;
mod estimate;
mod exit;
mod histogram;
mod html;
mod info;
mod look;
mod lookup;
mod man;
mod new_file;
mod output;
mod rebuild;
mod recover;
mod size;
mod source;
mod stats;
mod stop;
mod storage;
mod terminal;
mod units;
mod verify;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    stop::outlive_size_limit();
    let outcome = match Cli::parse().command {
        Command::Estimate(arguments) => estimate::run(&arguments),
        Command::Size(arguments) => size::run(&arguments),
        Command::Create(arguments) => create::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Info(arguments) => info::run(&arguments),
        Command::Stats(arguments) => stats::run(&arguments),
        Command::Histogram(arguments) => histogram::run(&arguments),
        Command::Lookup(arguments) => lookup::run(&arguments),
        Command::Dump(arguments) => dump::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Rebuild(arguments) => rebuild::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.report();
            failure.exit.into()
        }
    }
}
