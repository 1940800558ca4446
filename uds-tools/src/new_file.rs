//! A new file with a text: wholly there, or not at all.
//!
//! # Invariants
//!
//! 1. The file gets its name when all of it is durable. Until then it has another one, which does
//!    not outlive the command.
//! 2. Without `force` nothing that exists is replaced; with it, a file is, but never the index.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::exit::{Exit, Failure};
use crate::stop::Stop;

/// A file to be made.
#[derive(Debug)]
pub(crate) struct NewFile<'a> {
    path: &'a Path,
    force: bool,
}

impl<'a> NewFile<'a> {
    /// Checks that the file may be made, or replaced where `force` says so. `index` is what it is
    /// made from, if there is one.
    pub(crate) fn plan(path: &'a Path, force: bool, index: Option<&Path>) -> Result<Self, Failure> {
        let Ok(found) = fs::metadata(path) else {
            let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
            if let Some(Err(error)) = directory.map(fs::metadata) {
                let named = anyhow::Error::new(error).context(format!("cannot write {path:?}"));
                return Err(Failure::new(Exit::InputOutput, named));
            }
            // Whether it can be made shows when it is; a link that leads nowhere is something.
            return match fs::symlink_metadata(path) {
                Ok(_) if !force => Err(exists(path)),
                _ => Ok(Self { path, force }),
            };
        };
        let identity = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
        if index
            .and_then(|index| fs::metadata(index).ok())
            .is_some_and(|index| identity(&index) == identity(&found))
        {
            return Err(Failure::usage(format_args!("{path:?} is the index; choose another file")));
        }
        if !found.is_file() {
            return Err(Failure::usage(format_args!(
                "{path:?} is not a file; choose another name"
            )));
        }
        if force { Ok(Self { path, force }) } else { Err(exists(path)) }
    }

    /// Writes the file.
    pub(crate) fn write(&self, text: &str, stop: &Stop) -> Result<(), Failure> {
        self.write_with(stop, |mut file| Ok(file.write_all(text.as_bytes())?))
    }

    /// Makes the file of what `fill` writes.
    pub(crate) fn write_with(
        &self,
        stop: &Stop,
        fill: impl FnOnce(&File) -> anyhow::Result<()>,
    ) -> Result<(), Failure> {
        let failed = |error| Failure::new(Exit::InputOutput, error);
        let named = || format!("cannot write {:?}", self.path);
        let unfinished = self.unfinished().with_context(named).map_err(failed)?;
        let make = || OpenOptions::new().write(true).create_new(true).open(&unfinished);
        let file = stop.begin_file(&unfinished, make).with_context(named).map_err(failed)?;
        let written = fill(&file).and_then(|()| Ok(file.sync_all()?));
        let written = written.with_context(named).map_err(failed);
        let result = written.and_then(|()| match self.give_name(&unfinished) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(exists(self.path)),
            result => result.with_context(named).map_err(failed),
        });
        // Gone already where it was renamed.
        let _ = fs::remove_file(&unfinished);
        stop.end_file();
        result
    }

    /// Another name in the same directory.
    fn unfinished(&self) -> std::io::Result<PathBuf> {
        let name = self.path.file_name().ok_or(ErrorKind::InvalidInput)?;
        let mut other = OsString::from(".");
        other.push(name);
        other.push(format!(".{}.unfinished", std::process::id()));
        Ok(self.path.with_file_name(other))
    }

    fn give_name(&self, unfinished: &Path) -> std::io::Result<()> {
        if self.force {
            return fs::rename(unfinished, self.path);
        }
        // Unlike a renaming, a link does not replace what somebody has made meanwhile.
        match fs::hard_link(unfinished, self.path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                // Not every file system has links.
                if fs::symlink_metadata(self.path).is_ok() {
                    return Err(ErrorKind::AlreadyExists.into());
                }
                fs::rename(unfinished, self.path)
            }
            result => result,
        }
    }
}

fn exists(path: &Path) -> Failure {
    Failure::usage(format_args!(
        "{path:?} is there already; choose another file, or add --force to overwrite it"
    ))
}
