//! The concurrency models: every `tests/loom_*.rs` of every crate, compiled with `cfg(uds_loom)`.
//!
//! They build in a target folder of their own, because the flag changes every crate, and
//! optimised, because a model runs its body many thousand times.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::shell::Cmd;
use crate::workspace::{Package, Workspace};

/// How many preemptions a model explores in a gate that people wait for. Nearly all known
/// faults of lock-free code show with two.
pub(crate) const QUICK_PREEMPTIONS: u32 = 2;

/// Options of `cargo xtask loom`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only models whose file name contains this.
    filter: Option<String>,
    /// How many preemptions of each execution to explore.
    #[arg(long, default_value_t = QUICK_PREEMPTIONS)]
    preemptions: u32,
}

/// Runs the models, and returns how many model files there were.
pub(crate) fn run(options: &Options) -> Result<usize> {
    let filter = options.filter.as_deref().unwrap_or("");
    run_models(&Workspace::load()?, filter, options.preemptions)
}

/// Runs the models whose names contain `filter`, and returns how many files there were.
pub(crate) fn run_models(workspace: &Workspace, filter: &str, preemptions: u32) -> Result<usize> {
    let models = models(workspace, filter);
    if models.is_empty() {
        println!("no loom models yet: none of the crates has a matching tests/loom_*.rs");
        return Ok(0);
    }
    command(workspace, &models, preemptions).run()?;
    Ok(models.len())
}

/// The crates and names of the model files.
fn models<'a>(workspace: &'a Workspace, filter: &str) -> BTreeSet<(&'a str, &'a str)> {
    let is_model = |name: &&str| name.starts_with("loom_") && name.contains(filter);
    let of = |package: &'a Package| package.targets("test").map(|name| (&*package.name, name));
    workspace.members().flat_map(of).filter(|(_, name)| is_model(name)).collect()
}

fn command(workspace: &Workspace, models: &BTreeSet<(&str, &str)>, preemptions: u32) -> Cmd {
    let given = std::env::var("RUSTFLAGS").unwrap_or_default();
    let target = workspace.target_directory.join("loom");
    // Of two crates with a model of the same name, one argument runs both.
    let names: BTreeSet<&str> = models.iter().map(|(_, name)| *name).collect();
    Cmd::cargo(&workspace.root, ["test", "--release", "--workspace", "--no-fail-fast"])
        .args(names.iter().flat_map(|name| ["--test", name]))
        .args(["--target-dir".as_ref(), target.as_os_str()])
        .env("RUSTFLAGS", format!("{given} --cfg uds_loom").trim_start())
        .env("LOOM_MAX_PREEMPTIONS", preemptions.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        let json = r#"{
            "workspace_root": "/w", "target_directory": "/t", "workspace_members": ["a"],
            "packages": [{
                "id": "a", "name": "uds-a", "version": "1.0.0", "license": null,
                "license_file": null, "rust_version": null, "source": null, "publish": null,
                "targets": [
                    {"name": "uds_a", "kind": ["lib"]},
                    {"name": "it", "kind": ["test"]},
                    {"name": "loom_queue", "kind": ["test"]},
                    {"name": "loom_pins", "kind": ["test"]},
                    {"name": "loom_not", "kind": ["bench"]}
                ]
            }]
        }"#;
        serde_json::from_str(json).unwrap()
    }

    // Guards against models that are never run because nobody listed them.
    #[test]
    fn models_are_found_by_their_names() {
        let workspace = workspace();
        let found = |filter| models(&workspace, filter).into_iter().collect::<Vec<_>>();
        assert_eq!(found(""), [("uds-a", "loom_pins"), ("uds-a", "loom_queue")]);
        assert_eq!(found("pins"), [("uds-a", "loom_pins")]);
    }

    // Guards the flags without which a model silently tests the standard library.
    #[test]
    fn models_run_under_their_flag_and_in_their_own_folder() {
        let workspace = workspace();
        let models = BTreeSet::from([("uds-a", "loom_pins"), ("uds-b", "loom_pins")]);
        let text = command(&workspace, &models, 2).to_string();
        assert!(text.contains("--cfg uds_loom'"), "{text}");
        let rest = "LOOM_MAX_PREEMPTIONS=2 cargo test --release --workspace --no-fail-fast \
                    --test loom_pins --target-dir /t/loom";
        assert!(text.ends_with(rest), "{text}");
    }
}
