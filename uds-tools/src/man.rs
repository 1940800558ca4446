//! `uds man`: a manual page for the command, and one for each of its commands.
//!
//! # Invariants
//!
//! 1. A page says what `--help` says, all of it, from the same words.
//! 2. A page is the same whenever and wherever it is made: it has no date.

mod page;

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};

use crate::cli::{Cli, ManArgs};
use crate::exit::{Exit, Failure};
use crate::output;

/// Runs the command.
pub(crate) fn run(arguments: &ManArgs) -> Result<Exit, Failure> {
    let mut root = Cli::command().disable_help_subcommand(true);
    // Gives each command its full name.
    root.build();
    if let Some(directory) = &arguments.dir {
        write_all(&root, directory).map_err(|error| Failure::new(Exit::InputOutput, error))?;
        return Ok(Exit::Done);
    }
    let command = match &arguments.command {
        None => &root,
        Some(name) => root.find_subcommand(name).ok_or_else(|| {
            let names: Vec<_> = root.get_subcommands().map(Command::get_name).collect();
            let names = names.join(", ");
            Failure::usage(format_args!("uds has no command {name:?}; it has {names}"))
        })?,
    };
    output::write(page::of(command, &root).as_bytes())?;
    Ok(Exit::Done)
}

/// Writes the pages of all commands into a directory.
fn write_all(root: &Command, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {directory:?}"))?;
    for command in std::iter::once(root).chain(root.get_subcommands()) {
        let path = directory.join(format!("{}.1", page::name(command)));
        fs::write(&path, page::of(command, root))
            .with_context(|| format!("cannot write the page {path:?}"))?;
    }
    Ok(())
}
