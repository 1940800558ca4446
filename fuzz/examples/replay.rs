//! Runs a fuzz target on files, with any toolchain: `replay TARGET FILE_OR_FOLDER...`. A finding
//! panics, after the file's name was printed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

use uds_fuzz::TARGETS;

fn main() -> io::Result<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some((_, target)) = TARGETS.iter().find(|(target, _)| name == *target) else {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: replay TARGET FILE_OR_FOLDER...; targets: {}", names.join(", "));
        return Ok(ExitCode::from(2));
    };
    let mut count = 0;
    for path in arguments.map(PathBuf::from) {
        let mut files = vec![path.clone()];
        if path.is_dir() {
            let entries = fs::read_dir(&path)?.map(|entry| entry.map(|entry| entry.path()));
            files = entries.collect::<io::Result<_>>()?;
            files.sort();
        }
        for file in files {
            let bytes = fs::read(&file)?;
            // A panic's message follows the file that it is about.
            let shown = Shown(&file);
            target(&bytes);
            std::mem::forget(shown);
            count += 1;
        }
    }
    println!("{count} inputs, nothing found");
    Ok(ExitCode::SUCCESS)
}

/// Says which file it was, if it goes in a panic.
struct Shown<'a>(&'a std::path::Path);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        eprintln!("the input was {}", self.0.display());
    }
}
