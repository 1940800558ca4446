//! The folder that a store is measured in.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The unit in which systems count what a file takes, whatever its blocks are.
const SECTOR: u64 = 512;

/// A folder that exists as long as this does.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes a folder that was not there.
    pub(crate) fn create(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("uds-compare: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// What the files of a folder take on storage, in bytes: holes count nothing. What cannot be read,
/// because a store has just removed it, counts nothing either.
pub(crate) fn bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let of_entry = |entry: fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes(&entry.path()),
        Ok(data) => data.blocks() * SECTOR,
        Err(_) => 0,
    };
    entries.flatten().map(of_entry).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the column of LMDB and fjall, which make files longer than what is in them.
    #[test]
    fn holes_count_nothing_and_folders_all_that_is_in_them() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::create(outer.path().join("a")).unwrap();
        let path = folder.path().to_owned();
        fs::create_dir(path.join("b")).unwrap();
        fs::write(path.join("b/c"), vec![1; 100_000]).unwrap();
        fs::File::create(path.join("d")).unwrap().set_len(1 << 30).unwrap();
        let bytes = bytes(outer.path());
        assert!((100_000..10_000_000).contains(&bytes), "{bytes}");
        drop(folder);
        assert!(!path.exists());
    }
}
