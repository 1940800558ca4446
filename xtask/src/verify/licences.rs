//! Licences and origins of all dependencies, where cargo-deny is not at hand to check them.
//!
//! The rules are those of `deny.toml`, read from there: the licences that `[licenses]` allows,
//! with its exceptions, and crates.io as the one source.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use spdx::{Expression, LicenseReq, Licensee, ParseMode};

use crate::workspace::{Package, Workspace};

/// How cargo writes crates.io.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What this reads of `deny.toml`.
#[derive(Deserialize)]
struct Policy {
    licenses: LicencePolicy,
}

#[derive(Deserialize)]
struct LicencePolicy {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// Licences that one crate alone may have.
#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

/// Checks every dependency, and returns how many packages there were.
pub(crate) fn check(workspace: &Workspace) -> Result<usize> {
    let policy = Policy::read(&workspace.root.join("deny.toml"))?;
    let refused: Vec<_> =
        workspace.packages.iter().filter_map(|package| refusal(&policy, package)).collect();
    if !refused.is_empty() {
        bail!("{} packages are refused: {}", refused.len(), refused.join("; "));
    }
    Ok(workspace.packages.len())
}

impl Policy {
    fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("in {}", path.display()))
    }

    /// Whether a package may come under one term of its licence expression.
    fn allows(&self, package: &str, term: &LicenseReq) -> bool {
        let exceptions = self.licenses.exceptions.iter().filter(|entry| entry.name == package);
        let allowed = exceptions.flat_map(|entry| &entry.allow).chain(&self.licenses.allow);
        allowed.filter_map(|text| Licensee::parse(text).ok()).any(|given| given.satisfies(term))
    }
}

/// Why a package is refused, if it is.
fn refusal(policy: &Policy, package: &Package) -> Option<String> {
    let Package { name, version, source, .. } = package;
    if source.as_deref().is_some_and(|source| source != CRATES_IO) {
        return Some(format!("{name} {version} does not come from crates.io"));
    }
    let Some(licence) = package.license.as_deref() else {
        let stated = if package.license_file.is_some() { "only a licence file" } else { "none" };
        return Some(format!("{name} {version} states no licence expression ({stated})"));
    };
    // Old packages write `MIT/Apache-2.0`.
    let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
        return Some(format!("{name} {version}: `{licence}` is no licence expression"));
    };
    let allowed = expression.evaluate(|term| policy.allows(name, term));
    (!allowed).then(|| format!("{name} {version}: deny.toml does not allow {licence}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let text = r#"
            [licenses]
            allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"]
            exceptions = [{ crate = "special", allow = ["MPL-2.0"] }]
        "#;
        toml::from_str(text).unwrap()
    }

    fn package(name: &str, license: Option<&str>, source: Option<&str>) -> Package {
        let json = serde_json::json!({
            "id": name, "name": name, "version": "1.0.0", "license": license,
            "license_file": null, "rust_version": null, "source": source,
            "targets": [], "publish": null,
        });
        serde_json::from_value(json).unwrap()
    }

    // Guards against copyleft that slips in through an expression read wrongly.
    #[test]
    fn expressions_are_evaluated() {
        let good = [
            "MIT",
            "MIT OR GPL-3.0-only",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0-only",
        ];
        for licence in good {
            assert_eq!(refusal(&policy(), &package("a", Some(licence), None)), None, "{licence}");
        }
        let bad = [
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "MPL-2.0",
            "Apache-2.0 WITH Swift-exception",
            "nonsense licence",
        ];
        for licence in bad {
            assert!(refusal(&policy(), &package("a", Some(licence), None)).is_some(), "{licence}");
        }
        assert!(refusal(&policy(), &package("a", None, None)).is_some());
        assert_eq!(refusal(&policy(), &package("special", Some("MPL-2.0"), None)), None);
    }

    // Guards the one source.
    #[test]
    fn other_sources_are_refused() {
        assert_eq!(refusal(&policy(), &package("a", Some("MIT"), Some(CRATES_IO))), None);
        let git = package("a", Some("MIT"), Some("git+https://example.org/a"));
        assert!(refusal(&policy(), &git).is_some_and(|why| why.contains("crates.io")));
    }

    // Guards the fallback against a deny.toml that it cannot read, and this repository's
    // dependencies against what deny.toml forbids.
    #[test]
    fn this_workspace_is_allowed() {
        let workspace = Workspace::load().unwrap();
        assert_eq!(check(&workspace).unwrap(), workspace.packages.len());
    }
}
