//! Which lines of the decoders the corpora and seeds reach.
//!
//! The examples of the crate `fuzz` are built with counters: `seeds` makes the seeds, and `replay`
//! runs a target on all its inputs. The toolchain's own `llvm-profdata` and `llvm-cov` read the
//! counters; where they are not installed, nothing is measured, and that is said.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{HOST, Places};
use crate::shell::Cmd;

/// The files that read what is on storage.
const DECODERS: [&str; 22] = [
    "uds-delta-index/src/bits.rs",
    "uds-delta-index/src/coding.rs",
    "uds-delta-index/src/list.rs",
    "uds-delta-index/src/page.rs",
    "uds-delta-index/src/chapter_index/read.rs",
    "uds-delta-index/src/save.rs",
    "uds-delta-index/src/save/restore.rs",
    "uds-delta-index/src/zone/fill.rs",
    "uds-volume/src/record_page.rs",
    "uds-volume/src/page_map.rs",
    "uds-volume/src/volume/probe.rs",
    "uds-volume/src/volume/look_up.rs",
    "uds-index/src/layout.rs",
    "uds-index/src/layout/config_block.rs",
    "uds-index/src/layout/region_table.rs",
    "uds-index/src/layout/save_slot.rs",
    "uds-index/src/layout/super_block.rs",
    "uds-index/src/info.rs",
    "uds-index/src/engine/saving.rs",
    "uds-index/src/open_chapter/save.rs",
    "uds-index/src/recovery/scan.rs",
    "uds-index/src/volume_index/save.rs",
];

/// The examples, built with counters.
pub(super) struct Tools {
    root: PathBuf,
    examples: PathBuf,
    counts: PathBuf,
}

impl Tools {
    pub(super) fn build(places: &Places) -> Result<Self> {
        let folder = places.work.join("tools");
        // With a target named, the flags are not for what runs while this is built.
        Cmd::cargo(&places.fuzz, ["+nightly", "build", "--release", "--examples"])
            .args(["--target", HOST, "--target-dir"])
            .args([&folder])
            .env("RUSTFLAGS", "-Cinstrument-coverage")
            .run()?;
        let counts = places.work.join("counts");
        // Counts of another build mean nothing.
        if counts.exists() {
            fs::remove_dir_all(&counts).context("cannot remove old counts")?;
        }
        let examples = folder.join(HOST).join("release/examples");
        Ok(Self { root: places.root.clone(), examples, counts })
    }

    fn example(&self, name: &str) -> Cmd {
        Cmd::new(self.examples.join(name), &self.root)
            .env("LLVM_PROFILE_FILE", self.counts.join(format!("{name}-%p.profraw")))
    }

    /// Makes the seeds; of the golden images too, where they are.
    pub(super) fn seed(&self, places: &Places, golden: &Path) -> Result<()> {
        self.example("seeds").args([places.seeds(), golden.to_owned()]).run()
    }

    /// The command that runs a target on one input, with any toolchain.
    pub(super) fn replay(&self, target: &str, input: &str) -> String {
        let run = ["run", "--release", "--manifest-path", "fuzz/Cargo.toml", "--example", "replay"];
        Cmd::cargo(&self.root, run).args(["--", target, input]).to_string()
    }

    /// Runs the targets on all their inputs, and prints which lines of the decoders were run.
    pub(super) fn measure(&self, places: &Places, targets: &[String]) -> Result<()> {
        for target in targets {
            let corpus = places.fuzz.join("corpus").join(target);
            let inputs = [places.seeds().join(target), corpus];
            self.example("replay").args([target]).args(inputs).run()?;
        }
        let Some(llvm) = llvm_tools(&self.root) else {
            println!(
                "the decoders' coverage was not measured: llvm-tools are not here: `rustup \
                 component add llvm-tools --toolchain nightly`"
            );
            return Ok(());
        };
        let merged = self.counts.join("merged.profdata");
        let counts = fs::read_dir(&self.counts).context("cannot list the counts")?;
        let counts = counts.map(|entry| Ok(entry.context("cannot list the counts")?.path()));
        Cmd::new(llvm.join("llvm-profdata"), &self.root)
            .args(["merge", "--sparse", "--output"])
            .args([&merged])
            .args(counts.collect::<Result<Vec<_>>>()?)
            .read_quietly()?;
        let json = Cmd::new(llvm.join("llvm-cov"), &self.root)
            .args(["export", "--summary-only", "--instr-profile"])
            .args([&merged, &self.examples.join("replay")])
            .read_quietly()?;
        print_lines(
            &serde_json::from_str(&json).context("llvm-cov printed what this cannot read")?,
        );
        Ok(())
    }
}

/// The folder of the nightly toolchain's own tools, if it has them.
fn llvm_tools(root: &Path) -> Option<PathBuf> {
    let sysroot = Cmd::new("rustc", root).args(["+nightly", "--print", "sysroot"]).read().ok()?;
    let folder = Path::new(sysroot.trim()).join("lib/rustlib").join(HOST).join("bin");
    let has_both = folder.join("llvm-cov").exists() && folder.join("llvm-profdata").exists();
    has_both.then_some(folder)
}

/// What `llvm-cov export --summary-only` prints, as far as it is of use.
#[derive(Deserialize)]
struct Export {
    data: Vec<Binary>,
}

#[derive(Deserialize)]
struct Binary {
    files: Vec<CoveredFile>,
}

#[derive(Deserialize)]
struct CoveredFile {
    filename: String,
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    lines: Count,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Count {
    count: u64,
    covered: u64,
}

impl Count {
    /// Hundredths that are covered; none of nothing.
    fn percent(self) -> f64 {
        100.0 * self.covered as f64 / self.count.max(1) as f64
    }
}

/// The counts of a decoder's file.
fn count_of(export: &Export, decoder: &str) -> Count {
    let files = export.data.iter().flat_map(|binary| &binary.files);
    let file = files.into_iter().find(|file| file.filename.ends_with(decoder));
    file.map_or_else(Count::default, |file| file.summary.lines)
}

fn print_lines(export: &Export) {
    println!("\nlines of the decoders that were run");
    let mut all = Count::default();
    for decoder in DECODERS {
        let count = count_of(export, decoder);
        all.count += count.count;
        all.covered += count.covered;
        println!("{:>6.1} % of {:>4}  {decoder}", count.percent(), count.count);
    }
    println!("{:>6.1} % of {:>4}  all of them", all.percent(), all.count);
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the report against decoders that have moved: their coverage would read as nothing.
    #[test]
    fn the_decoders_are_where_they_are_said_to_be() {
        for decoder in DECODERS {
            assert!(crate::workspace::root().join(decoder).is_file(), "{decoder}");
        }
    }

    // Guards the reading of llvm-cov's output.
    #[test]
    fn an_export_is_read() {
        let json = r#"{"data": [{"files": [{"filename": "/x/uds-volume/src/page_map.rs",
            "summary": {"lines": {"count": 40, "covered": 38, "percent": 95}, "regions": {}}}],
            "totals": {}}], "type": "llvm.coverage.json.export", "version": "2.0.1"}"#;
        let export: Export = serde_json::from_str(json).unwrap();
        let count = count_of(&export, "uds-volume/src/page_map.rs");
        assert!((count.percent() - 95.0).abs() < 1e-9);
        assert_eq!(count_of(&export, "uds-volume/src/other.rs").count, 0);
    }
}
