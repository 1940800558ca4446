//! Commands: a program, its arguments, its environment and its folder, with no shell in between.
//!
//! Invariants:
//! 1. A command that [`Cmd::run`] starts has been printed, as it could be typed.
//! 2. No command reads the terminal: standard input is empty.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A command to run.
#[derive(Debug)]
pub(crate) struct Cmd {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    folder: PathBuf,
}

impl Cmd {
    /// `program`, to run in `folder`.
    pub(crate) fn new(program: impl Into<OsString>, folder: &Path) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: folder.to_owned(),
        }
    }

    /// `cargo` with these arguments, to run in `folder`.
    pub(crate) fn cargo<S: AsRef<OsStr>>(
        folder: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::new("cargo", folder).args(arguments)
    }

    /// Adds arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Prints the command and runs it, its output going where ours goes.
    pub(crate) fn run(&self) -> Result<()> {
        println!("$ {self}");
        let status = self.command().status().with_context(|| format!("cannot start `{self}`"))?;
        if !status.success() {
            bail!("`{self}` failed ({status})");
        }
        Ok(())
    }

    /// Prints the command and runs it, its output going to a file. Says whether it succeeded.
    pub(crate) fn run_into(&self, file: &Path) -> Result<bool> {
        println!("$ {self} > {}", file.display());
        let doing = || format!("cannot write {}", file.display());
        let output = File::create(file).with_context(doing)?;
        let errors = output.try_clone().with_context(doing)?;
        let mut command = self.command();
        command.stdout(output).stderr(errors);
        let status = command.status().with_context(|| format!("cannot start `{self}`"))?;
        Ok(status.success())
    }

    /// Runs the command and returns what it printed. Its errors go where ours go.
    pub(crate) fn read(&self) -> Result<String> {
        let output = self
            .command()
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start `{self}`"))?;
        if !output.status.success() {
            bail!("`{self}` failed ({})", output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{self}` printed no UTF-8"))
    }

    /// Runs the command, and returns what it printed, which is printed here too, also where it
    /// fails. Its errors go where ours go.
    pub(crate) fn read_through(&self) -> Result<String> {
        let output = self
            .command()
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start `{self}`"))?;
        print!("{}", String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            bail!("`{self}` failed ({})", output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{self}` printed no UTF-8"))
    }

    /// Runs the command and returns what it printed. Its errors are shown only where it fails.
    pub(crate) fn read_quietly(&self) -> Result<String> {
        let output = self.command().output().with_context(|| format!("cannot start `{self}`"))?;
        if !output.status.success() {
            print!("{}", String::from_utf8_lossy(&output.stdout));
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            bail!("`{self}` failed ({})", output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{self}` printed no UTF-8"))
    }

    /// Whether the command exists and succeeds. Prints nothing: it asks, for example, whether
    /// a tool is installed.
    pub(crate) fn succeeds(&self) -> bool {
        let status = self.command().stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder).stdin(Stdio::null());
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        if self.environment.iter().any(|(name, _)| *name == "RUSTFLAGS") {
            // Cargo prefers the encoded form, and would then ignore ours.
            command.env_remove("CARGO_ENCODED_RUSTFLAGS");
        }
        command
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        write!(f, "{}", quoted(&self.program))?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", quoted(argument)))
    }
}

/// The word as a POSIX shell would need it.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the printed command: whoever copies it must run what ran here.
    #[test]
    fn commands_print_as_they_could_be_typed() {
        let command = Cmd::cargo(Path::new("."), ["doc", "--bench", "*", "it's", ""])
            .env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            command.to_string(),
            r"RUSTDOCFLAGS='-D warnings' cargo doc --bench '*' 'it'\''s' ''"
        );
    }

    // Guards against a gate that takes a failed or a missing command for a passed one.
    #[test]
    fn failures_are_errors() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(Cmd::cargo(folder, ["--version"]).run().is_ok());
        let error = Cmd::cargo(folder, ["no-such-command"]).run().unwrap_err();
        assert!(error.to_string().starts_with("`cargo no-such-command` failed"), "{error}");
        let error = Cmd::new("no-such-program", folder).run().unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
        assert!(!Cmd::new("no-such-program", folder).succeeds());
    }
}
