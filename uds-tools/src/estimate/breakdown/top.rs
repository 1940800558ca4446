//! The files that save most.
//!
//! # Invariants
//!
//! 1. At most [`MAX_FILES`] are kept, of which no other that was added saves more; of files that
//!    save as much, those whose paths come first.
//! 2. A file that saves nothing is none of them.

use std::path::{Path, PathBuf};

use super::Sums;

/// Files that are kept at most.
pub(super) const MAX_FILES: usize = 10;

/// A file and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopFile {
    pub(super) path: PathBuf,
    pub(super) sums: Sums,
}

/// The files that save most, the first of them first.
#[derive(Debug, Default)]
pub(super) struct TopFiles {
    files: Vec<TopFile>,
}

impl TopFiles {
    /// Notes a file if it is one of them. Ten are looked through only for the few that are.
    pub(super) fn add(&mut self, path: &Path, sums: Sums) {
        let comes_before = |file: &TopFile| {
            file.sums.saved_bytes > sums.saved_bytes
                || file.sums.saved_bytes == sums.saved_bytes && *file.path <= *path
        };
        let is_full = self.files.len() == MAX_FILES;
        if sums.saved_bytes <= 0 || is_full && self.files.last().is_some_and(comes_before) {
            return;
        }
        let place = self.files.partition_point(comes_before);
        self.files.truncate(MAX_FILES - 1);
        self.files.insert(place, TopFile { path: path.to_path_buf(), sums });
    }

    /// The files, the first of them first.
    pub(super) fn files(&self) -> &[TopFile] {
        &self.files
    }

    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        let paths: usize = self.files.iter().map(|file| file.path.capacity()).sum();
        paths + self.files.capacity() * size_of::<TopFile>()
    }
}
