//! The files of the repository, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::mask::mask;

/// Folders that hold no source, where there is no git to say so.
const IGNORED_FOLDERS: [&str; 2] = [".git", "target"];

/// The files of a repository.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, SourceFile>,
    /// All files and folders, those included that hold no text.
    paths: BTreeSet<String>,
}

/// A text file.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to the repository's root, with `/` between names.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text of a Rust file, with comments and the insides of literals blanked out,
    /// line for line. Empty for other files.
    pub(crate) code: String,
}

impl Tree {
    /// Reads what git tracks below `root`; where there is no git, all files that are there.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let listed = tracked(root).map_or_else(|| walked(root), Ok)?;
        let mut tree = Self::default();
        for path in listed {
            let full = root.join(&path);
            // Git goes on listing a file that was removed but not committed.
            if !full.is_file() {
                continue;
            }
            let bytes = fs::read(&full).with_context(|| format!("cannot read {path}"))?;
            tree.add(path, bytes);
        }
        Ok(tree)
    }

    fn add(&mut self, path: String, bytes: Vec<u8>) {
        let folders = path.match_indices('/').map(|(end, _)| path[..end].to_owned());
        self.paths.extend(folders);
        self.paths.insert(path.clone());
        let Ok(text) = String::from_utf8(bytes) else { return };
        if text.contains('\0') {
            return;
        }
        let code = if has_extension(&path, "rs") { mask(&text) } else { String::new() };
        self.files.insert(path.clone(), SourceFile { path, text, code });
    }

    /// How many text files there are.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// All text files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.values()
    }

    /// All files whose names end in `.extension`.
    pub(crate) fn with_extension(&self, extension: &str) -> impl Iterator<Item = &SourceFile> {
        self.files().filter(move |file| has_extension(&file.path, extension))
    }

    /// The text file at a path.
    pub(crate) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.get(path)
    }

    /// Whether there is a file or a folder at a path; the root is the empty path.
    pub(crate) fn exists(&self, path: &str) -> bool {
        path.is_empty() || self.paths.contains(path)
    }
}

impl SourceFile {
    /// The name without its folders.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The lines with their numbers, counted from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// The number of the line of a position in the text or the code.
    pub(crate) fn line_of(&self, position: usize) -> usize {
        1 + self.code.as_bytes()[..position].iter().filter(|&&byte| byte == b'\n').count()
    }
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn tracked(root: &Path) -> Option<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z"]).current_dir(root).stdin(Stdio::null()).stderr(Stdio::null());
    let output = git.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<_> = text.split_terminator('\0').map(str::to_owned).collect();
    // An unpacked archive inside some other repository: git knows it, but tracks nothing of it.
    if paths.is_empty() { None } else { Some(paths) }
}

fn walked(root: &Path) -> Result<Vec<String>> {
    let wanted = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        !(entry.file_type().is_dir() && IGNORED_FOLDERS.contains(&&*name))
    };
    let mut paths = Vec::new();
    for entry in walkdir::WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(wanted) {
        let entry = entry.context("cannot list the repository")?;
        if !entry.file_type().is_file() {
            continue;
        }
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let names: Vec<_> = relative.iter().map(|name| name.to_string_lossy()).collect();
        paths.push(names.join("/"));
    }
    Ok(paths)
}

#[cfg(test)]
impl Tree {
    /// A tree of these paths and texts.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add((*path).to_owned(), text.as_bytes().to_vec());
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the way that a downloaded archive takes: no git, the same files.
    #[test]
    fn a_folder_without_git_is_walked() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["src/a.rs", "target/debug/b.rs", ".git/c.rs", "src/target.rs", "binary"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, if cfg!(windows) { b"\0" } else { b"\xff" }).unwrap();
        }
        fs::write(folder.path().join("src/a.rs"), "//! x\n").unwrap();
        assert_eq!(walked(folder.path()).unwrap(), ["binary", "src/a.rs", "src/target.rs"]);
        let tree = Tree::load(folder.path()).unwrap();
        assert_eq!(tree.len(), 1);
        assert!(tree.exists("binary") && tree.exists("src") && !tree.exists("target"));
    }

    // Guards against checks that pass because they were given nothing.
    #[test]
    fn this_repository_has_files() {
        let tree = Tree::load(&crate::workspace::root()).unwrap();
        assert!(tree.file("xtask/src/main.rs").unwrap().code.contains("fn main()"));
        assert!(tree.file("Cargo.toml").unwrap().code.is_empty());
        assert!(tree.with_extension("rs").count() > 20);
    }
}
