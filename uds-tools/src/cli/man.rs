//! The arguments of `uds man`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

pub(super) const HELP: &str = "\
Without --dir, one page goes to standard output: of uds itself,
of one of its commands, or of a part of one, as dump-chapter.

Examples:
  uds man | man -l -
  uds man estimate | man -l -
  uds man --dir ~/.local/share/man/man1";

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The command whose page is printed [default: uds itself]
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    /// Write all pages into this directory, which is made if it is not
    /// there: uds.1, uds-estimate.1 and so on
    #[arg(long, value_name = "DIR", conflicts_with = "command", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}
