//! `uds completions`: scripts that teach a shell the command line.

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use crate::exit::{Exit, Failure};
use crate::output;

/// Runs the command.
pub(crate) fn run(arguments: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "uds", &mut script);
    output::write(&script)?;
    Ok(Exit::Done)
}
