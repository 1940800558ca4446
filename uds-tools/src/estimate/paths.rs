//! The paths to scan: those of the command line, then those of `--files-from`.
//!
//! # Invariants
//!
//! 1. A list is read as a stream, once, while the scan runs: it can have any length, and its writer
//!    can still be at work.
//! 2. A second reading is offered only of what can be read twice: a file, not a pipe.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::exit::{Exit, Failure};

/// The longest path of a list, to tell a list from something else. Systems take less.
const LONGEST: u64 = 64 << 10;

/// A path, or the name of a list and why it cannot be read any further.
pub(crate) type Listed<'a> = Result<&'a Path, (&'a Path, io::Error)>;

/// Paths in the order in which they are to be visited.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    given: Vec<PathBuf>,
    list: Option<List>,
}

struct List {
    /// What the list is called in messages.
    name: PathBuf,
    /// Where the list comes from; taken by the first reading.
    reader: Mutex<Option<Box<dyn BufRead + Send>>>,
    /// What ends a path.
    end: u8,
    /// What to open for another reading.
    again: Option<PathBuf>,
}

impl Paths {
    /// Paths, and a list of more: `-` is standard input. With `null` each path of the list ends
    /// with a NUL, otherwise with a newline.
    pub(crate) fn open(
        given: &[PathBuf],
        list: Option<&Path>,
        null: bool,
    ) -> Result<Self, Failure> {
        let list = list.map(|path| List::open(path, if null { 0 } else { b'\n' })).transpose()?;
        Ok(Self { given: given.to_vec(), list })
    }

    /// The same paths for another reading, or nothing where they can be read only once.
    pub(crate) fn again(&self) -> Option<Self> {
        let list = match &self.list {
            None => None,
            Some(List { name, again, end, .. }) => {
                let reader = BufReader::new(File::open(again.as_ref()?).ok()?);
                let reader: Box<dyn BufRead + Send> = Box::new(reader);
                let reader = Mutex::new(Some(reader));
                Some(List { name: name.clone(), reader, end: *end, again: None })
            }
        };
        Some(Self { given: self.given.clone(), list })
    }

    /// Visits all paths until `visit` breaks. A list that cannot be read to its end is an error,
    /// with the list's name.
    pub(crate) fn each(
        &self,
        visit: &mut dyn FnMut(Listed<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.given.iter().try_for_each(|path| visit(Ok(path)))?;
        let Some(list) = &self.list else { return ControlFlow::Continue(()) };
        let reader = list.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut reader) = reader else { return ControlFlow::Continue(()) };
        let mut path = Vec::new();
        loop {
            match next_path(&mut reader, list.end, path) {
                Ok(None) => return ControlFlow::Continue(()),
                Ok(Some(found)) => {
                    visit(Ok(&found))?;
                    path = found.into_os_string().into_vec();
                }
                Err(error) => return visit(Err((&list.name, error))),
            }
        }
    }
}

#[cfg(test)]
impl From<Vec<PathBuf>> for Paths {
    fn from(given: Vec<PathBuf>) -> Self {
        Self { given, list: None }
    }
}

impl List {
    fn open(path: &Path, end: u8) -> Result<Self, Failure> {
        let failed = |error| {
            Failure::new(Exit::InputOutput, anyhow::Error::new(error))
                .about(format!("cannot read the list {path:?}"))
        };
        let (name, file, reader): (PathBuf, _, Box<dyn BufRead + Send>) = if path.as_os_str() == "-"
        {
            let reader = BufReader::new(io::stdin());
            ("standard input".into(), Path::new("/dev/stdin"), Box::new(reader))
        } else {
            let reader = BufReader::new(File::open(path).map_err(failed)?);
            (path.into(), path, Box::new(reader))
        };
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let again = is_file.then(|| file.to_path_buf());
        Ok(Self { name, reader: Mutex::new(Some(reader)), end, again })
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("List").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The next path that is not empty, in the memory of the last one; nothing at the list's end.
fn next_path(reader: &mut dyn BufRead, end: u8, mut path: Vec<u8>) -> io::Result<Option<PathBuf>> {
    loop {
        path.clear();
        if reader.take(LONGEST).read_until(end, &mut path)? == 0 {
            return Ok(None);
        }
        if path.last() == Some(&end) {
            path.pop();
        } else if path.len() as u64 == LONGEST {
            let ending = if end == 0 { "NUL" } else { "newline" };
            return Err(io::Error::other(format!(
                "it has {LONGEST} bytes without a {ending}, which no path has; --null says that \
                 paths end with a NUL, and without it they end with a newline"
            )));
        }
        if !path.is_empty() {
            return Ok(Some(PathBuf::from(std::ffi::OsString::from_vec(path))));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// All paths, and the error if there was one.
    fn all(paths: &Paths) -> (Vec<PathBuf>, Option<String>) {
        let (mut found, mut failed) = (Vec::new(), None);
        let _ = paths.each(&mut |path| {
            match path {
                Ok(path) => found.push(path.to_path_buf()),
                Err((name, error)) => failed = Some(format!("{}: {error}", name.display())),
            }
            ControlFlow::Continue(())
        });
        (found, failed)
    }

    fn list(content: &[u8], null: bool) -> (Vec<PathBuf>, Option<String>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list");
        fs::write(&path, content).unwrap();
        let paths = Paths::open(&["given".into()], Some(&path), null).unwrap();
        let again = paths.again().unwrap();
        let found = all(&paths);
        assert_eq!(all(&again).0, found.0, "a file can be read again");
        assert!(all(&paths).0.len() <= 1, "its first reading is over");
        found
    }

    // Guards the ends of paths: a last one without an end, empty lines, and newlines in names.
    #[test]
    fn lists_are_lines_or_end_with_nul() {
        let names = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let (found, failed) = list(b"a\n\nb c\n/d/e", false);
        assert_eq!((found, failed), (names(&["given", "a", "b c", "/d/e"]), None));
        let (found, _) = list(b"a\nb\0c\0", true);
        assert_eq!(found, names(&["given", "a\nb", "c"]));
        let (found, _) = list(b"", false);
        assert_eq!(found, names(&["given"]));
    }

    // Guards against memory that a wrong file fills, and against a list that ends silently.
    #[test]
    fn what_is_no_list_is_told() {
        let (found, failed) = list(&[b'x'; 100_000], false);
        let failed = failed.unwrap();
        assert!(found.len() == 1 && failed.contains("65536 bytes without a newline"), "{failed}");
        let missing = Paths::open(&[], Some(Path::new("no/such/list")), false).unwrap_err();
        assert_eq!(missing.exit, Exit::InputOutput);
        assert!(missing.to_string().contains("cannot read the list \"no/such/list\""), "{missing}");
    }
}
