//! What is left out of a scan by its name: `--exclude`, `--exclude-from`, and with `--ignore` the
//! files `.ignore` in directories. All of them in the syntax of `.gitignore`.
//!
//! # Invariants
//!
//! 1. The patterns of the command line come first; then the `.ignore` of the nearest directory,
//!    and so on outwards, up to the directory that was given. The first that says something
//!    decides; within one, the last pattern that matches.
//! 2. What is in a directory that is left out is not looked at, and cannot be let in again.
//! 3. What was given by name is never left out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::exit::{Exit, Failure};

/// The file whose patterns `--ignore` heeds.
const IGNORE_FILE: &str = ".ignore";

/// What the arguments leave out.
#[derive(Clone, Debug)]
pub(crate) struct Filters {
    /// Of the command line; paths are relative to the directory that was given.
    patterns: Arc<Gitignore>,
    heeds_files: bool,
}

impl Filters {
    /// Filters of nothing.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { patterns: Arc::new(Gitignore::empty()), heeds_files: false }
    }

    /// Patterns, files of patterns, and whether those in the directories count too.
    pub(crate) fn new(
        patterns: &[String],
        files: &[PathBuf],
        heeds_files: bool,
    ) -> Result<Self, Failure> {
        let mut builder = GitignoreBuilder::new("");
        for file in files {
            if let Some(error) = builder.add(file) {
                let exit = if error.is_io() { Exit::InputOutput } else { Exit::Usage };
                let what = format!("the patterns in {file:?} cannot be used");
                return Err(Failure::new(exit, error).about(what));
            }
        }
        for pattern in patterns {
            builder.add_line(None, pattern).map_err(|error| bad_pattern(pattern, error))?;
        }
        let all = patterns.join(", ");
        let patterns = builder.build().map_err(|error| bad_pattern(&all, error))?;
        Ok(Self { patterns: Arc::new(patterns), heeds_files })
    }
}

fn bad_pattern(pattern: &str, error: ignore::Error) -> Failure {
    Failure::new(Exit::Usage, error).about(format!("--exclude {pattern:?} cannot be used"))
}

/// The filters on the way from a directory that was given to where the walk is.
#[derive(Debug)]
pub(crate) struct FilterStack {
    filters: Filters,
    /// Of each directory on the way that has a `.ignore`: its depth, its path and its patterns.
    files: Vec<(usize, PathBuf, Gitignore)>,
}

impl FilterStack {
    pub(crate) fn new(filters: &Filters) -> Self {
        Self { filters: filters.clone(), files: Vec::new() }
    }

    /// Whether what lies at `path`, so many levels below `root`, is left out.
    pub(crate) fn leaves_out(
        &mut self,
        root: &Path,
        path: &Path,
        depth: usize,
        is_directory: bool,
    ) -> bool {
        if depth == 0 {
            self.files.clear();
            return false;
        }
        while self.files.last().is_some_and(|(level, ..)| *level >= depth) {
            self.files.pop();
        }
        let directories = self.files.iter().rev().map(|(_, path, patterns)| (&**path, patterns));
        std::iter::once((root, &*self.filters.patterns))
            .chain(directories)
            .filter(|(_, patterns)| !patterns.is_empty())
            .find_map(|(directory, patterns)| {
                let relative = path.strip_prefix(directory).ok()?;
                match patterns.matched(relative, is_directory) {
                    Match::None => None,
                    Match::Ignore(_) => Some(true),
                    Match::Whitelist(_) => Some(false),
                }
            })
            .unwrap_or(false)
    }

    /// To be called for each directory that is entered, so many levels below the given one. The
    /// error is about a `.ignore` of which at least one pattern cannot be used.
    pub(crate) fn enter(
        &mut self,
        directory: &Path,
        depth: usize,
    ) -> Result<(), (PathBuf, ignore::Error)> {
        let file = directory.join(IGNORE_FILE);
        // Nothing but a file is opened: a pipe would block.
        if !self.filters.heeds_files || !file.is_file() {
            return Ok(());
        }
        let mut builder = GitignoreBuilder::new("");
        let problem = builder.add(&file);
        match builder.build() {
            Ok(patterns) => {
                self.files.push((depth, directory.to_path_buf(), patterns));
                problem.map_or(Ok(()), |error| Err((file, error)))
            }
            Err(error) => Err((file, error)),
        }
    }
}
