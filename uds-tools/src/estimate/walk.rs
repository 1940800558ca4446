//! Finding the files: every file of the given paths once, by whatever name it comes first.
//!
//! # Invariants
//!
//! 1. A file is identified by its device and inode number. One that was given as a path, or has
//!    several hard links, is remembered, and so is every directory: nested and repeated paths
//!    find nothing twice.
//! 2. Paths that are files are visited before all directories; files with one link that lie in
//!    a directory need not be remembered therefore.
//!    The paths of a list are visited as it is read; its directories are kept for the end.
//! 3. Given paths are followed if they are symbolic links; links found in directories never are.
//! 4. What is visited does not depend on the file names' order: only which name of a file with
//!    several links comes first does.

use std::collections::{HashMap, HashSet};
use std::fs::{self, FileType, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FsWord;
use walkdir::{DirEntry, WalkDir};

use super::filter::{FilterStack, Filters};
use super::paths::Paths;

/// Which file: its device and inode number.
pub(crate) type Identity = (u64, u64);

/// What a walk finds.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file to read, of so many bytes, or a block device; and the given path under which it is.
    File { path: PathBuf, bytes: u64, inode: u64, root: Arc<Path> },
    /// A further hard link to a file that was found before.
    HardLink,
    /// A symbolic link in a directory.
    Symlink,
    /// A FIFO, a socket or a device in a directory.
    Special,
    /// The file that was to be left out.
    Excluded,
    /// A file or a directory that a filter leaves out.
    Filtered,
    /// Something in a directory that was gone before it could be examined.
    Vanished,
    /// Something that should have been read, and why it cannot be.
    Failed { path: PathBuf, error: io::Error },
}

/// A walk over the given paths.
#[derive(Debug)]
pub(crate) struct Walk {
    excluded: Vec<Identity>,
    seen: HashSet<Identity>,
    /// Whether a file system, known by its device number, shows the kernel's state, not files.
    pseudo: HashMap<u64, bool>,
    one_file_system: bool,
    filters: FilterStack,
    /// The given path whose directory is walked.
    root: Arc<Path>,
    /// The device number of the directory that the walk of a given path began with.
    root_device: u64,
}

impl Walk {
    /// A walk that leaves out the files of `excluded`, and what `filters` say.
    pub(crate) fn new(one_file_system: bool, excluded: &[Identity], filters: &Filters) -> Self {
        Self {
            excluded: excluded.to_vec(),
            seen: HashSet::new(),
            pseudo: HashMap::new(),
            one_file_system,
            filters: FilterStack::new(filters),
            root: Path::new("").into(),
            root_device: 0,
        }
    }

    /// Visits everything that `paths` lead to, until `visit` breaks.
    pub(crate) fn run(
        mut self,
        paths: &Paths,
        visit: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut directories = Vec::new();
        paths.each(&mut |path| match path {
            Ok(path) => match fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => {
                    directories.push(path.to_path_buf());
                    ControlFlow::Continue(())
                }
                Ok(metadata) => self.visit_argument(path, &metadata, visit),
                Err(error) => visit(Found::Failed { path: path.to_path_buf(), error }),
            },
            Err((list, error)) => visit(Found::Failed { path: list.to_path_buf(), error }),
        })?;
        directories.iter().try_for_each(|path| self.visit_directory(path, visit))
    }

    fn visit_argument(
        &mut self,
        path: &Path,
        metadata: &Metadata,
        visit: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let path = path.to_path_buf();
        let found = if metadata.is_file() {
            let identity = (metadata.dev(), metadata.ino());
            if self.excluded.contains(&identity) {
                Found::Excluded
            } else if self.seen.insert(identity) {
                Found::File {
                    root: path.as_path().into(),
                    path,
                    bytes: metadata.len(),
                    inode: metadata.ino(),
                }
            } else {
                return ControlFlow::Continue(());
            }
        } else if metadata.file_type().is_block_device() {
            match device_bytes(&path) {
                Ok(_) if self.excluded.contains(&device_identity(metadata)) => Found::Excluded,
                Ok(_) if !self.seen.insert(device_identity(metadata)) => {
                    return ControlFlow::Continue(());
                }
                Ok(bytes) => Found::File { root: path.as_path().into(), path, bytes, inode: 0 },
                Err(error) => Found::Failed { path, error },
            }
        } else {
            let kind = special_kind(metadata.file_type());
            let error = io::Error::other(format!(
                "it is {kind}; only files, directories and block devices can be estimated"
            ));
            Found::Failed { path, error }
        };
        visit(found)
    }

    fn visit_directory(
        &mut self,
        root: &Path,
        visit: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.root = root.into();
        let mut entries = WalkDir::new(root).into_iter();
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    visit(failed(root, error))?;
                    continue;
                }
            };
            // A link given as a path counts as what it leads to (invariant 3).
            let is_directory = entry.file_type().is_dir() || entry.depth() == 0;
            let (path, depth) = (entry.path(), entry.depth());
            if self.filters.leaves_out(root, path, depth, is_directory) {
                if is_directory {
                    entries.skip_current_dir();
                }
                visit(Found::Filtered)?;
            } else if is_directory && !self.enters(&entry) {
                entries.skip_current_dir();
            } else if is_directory {
                if let Err((path, error)) = self.filters.enter(path, depth) {
                    visit(Found::Failed { path, error: io::Error::other(error) })?;
                }
            } else {
                if let Some(found) = self.classify(&entry) {
                    visit(found)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether a directory is new, and holds files.
    fn enters(&mut self, entry: &DirEntry) -> bool {
        // One that cannot be examined cannot be read either: reading it reports why.
        let Ok(metadata) = fs::metadata(entry.path()) else { return true };
        if entry.depth() == 0 {
            self.root_device = metadata.dev();
        } else if self.one_file_system && metadata.dev() != self.root_device {
            return false;
        }
        let is_pseudo = *self
            .pseudo
            .entry(metadata.dev())
            .or_insert_with(|| is_pseudo_file_system(entry.path()));
        self.seen.insert((metadata.dev(), metadata.ino())) && (entry.depth() == 0 || !is_pseudo)
    }

    /// What an entry of a directory is, or nothing if it was found before.
    fn classify(&mut self, entry: &DirEntry) -> Option<Found> {
        if entry.file_type().is_symlink() {
            return Some(Found::Symlink);
        }
        if !entry.file_type().is_file() {
            return Some(Found::Special);
        }
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) => return Some(failed(entry.path(), error)),
        };
        let identity = (metadata.dev(), metadata.ino());
        if self.excluded.contains(&identity) {
            return Some(Found::Excluded);
        }
        let is_known = if metadata.nlink() > 1 {
            !self.seen.insert(identity)
        } else {
            self.seen.contains(&identity)
        };
        if is_known {
            return (metadata.nlink() > 1).then_some(Found::HardLink);
        }
        let path = entry.path().to_path_buf();
        let root = Arc::clone(&self.root);
        Some(Found::File { path, bytes: metadata.len(), inode: metadata.ino(), root })
    }
}

fn failed(known_path: &Path, error: walkdir::Error) -> Found {
    let is_gone = error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
    if is_gone && error.depth() > 0 {
        return Found::Vanished;
    }
    let path = error.path().unwrap_or(known_path).to_path_buf();
    let error = error.into_io_error().unwrap_or_else(|| io::Error::other("it contains itself"));
    Found::Failed { path, error }
}

/// Which block device: no file system has this number, so devices and files cannot be confused.
pub(crate) fn device_identity(metadata: &Metadata) -> Identity {
    (u64::MAX, metadata.rdev())
}

/// The bytes of a block device: where seeking to its end leads.
fn device_bytes(path: &Path) -> io::Result<u64> {
    io::Seek::seek(&mut fs::File::open(path)?, io::SeekFrom::End(0))
}

fn special_kind(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() {
        "a character device"
    } else {
        "of an unknown kind"
    }
}

/// Whether the directory shows the kernel's state: sizes there mean nothing, and some files
/// pretend to hold all memory. Those of Linux that an estimate of `/` would meet.
fn is_pseudo_file_system(path: &Path) -> bool {
    const PROC: FsWord = 0x9fa0;
    const SYSFS: FsWord = 0x6265_6572;
    const CGROUP2: FsWord = 0x6367_7270;
    const DEBUGFS: FsWord = 0x6462_6720;
    const TRACEFS: FsWord = 0x7472_6163;
    rustix::fs::statfs(path)
        .is_ok_and(|status| [PROC, SYSFS, CGROUP2, DEBUGFS, TRACEFS].contains(&status.f_type))
}

#[cfg(test)]
mod tests;
