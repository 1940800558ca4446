//! The oldest Rust that the crates promise: one promise, kept by all, and by what they use.

use std::fs;

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use crate::workspace::{Package, Workspace};

/// The lint that finds uses of a library newer than the promise. The clippy step denies it.
pub(crate) const LINT: &str = "clippy::incompatible_msrv";

/// Checks that every crate promises the same `rust-version`, that no dependency needs a newer
/// one, and that nothing turns [`LINT`] off. Returns what is promised, in words.
pub(crate) fn check(workspace: &Workspace) -> Result<String> {
    let promised = common(workspace.members())?;
    dependencies(promised, &workspace.packages)?;
    for file in ["Cargo.toml", "clippy.toml"] {
        let path = workspace.root.join(file);
        // Clippy needs no configuration of its own.
        let text = if path.exists() { fs::read_to_string(&path)? } else { String::new() };
        lint_is_on(&text).with_context(|| format!("in {file}"))?;
    }
    Ok(format!("Rust {promised}"))
}

/// The `rust-version` of all these crates.
fn common<'a>(members: impl Iterator<Item = &'a Package>) -> Result<&'a str> {
    let mut promised: Option<(&str, &str)> = None;
    for member in members {
        let name = member.name.as_str();
        let Some(version) = member.rust_version.as_deref() else {
            bail!("{name} has no rust-version: write `rust-version.workspace = true`");
        };
        match promised {
            None => promised = Some((name, version)),
            Some((_, first)) if first == version => {}
            Some((first_name, first)) => bail!(
                "{name} promises Rust {version}, but {first_name} Rust {first}: write \
                 `rust-version.workspace = true` in both"
            ),
        }
    }
    promised.map(|(_, version)| version).context("the workspace has no crate")
}

fn dependencies(promised: &str, packages: &[Package]) -> Result<()> {
    let newer = |package: &&Package| {
        package.rust_version.as_deref().is_some_and(|needed| numbers(needed) > numbers(promised))
    };
    let newer: Vec<_> = packages
        .iter()
        .filter(newer)
        .map(|package| {
            let needed = package.rust_version.as_deref().unwrap_or_default();
            format!("{} {} needs Rust {needed}", package.name, package.version)
        })
        .collect();
    if newer.is_empty() {
        return Ok(());
    }
    bail!("{}; Rust {promised} is promised: take older versions of these", newer.join(", "));
}

/// The numbers of a version, three of them so that 1.85 and 1.85.0 compare as equal.
fn numbers(version: &str) -> [u32; 3] {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

/// Fails if a manifest or a clippy configuration switches [`LINT`] off.
fn lint_is_on(text: &str) -> Result<()> {
    let table: Table = text.parse().context("not TOML")?;
    if table.contains_key("msrv") {
        bail!("`msrv` overrides the rust-version of the crates: remove it");
    }
    let name = LINT.trim_start_matches("clippy::");
    let level = table
        .get("workspace")
        .and_then(|workspace| workspace.get("lints")?.get("clippy")?.get(name))
        .and_then(|lint| lint.as_str().or_else(|| lint.get("level").and_then(Value::as_str)));
    match level {
        Some("allow") => bail!("{LINT} is allowed: remove the line"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, rust_version: Option<&str>) -> Package {
        let json = serde_json::json!({
            "id": name, "name": name, "version": "1.0.0", "license": null, "license_file": null,
            "rust_version": rust_version, "source": null, "targets": [], "publish": null,
        });
        serde_json::from_value(json).unwrap()
    }

    // Guards against a crate that promises nothing, or something else.
    #[test]
    fn promises_are_compared() {
        let same = [package("a", Some("1.85")), package("b", Some("1.85"))];
        assert_eq!(common(same.iter()).unwrap(), "1.85");
        let other = [package("a", Some("1.85")), package("b", Some("1.86"))];
        let error = common(other.iter()).unwrap_err().to_string();
        assert!(error.starts_with("b promises Rust 1.86, but a Rust 1.85"), "{error}");
        assert!(common([package("a", None)].iter()).is_err());
        assert!(common([].iter()).is_err());
    }

    // Guards users of the promised Rust against a dependency that does not build there.
    #[test]
    fn dependencies_keep_the_promise() {
        let packages =
            [package("a", Some("1.85.0")), package("b", None), package("c", Some("1.9"))];
        assert!(dependencies("1.85", &packages).is_ok());
        let newer = [package("a", Some("1.85.1"))];
        let error = dependencies("1.85", &newer).unwrap_err().to_string();
        assert!(error.starts_with("a 1.0.0 needs Rust 1.85.1"), "{error}");
    }

    // Guards the lint against being switched off in either file.
    #[test]
    fn switches_are_found() {
        assert!(lint_is_on("[workspace.lints.clippy]\nincompatible_msrv = \"deny\"\n").is_ok());
        assert!(lint_is_on("allow-unwrap-in-tests = true\n").is_ok());
        assert!(lint_is_on("msrv = \"1.95\"\n").is_err());
        let table = "[workspace.lints.clippy]\nincompatible_msrv = ";
        assert!(lint_is_on(&format!("{table}\"allow\"\n")).is_err());
        assert!(lint_is_on(&format!("{table}{{ level = \"allow\", priority = 1 }}\n")).is_err());
    }
}
