//! The tests of threads and of the page cache's `unsafe` under the sanitizers, and under Miri.
//!
//! They need a nightly toolchain; the thread sanitizer also needs its `rust-src`, because the
//! standard library must be compiled with it too: without, every mutex that two threads wait
//! for looks like a race. What is missing is said, and skipped.

use anyhow::{Result, bail};

use crate::shell::Cmd;
use crate::workspace::Workspace;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Parts of the names of the tests that run under the sanitizers: those with threads.
const TESTS: [&str; 12] = [
    "ahead",
    "cache",
    "conformance",
    "read_queue",
    "readers",
    "recovery",
    "sessions",
    "slow_reads",
    "sparse",
    "stress",
    "threads",
    "walks",
];

/// The tests that Miri runs: those of the cache's `unsafe` that it can do in a minute.
const MIRI_TESTS: [&str; 3] = ["cache::tests::forgotten", "cache::tests::a_", "read_queue"];

/// Options of `cargo xtask sanitize`.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Which checker; all of them by default.
    #[arg(value_enum)]
    tool: Option<Tool>,
}

/// What looks at the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Tool {
    /// The address sanitizer.
    Address,
    /// The thread sanitizer.
    Thread,
    /// The interpreter that knows undefined behaviour when it sees it.
    Miri,
}

/// Runs the tests under each tool that is there.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::load()?;
    let mut failed = Vec::new();
    for tool in [Tool::Address, Tool::Thread, Tool::Miri] {
        if options.tool.is_some_and(|wanted| wanted != tool) {
            continue;
        }
        if let Some(missing) = missing(&workspace, tool) {
            println!("{tool:?}: skipped, {missing}");
            continue;
        }
        let started = std::time::Instant::now();
        match command(&workspace, tool).run() {
            Ok(()) => println!("{tool:?}: nothing found, {} s", started.elapsed().as_secs()),
            Err(error) => {
                println!("{tool:?}: {error}");
                failed.push(tool);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("found something: {failed:?}") }
}

/// What a tool needs that is not here.
fn missing(workspace: &Workspace, tool: Tool) -> Option<&'static str> {
    let nightly = |arguments: &[&str]| Cmd::cargo(&workspace.root, ["+nightly"]).args(arguments);
    if !nightly(&["--version"]).succeeds() {
        return Some("there is no nightly toolchain: `rustup toolchain install nightly`");
    }
    let sysroot = Cmd::new("rustc", &workspace.root).args(["+nightly", "--print", "sysroot"]);
    let library = "lib/rustlib/src/rust/library/Cargo.lock";
    let has_sources = || {
        let sysroot = sysroot.read().unwrap_or_default();
        std::path::Path::new(sysroot.trim()).join(library).exists()
    };
    match tool {
        Tool::Thread if !has_sources() => {
            Some("the library's sources are not here: `rustup +nightly component add rust-src`")
        }
        Tool::Miri if !nightly(&["miri", "--version"]).succeeds() => {
            Some("Miri is not here: `rustup +nightly component add miri rust-src`")
        }
        _ => None,
    }
}

fn command(workspace: &Workspace, tool: Tool) -> Cmd {
    let folder = match tool {
        Tool::Address => "sanitize-address",
        Tool::Thread => "sanitize-thread",
        Tool::Miri => "miri",
    };
    let target = workspace.target_directory.join(folder);
    let cargo = Cmd::cargo(&workspace.root, ["+nightly"]);
    let folder = ["--target-dir".as_ref(), target.as_os_str()];
    if tool == Tool::Miri {
        return cargo
            .args(["miri", "test", "--package", "uds-volume", "--lib"])
            .args(folder)
            .args(["--"])
            .args(MIRI_TESTS)
            .env("MIRIFLAGS", "-Zmiri-disable-isolation");
    }
    let cargo = cargo.args(["test", "--target", TARGET]).args(folder);
    let cargo = if tool == Tool::Thread { cargo.args(["-Zbuild-std"]) } else { cargo };
    let flag = if tool == Tool::Thread { "thread" } else { "address" };
    cargo
        .args(
            ["uds-delta-index", "uds-volume", "uds-index"].map(|name| format!("--package={name}")),
        )
        .args(["--lib", "--test", "it"])
        .args(["--"])
        .args(TESTS)
        .env("RUSTFLAGS", format!("-Zsanitizer={flag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the flags: without them the tests run, pass, and prove nothing.
    #[test]
    fn each_tool_gets_its_flags() {
        let workspace = Workspace::load().unwrap();
        let text = |tool| command(&workspace, tool).to_string();
        assert!(text(Tool::Address).starts_with("RUSTFLAGS=-Zsanitizer=address cargo +nightly"));
        let thread = text(Tool::Thread);
        assert!(thread.starts_with("RUSTFLAGS=-Zsanitizer=thread cargo +nightly"), "{thread}");
        assert!(thread.contains(" -Zbuild-std "), "{thread}");
        assert!(text(Tool::Miri).contains("cargo +nightly miri test"), "{}", text(Tool::Miri));
    }
}
