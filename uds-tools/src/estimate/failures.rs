//! The files and directories that could not be read: all counted, the first ones kept.

use std::fmt::Display;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::exit::complain;
use crate::units;

/// How many failures are told one by one.
const KEPT: usize = 20;

#[derive(Debug, Default)]
struct List {
    messages: Vec<String>,
    count: u64,
}

/// The failures of a scan, shared by its threads.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<List>);

impl Failures {
    /// Notes that `path` could not be read.
    pub(crate) fn add(&self, path: &Path, reason: impl Display) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.count += 1;
        if list.messages.len() < KEPT {
            // Quoted, because control characters in a file name must not reach a terminal.
            list.messages.push(format!("{path:?}: {reason}"));
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Says on standard error what could not be read.
    pub(crate) fn report(&self) {
        let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for message in &list.messages {
            complain(format_args!("cannot read {message}"));
        }
        let rest = list.count - list.messages.len() as u64;
        if rest > 0 {
            complain(format_args!("cannot read {} more", units::counted(rest, "file")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against a list that grows with every file of a broken disk, and against file names
    // that drive the terminal.
    #[test]
    fn many_failures_are_counted_and_few_are_kept() {
        let failures = Failures::default();
        failures.add(Path::new("a\x1b[2Jb"), "reason");
        for _ in 0..100 {
            failures.add(Path::new("c"), "reason");
        }
        assert_eq!(failures.count(), 101);
        let list = failures.0.lock().unwrap();
        assert_eq!(list.messages.len(), KEPT);
        assert_eq!(list.messages[0], r#""a\u{1b}[2Jb": reason"#);
    }
}
