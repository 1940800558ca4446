//! `uds man`: a manual page for the command, and one for each of its commands.
//!
//! # Invariants
//!
//! 1. A page says what `--help` says, all of it, from the same words.
//! 2. Each command has a page, and so has each part of one: `uds dump chapter` for example. No page
//!    leads to one that is not there.
//! 3. A page is the same whenever and wherever it is made: it has no date.

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
        Some(wanted) => {
            let commands = with_parts(&root);
            let found = commands.iter().find(|it| short(it) == Some(wanted));
            found.copied().ok_or_else(|| {
                let names: Vec<_> = commands.iter().filter_map(|it| short(it)).collect();
                let names = names.join(", ");
                Failure::usage(format_args!("uds has no command {wanted:?}; it has {names}"))
            })?
        }
    };
    output::write(page::of(command, &root).as_bytes())?;
    Ok(Exit::Done)
}

/// Writes the pages of all commands into a directory.
fn write_all(root: &Command, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {directory:?}"))?;
    for command in with_parts(root) {
        let path = directory.join(format!("{}.1", page::name(command)));
        fs::write(&path, page::of(command, root))
            .with_context(|| format!("cannot write the page {path:?}"))?;
    }
    Ok(())
}

/// What a page is asked for by: `dump-chapter` for `uds-dump-chapter`. None for that of uds itself.
fn short(command: &Command) -> Option<&str> {
    page::name(command).split_once('-').map(|(_, short)| short)
}

/// A command, and all those within it.
fn with_parts(command: &Command) -> Vec<&Command> {
    let parts = command.get_subcommands().flat_map(with_parts);
    std::iter::once(command).chain(parts).collect()
}
