//! What `cargo metadata` says about the workspace: its crates, their targets, all dependencies.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::shell::Cmd;

/// The workspace and everything it depends on.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    pub(crate) target_directory: PathBuf,
    workspace_members: Vec<String>,
    pub(crate) packages: Vec<Package>,
}

/// A crate: one of ours or a dependency.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// An SPDX expression.
    pub(crate) license: Option<String>,
    pub(crate) license_file: Option<PathBuf>,
    pub(crate) rust_version: Option<String>,
    /// Where it was downloaded from; absent for a folder of this repository.
    pub(crate) source: Option<String>,
    targets: Vec<Target>,
    /// The registries that it may be published to; an empty list is `publish = false`.
    pub(crate) publish: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Workspace {
    /// Asks cargo, which fetches what `Cargo.lock` names and is not here yet.
    pub(crate) fn load() -> Result<Self> {
        let text = Cmd::cargo(&root(), ["metadata", "--format-version", "1"]).read()?;
        serde_json::from_str(&text).context("`cargo metadata` printed what this cannot read")
    }

    /// The crates of this repository.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }
}

impl Package {
    /// The names of the crate's targets of a kind: `lib`, `bin`, `test`, `bench`...
    pub(crate) fn targets<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let of_kind = move |target: &&Target| target.kind.iter().any(|found| found == kind);
        self.targets.iter().filter(of_kind).map(|target| target.name.as_str())
    }
}

/// The folder of the workspace, where every command runs.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against metadata that is read wrongly, which would leave checks without a subject.
    #[test]
    fn the_workspace_knows_itself() {
        let workspace = Workspace::load().unwrap();
        let own = workspace.members().find(|package| package.name == "xtask").unwrap();
        assert_eq!(workspace.root, root());
        assert_eq!(own.targets("bin").collect::<Vec<_>>(), ["xtask"]);
        assert_eq!(own.targets("bench").count(), 0);
        assert_eq!(own.publish, Some(Vec::new()));
        assert!(workspace.members().all(|package| package.source.is_none()));
        assert!(workspace.packages.len() > workspace.members().count());
    }
}
