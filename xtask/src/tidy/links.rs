//! Relative links in Markdown lead somewhere.

use super::markdown;
use super::{SourceFile, Tree, Violation};

/// Every relative link names a tracked file or folder, and every `#anchor` a heading there.
pub(super) fn resolve(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.with_extension("md") {
        for (line, link) in markdown::read(&file.text).links {
            if let Err(message) = follow(tree, file, link) {
                violations.push(Violation::new(file, line, message));
            }
        }
    }
    violations
}

fn follow(tree: &Tree, file: &SourceFile, link: &str) -> Result<(), String> {
    if has_scheme(link) {
        return Ok(());
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(p, a)| (p, Some(a)));
    let target = if path.is_empty() {
        file.path.clone()
    } else if path.starts_with('/') {
        return Err(format!("link `{link}` is absolute: make it relative to this file"));
    } else {
        let target = join(&file.path, path);
        match target.filter(|target| tree.exists(target)) {
            Some(target) => target,
            None => return Err(format!("link `{link}` leads nowhere: mend or remove it")),
        }
    };
    let Some(anchor) = anchor else { return Ok(()) };
    let Some(page) = tree.file(&target).filter(|page| page.name().ends_with(".md")) else {
        return Err(format!("link `{link}`: only Markdown files have anchors"));
    };
    if markdown::read(&page.text).anchors.iter().any(|found| found == anchor) {
        Ok(())
    } else {
        Err(format!("link `{link}`: {target} has no heading `#{anchor}`, mend the anchor"))
    }
}

/// Whether a link names another site: `https:`, `mailto:`...
fn has_scheme(link: &str) -> bool {
    link.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// `link` as seen from the folder of `file`. `None` where it leaves the repository.
fn join(file: &str, link: &str) -> Option<String> {
    let mut names: Vec<&str> = file.split('/').collect();
    names.pop();
    for name in link.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop()?;
            }
            _ => names.push(name),
        }
    }
    Some(names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(link: &str) -> Option<String> {
        let page = format!("# Here\n\n[x]({link})\n");
        let tree = Tree::of(&[
            ("docs/page.md", &page),
            ("docs/other.md", "# Some heading\n"),
            ("README.md", "# Top\n"),
            ("src/lib.rs", "//! x\n"),
        ]);
        let mut violations = resolve(&tree);
        assert!(violations.len() <= 1);
        violations.pop().inspect(|violation| assert_eq!(violation.line, 3)).map(|v| v.message)
    }

    // Guards readers against links that went stale when a file moved or was reworded.
    #[test]
    fn dead_links_are_found() {
        let dead = [
            ("gone.md", "leads nowhere"),
            ("../../outside.md", "leads nowhere"),
            ("docs/other.md", "leads nowhere"),
            ("/README.md", "absolute"),
            ("#there", "no heading"),
            ("other.md#gone", "no heading"),
            ("../src/lib.rs#L1", "only Markdown"),
        ];
        for (link, wanted) in dead {
            let message = message(link).unwrap_or_default();
            assert!(message.contains(wanted) && message.contains(link), "{link}: {message}");
        }
    }

    // Guards against noise.
    #[test]
    fn live_links_pass() {
        let live = [
            "other.md",
            "./other.md#some-heading",
            "#here",
            "../README.md#top",
            "../src",
            "../src/",
            "..",
            "https://example.org/x#y",
            "mailto:a@example.org",
        ];
        for link in live {
            assert_eq!(message(link), None, "{link}");
        }
    }
}
