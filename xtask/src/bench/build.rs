//! Building benchmarks, and where cargo puts them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde::Deserialize;

use super::{MICRO, Mode};
use crate::shell::Cmd;
use crate::workspace::Workspace;

/// A built benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The folder of its crate.
    pub(crate) package: String,
    pub(crate) target: String,
    pub(crate) path: PathBuf,
}

/// A working tree, and where it is built.
pub(crate) struct Side {
    pub(crate) root: PathBuf,
    pub(crate) target_directory: PathBuf,
}

/// A message of cargo, as far as it is needed.
#[derive(Deserialize)]
struct Message {
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Program {
    /// Whether it has a crate's micro-benchmarks.
    pub(crate) fn is_micro(&self) -> bool {
        self.target == MICRO
    }
}

impl Side {
    /// This working tree.
    pub(crate) fn ours(workspace: &Workspace) -> Self {
        let target_directory = workspace.target_directory.clone();
        Self { root: workspace.root.clone(), target_directory }
    }
}

/// Builds bench targets, and returns them in the order of their crates.
pub(crate) fn build(side: &Side, targets: &BTreeSet<&str>, mode: Mode) -> Result<Vec<Program>> {
    let command = command(side, targets, mode);
    println!("$ {command}");
    let mut programs = programs(&command.read()?)?;
    programs
        .sort_by(|one, other| (&one.package, &one.target).cmp(&(&other.package, &other.target)));
    if programs.is_empty() {
        bail!("`{command}` built no program");
    }
    Ok(programs)
}

fn command(side: &Side, targets: &BTreeSet<&str>, mode: Mode) -> Cmd {
    // Targets by name, because otherwise every crate's unit tests are built as benchmarks, too.
    // The whole workspace, because a choice of crates changes the features of dependencies, and
    // so compiles them once more.
    let profile: &[&str] = if mode == Mode::TinyAsTested { &["--profile", "dev"] } else { &[] };
    Cmd::cargo(&side.root, ["bench", "--workspace", "--no-run"])
        .args(["--message-format", "json-render-diagnostics"])
        .args(targets.iter().flat_map(|target| ["--bench", target]))
        .args(profile)
        .env("CARGO_TARGET_DIR", &side.target_directory)
}

/// The benchmarks among what cargo says it has built.
fn programs(messages: &str) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    for line in messages.lines().filter(|line| line.starts_with('{')) {
        let message: Message = serde_json::from_str(line)?;
        let (Some(target), Some(path)) = (message.target, message.executable) else { continue };
        if target.kind.iter().any(|kind| kind == "bench") {
            let folder = message.manifest_path.as_deref().and_then(Path::parent);
            let package = folder.and_then(Path::file_name).unwrap_or_default();
            let package = package.to_string_lossy().into_owned();
            programs.push(Program { package, target: target.name, path });
        }
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against a gate that measures, or that builds the world a second time.
    #[test]
    fn each_mode_has_its_own_flags() {
        let side = Side { root: "/w".into(), target_directory: "/t".into() };
        let targets = BTreeSet::from(["posts", "micro"]);
        let always = "CARGO_TARGET_DIR=/t cargo bench --workspace --no-run --message-format \
                      json-render-diagnostics --bench micro --bench posts";
        let text = |mode| command(&side, &targets, mode).to_string();
        assert_eq!(text(Mode::Full), always);
        assert_eq!(text(Mode::Tiny), always);
        assert_eq!(text(Mode::TinyAsTested), format!("{always} --profile dev"));
    }

    // Guards against libraries and build scripts that are taken for benchmarks.
    #[test]
    fn benchmarks_are_told_from_all_else() {
        let messages = r#"
{"manifest_path":"/w/a/Cargo.toml","target":{"name":"a","kind":["lib"]},"executable":null}
{"reason":"build-script-executed","package_id":"x"}
{"manifest_path":"/w/a/Cargo.toml","target":{"name":"micro","kind":["bench"]},"executable":"/t/m-1"}
{"manifest_path":"/w/a/Cargo.toml","target":{"name":"a","kind":["bin"]},"executable":"/t/a"}
{"reason":"build-finished","success":true}
"#;
        let wanted = Program { package: "a".into(), target: "micro".into(), path: "/t/m-1".into() };
        assert_eq!(programs(messages).unwrap(), [wanted]);
    }
}
