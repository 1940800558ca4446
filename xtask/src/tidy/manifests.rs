//! Every crate's manifest says what it is and takes the workspace's lints.

use toml::{Table, Value};

use super::{SourceFile, Tree, Violation};

/// Every crate of the workspace has a description, a licence and the workspace's lints.
pub(super) fn complete(tree: &Tree) -> Vec<Violation> {
    let Some(root) = tree.file("Cargo.toml") else { return Vec::new() };
    let mut violations = Vec::new();
    for member in members(root) {
        let path = format!("{member}/Cargo.toml");
        match tree.file(&path) {
            Some(manifest) => violations.extend(check(manifest)),
            None => {
                let message = format!("member `{member}` has no tracked manifest: add {path}");
                violations.push(Violation::new(root, 1, message));
            }
        }
    }
    violations
}

fn members(root: &SourceFile) -> Vec<String> {
    let manifest = root.text.parse::<Table>().unwrap_or_default();
    let members = at(&manifest, &["workspace", "members"]).and_then(Value::as_array);
    members.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn check(file: &SourceFile) -> Vec<Violation> {
    let manifest = match file.text.parse::<Table>() {
        Ok(manifest) => manifest,
        Err(error) => {
            let message = format!("not a manifest: {}", error.message());
            return vec![Violation::new(file, 1, message)];
        }
    };
    let given = |key| {
        let own = at(&manifest, &["package", key]).and_then(Value::as_str);
        own.is_some_and(|text| !text.trim().is_empty())
            || at(&manifest, &["package", key, "workspace"]).and_then(Value::as_bool) == Some(true)
    };
    let mut violations = Vec::new();
    if !given("description") {
        let message = "no description: say in [package] what the crate is for";
        violations.push(Violation::new(file, 1, message));
    }
    if !given("license") {
        let message = "no license: write `license.workspace = true` in [package]";
        violations.push(Violation::new(file, 1, message));
    }
    if at(&manifest, &["lints", "workspace"]).and_then(Value::as_bool) != Some(true) {
        let message = "not the workspace's lints: write `workspace = true` in [lints]";
        violations.push(Violation::new(file, 1, message));
    }
    violations
}

/// The oldest Rust that the workspace promises, as major and minor version.
pub(super) fn workspace_rust_version(tree: &Tree) -> Option<(u32, u32)> {
    let manifest = tree.file("Cargo.toml")?.text.parse::<Table>().ok()?;
    let version = at(&manifest, &["workspace", "package", "rust-version"])?.as_str()?;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The value at a path of keys.
fn at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(*first)?;
    rest.iter().try_fold(value, |value, key| value.get(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace]\nmembers = [\"a\"]\n";

    fn messages(manifest: &str) -> Vec<String> {
        let tree = Tree::of(&[("Cargo.toml", ROOT), ("a/Cargo.toml", manifest)]);
        complete(&tree).into_iter().map(|violation| violation.message).collect()
    }

    // Guards crates.io pages and the lints: a crate that takes none is held to none.
    #[test]
    fn incomplete_manifests_are_found() {
        let good = "[package]\ndescription = \"x\"\nlicense.workspace = true\n\
                    [lints]\nworkspace = true\n";
        assert!(messages(good).is_empty());
        for (removed, wanted) in [
            ("description = \"x\"\n", "no description"),
            ("license.workspace = true\n", "no license"),
            ("workspace = true\n", "lints"),
        ] {
            let manifest = match removed {
                "workspace = true\n" => good.replace("[lints]\nworkspace = true\n", ""),
                _ => good.replace(removed, ""),
            };
            let messages = messages(&manifest);
            assert_eq!(messages.len(), 1, "{removed}");
            assert!(messages[0].contains(wanted), "{messages:?}");
        }
        assert_eq!(messages(&good.replace("\"x\"", "\" \"")).len(), 1);
        assert!(messages("[package\n")[0].starts_with("not a manifest"));
    }

    // Guards against a member that was never committed.
    #[test]
    fn missing_manifests_are_found() {
        let violations = complete(&Tree::of(&[("Cargo.toml", ROOT)]));
        assert!(violations[0].message.contains("add a/Cargo.toml"), "{violations:?}");
    }

    // Guards the version against its two spellings.
    #[test]
    fn the_promised_rust_is_read() {
        let version = |text: &str| {
            let manifest = format!("[workspace.package]\nrust-version = \"{text}\"\n");
            workspace_rust_version(&Tree::of(&[("Cargo.toml", &manifest)]))
        };
        assert_eq!(version("1.85"), Some((1, 85)));
        assert_eq!(version("1.85.2"), Some((1, 85)));
        assert_eq!(version("new"), None);
    }
}
