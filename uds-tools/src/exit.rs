//! Exit codes, and failures that know theirs.

use std::fmt::{self, Display, Formatter};
use std::io::Write;
use std::process::ExitCode;

/// What the exit code tells the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything was done.
    Done = 0,
    /// A problem was found in what was examined.
    Problem = 1,
    /// The command was called in a wrong way.
    Usage = 2,
    /// Input or output failed.
    InputOutput = 3,
    /// The index is damaged, or is not an index.
    BadIndex = 4,
    /// The user stopped it: 128 and the number of the interrupt signal, as shells count.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The table of the exit codes, for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done
  1    a problem was found in what was examined
  2    wrong usage; for create also a place that can hold no
       index, or holds what would be lost
  3    input or output failed (for estimate: of at least one
       file; the result covers all the others)
  4    the index is damaged, or there is none in what was named
       as one: a directory, for example
  130  stopped by Ctrl-C (the estimate so far is printed)";

/// A help text, with the table of the exit codes after it.
pub(crate) fn with_codes(help: &str) -> String {
    format!("{help}\n\n{HELP}")
}

/// Why a command failed, and the exit code that says so.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// A call that cannot be obeyed.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, anyhow::Error::msg(message.to_string()))
    }

    /// The same failure, with what it is about put before it.
    pub(crate) fn about(self, what: impl Display + Send + Sync + 'static) -> Self {
        Self { exit: self.exit, error: self.error.context(what) }
    }

    /// The error itself, if it is an `E`.
    pub(crate) fn source<E: std::error::Error + Send + Sync + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }

    /// Says on standard error what failed.
    pub(crate) fn report(&self) {
        complain(self);
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

/// Prints a message for people on standard error, under the command's name.
pub(crate) fn complain(message: impl Display) {
    // Where standard error is closed, nobody is left to tell.
    let _ = writeln!(std::io::stderr().lock(), "uds: {message}");
}
