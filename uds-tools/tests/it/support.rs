//! Running the command, and making files for it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;
use uds_geometry::{
    Configuration, CustomConfiguration, LayoutSizes, Nonce, RecordData, RecordName,
};
use uds_index::{Batch, CreateOptions, Index};
use uds_volume::FileStorage;
pub(crate) use uds_volume::sim::Random;

use crate::schema;

pub(crate) const BLOCK: usize = 4096;

/// Held by all who start a program, and by one alone who closes a file that others are to open: a
/// program that is about to start has a copy of every open file, and of its lock, for a moment.
static STARTING: RwLock<()> = RwLock::new(());

/// Starts a program.
pub(crate) fn start(command: &mut Command) -> io::Result<Child> {
    let _starting = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Runs a program to its end. What it prints as JSON must be as its schema says.
#[track_caller]
pub(crate) fn finish(command: &mut Command) -> Ran {
    let child = start(command).unwrap();
    ended(child, command)
}

/// Waits until a program that `command` has started ends, and checks its output as [`finish`] does.
#[track_caller]
pub(crate) fn ended(child: Child, command: &Command) -> Ran {
    let ran = Ran::from(child.wait_with_output().unwrap());
    schema::check(command, &ran);
    ran
}

/// Does something while no program is about to start.
pub(crate) fn alone<T>(act: impl FnOnce() -> T) -> T {
    let _nobody_starts = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    act()
}

/// The program under test, with a temporary directory of its own on the disk of the build.
pub(crate) struct Uds {
    pub(crate) directory: tempfile::TempDir,
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Uds {
    pub(crate) fn new() -> Self {
        // Not in /tmp, which may be a small memory file system.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A command that runs in the temporary directory, so that paths can be relative.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_uds"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env("TMPDIR", self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        finish(&mut self.command(arguments))
    }

    /// Runs it under a limit that a shell sets: `ulimit -f` for the size of the files that it
    /// writes, in blocks of 512 bytes, `ulimit -v` for its memory, in KiB.
    pub(crate) fn run_limited(&self, limit: &str, arguments: &[&str]) -> Ran {
        let program = self.command(arguments);
        let script = format!("{limit} && exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).arg(program.get_program()).args(program.get_args());
        shell.current_dir(self.directory.path()).env("TMPDIR", self.directory.path());
        finish(shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Runs `estimate --format json` and gives the JSON object; the run must succeed.
    pub(crate) fn estimate(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["estimate", "--format", "json"];
        all.extend(arguments);
        let ran = self.run(&all);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        ran.json()
    }

    /// Writes a file, and the directories that it needs.
    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Makes a saved index of the given number of chapters, 1024 records each, that holds
    /// `records` records of its own.
    pub(crate) fn small_index(&self, name: &str, chapters: u32, records: u64) -> PathBuf {
        let path = self.path(name);
        let custom = CustomConfiguration {
            record_pages_per_chapter: 1,
            chapters_per_volume: chapters,
            ..CustomConfiguration::default()
        };
        let configuration = Configuration::custom(&custom).unwrap();
        let bytes = LayoutSizes::new(&configuration.geometry()).unwrap().total_bytes();
        let storage = Arc::new(FileStorage::create(&path, bytes).unwrap());
        let options = CreateOptions { nonce: Nonce::new(77), ..CreateOptions::default() };
        let index = Index::create(storage.clone(), &configuration, &options).unwrap();
        let mut batch = Batch::new();
        for number in 0..records {
            let name = RecordName::of_block(format!("record {number}").as_bytes());
            batch.post(name, RecordData::default());
        }
        index.run(&mut batch).unwrap();
        index.close().unwrap();
        alone(|| drop(storage));
        path
    }
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts a failure: its exit code, one message, nothing on standard output.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "");
        assert!(self.stderr.starts_with("uds: ") || code == 2, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {:?}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Says that a test could not test anything here. Not `eprintln!`, which nobody sees in a test that
/// passes.
pub(crate) fn skipped(test: &str, reason: &str) {
    let _ = writeln!(io::stderr().lock(), "SKIPPED {test}: {reason}");
}

/// The bytes of a file, reduced to what two equal files share.
pub(crate) fn fingerprint(path: &Path) -> (u64, blake3::Hash) {
    let content = fs::read(path).unwrap();
    (content.len() as u64, blake3::hash(&content))
}

/// A block whose content is its number, and nothing else like it. Block 0 is all zeroes.
pub(crate) fn block(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(BLOCK / 8)
}

/// Blocks one after the other.
pub(crate) fn blocks(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    numbers.into_iter().flat_map(block).collect()
}
