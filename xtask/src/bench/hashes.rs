//! What the micro-benchmarks must compute when they run tiny: `xtask/bench-hashes.txt`.
//!
//! A line has a name and a hash. A hash that changes says that a benchmark does other work than
//! before, so that its times cannot be compared any more: either a fault, or a change on purpose
//! that is accepted by `cargo xtask bench --tiny --accept`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::line::Line;

/// Where the file is in the workspace.
pub(crate) const FILE: &str = "xtask/bench-hashes.txt";

/// Writes what was computed as what must be.
pub(crate) fn write(file: &Path, lines: &[Line]) -> Result<()> {
    fs::write(file, text(lines)).with_context(|| format!("cannot write {}", file.display()))?;
    println!("wrote {}", file.display());
    Ok(())
}

/// Fails where something else was computed than the file says, or by something that it does not
/// know; and, where all benchmarks have run, if one was missing.
pub(crate) fn check(file: &Path, lines: &[Line], all: bool) -> Result<()> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let differences = differences(&text, lines, all)?;
    if differences.is_empty() {
        return Ok(());
    }
    bail!(
        "micro-benchmarks compute other things than {FILE} says: {}; if that is on purpose, run \
         `cargo xtask bench --tiny --accept`",
        differences.join("; ")
    )
}

fn text(lines: &[Line]) -> String {
    let sorted: BTreeMap<_, _> = lines.iter().map(|line| (&line.name, line.hash)).collect();
    sorted.iter().map(|(name, hash)| format!("{name} {hash:016x}\n")).collect()
}

fn differences(text: &str, lines: &[Line], all: bool) -> Result<Vec<String>> {
    let mut expected = BTreeMap::new();
    for line in text.lines() {
        let pair = line
            .split_once(' ')
            .and_then(|(name, hash)| Some((name, u64::from_str_radix(hash, 16).ok()?)));
        let (name, hash) = pair.with_context(|| format!("`{line}` in {FILE} cannot be read"))?;
        expected.insert(name, hash);
    }
    let mut differences = Vec::new();
    for Line { name, hash, .. } in lines {
        match expected.remove(name.as_str()) {
            Some(wanted) if wanted == *hash => {}
            Some(wanted) => differences.push(format!("{name} {hash:016x} for {wanted:016x}")),
            None => differences.push(format!("{name} is not there")),
        }
    }
    if all {
        differences.extend(expected.keys().map(|name| format!("{name} did not run")));
    }
    Ok(differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, hash: u64) -> Line {
        Line { name: name.into(), time: None, hash }
    }

    // Guards against a benchmark that silently does other work, or none at all.
    #[test]
    fn every_difference_is_named() {
        let lines = [line("b", 2), line("a", 1)];
        let known = text(&lines);
        assert_eq!(known, "a 0000000000000001\nb 0000000000000002\n");
        assert!(differences(&known, &lines, true).unwrap().is_empty());
        assert!(differences(&known, &lines[1..], false).unwrap().is_empty());
        assert_eq!(differences(&known, &lines[1..], true).unwrap(), ["b did not run"]);
        assert_eq!(
            differences(&known, &[line("b", 3), line("c", 1)], false).unwrap(),
            ["b 0000000000000003 for 0000000000000002", "c is not there"]
        );
        assert!(differences("a\n", &lines, true).is_err());
    }
}
