//! `cargo xtask`: the gate that every change passes, and the chores of the workspace.
//!
//! - [`verify`]: every check in one command, with a table of results. It calls the others.
//! - [`tidy`]: rules on the source text that no compiler checks.
//! - [`golden`]: the images and answers of the reference implementation.
//! - [`loom`], [`faults`], [`sanitize`], [`fuzz`], [`mod@bench`]: the concurrency models, the fault
//!   campaigns, the sanitizers, the fuzz targets, the benchmarks.
//!
//! What they share: [`shell`] runs commands, [`workspace`] knows the crates.
#![forbid(unsafe_code)]

mod bench;
mod faults;
mod fuzz;
mod golden;
mod loom;
mod sanitize;
mod shell;
mod tidy;
mod verify;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// Verification and chores of the uds workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Runs every check of a tier, and says which failed.
    Verify(verify::Options),
    /// Checks the rules on the source text: width, length, links, words, manifests.
    Tidy,
    /// Checks the images and answers of the reference implementation.
    Golden(golden::Options),
    /// Runs the concurrency models and their mutants: the `models` modules of every crate.
    Loom(loom::Options),
    /// Runs fault campaigns on simulated disks: power cuts, failed writes, flipped bits.
    Faults(faults::Options),
    /// Runs the tests with threads under the sanitizers and Miri, as far as they are here.
    Sanitize(sanitize::Options),
    /// Fuzzes the decoders and whole images, and says what of the decoders that reaches.
    Fuzz(fuzz::Options),
    /// Runs the benchmarks, and writes a report or compares them with another commit's.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Verify(options) => verify::run(&options),
        Command::Tidy => tidy::run().map(|()| ExitCode::SUCCESS),
        Command::Golden(options) => golden::run(&options).map(|_| ExitCode::SUCCESS),
        Command::Loom(options) => loom::run(&options).map(|_| ExitCode::SUCCESS),
        Command::Faults(options) => faults::run(&options).map(|_| ExitCode::SUCCESS),
        Command::Sanitize(options) => sanitize::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Fuzz(options) => fuzz::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Bench(options) => bench::run(&options).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
