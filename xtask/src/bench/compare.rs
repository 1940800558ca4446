//! The micro-benchmarks of this working tree beside those of another commit, the base.
//!
//! The base is checked out into a worktree of its own, built there, and its programs are kept, so
//! that the next comparison with the same commit begins at once. Then, round by round and crate by
//! crate, the base's program and ours run one after the other: whatever else the machine does, it
//! does to both.
//!
//! | in `target/bench` | what |
//! |---|---|
//! | `base-COMMIT` | the worktree, while it is built |
//! | `base-COMMIT-programs` | its programs, and `built-with`: by which compiler and flags |
//! | `base-build` | cargo's files of all bases: they share the dependencies |
//! | `criterion` | criterion's, of each side |

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::build::{self, Program, Side};
use super::line::Line;
use super::table::{Compared, Comparison};
use super::{MICRO, Mode, command, run_micro};
use crate::shell::Cmd;
use crate::workspace::Workspace;

/// How long each benchmark is measured in a round.
const SECONDS: &str = "0.5";

/// The last file that is written when the programs of a base are there.
const STAMP: &str = "built-with";

/// Prints a table of all micro-benchmarks whose names contain `filter`.
pub(crate) fn run(workspace: &Workspace, base: &str, filter: &str, rounds: u32) -> Result<()> {
    let commit = commit(&workspace.root, base)?;
    let micro = BTreeSet::from([MICRO]);
    let theirs = Base::new(workspace, &commit).programs()?;
    let ours = build::build(&Side::ours(workspace), &micro, Mode::Full)?;
    let home = workspace.target_directory.join("bench/criterion");
    // `micro` is all of them, as without --compare.
    let filter = if filter == MICRO { "" } else { filter };
    let mut rows = Vec::new();
    for round in 1..=rounds {
        println!("round {round} of {rounds}");
        for package in packages(&theirs, &ours) {
            let sides = [("base", &theirs), ("ours", &ours)];
            for (side, programs) in sides {
                let Some(program) = programs.iter().find(|program| program.package == package)
                else {
                    continue;
                };
                let command = command(&workspace.root, program, filter)
                    .env("UDS_BENCH_SECONDS", SECONDS)
                    .env("CRITERION_HOME", home.join(side));
                add(&mut rows, run_micro(&command)?, side == "base");
            }
        }
    }
    if rows.is_empty() {
        bail!("no micro-benchmark has `{filter}` in its name, neither here nor in {base}");
    }
    println!("\nbase: {base}, {}; {rounds} rounds\n", &commit[..12]);
    print!("{}", Comparison(&rows));
    Ok(())
}

/// The commit that `base` names, if it has micro-benchmarks.
fn commit(root: &Path, base: &str) -> Result<String> {
    let git = |arguments: &[&str]| Cmd::new("git", root).args(arguments);
    let name = format!("{base}^{{commit}}");
    let resolve = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name]);
    if !resolve.succeeds() {
        bail!("git knows no commit `{base}`: name a branch, a tag or a commit to compare with");
    }
    let commit = resolve.read()?.trim().to_owned();
    let files = git(&["ls-tree", "-r", "--name-only", &commit]).read()?;
    if !has_micro(&files) {
        bail!("`{base}` has no micro-benchmarks: no crate of it has a bench target `{MICRO}`");
    }
    Ok(commit)
}

/// Whether a list of files has micro-benchmarks of some crate.
fn has_micro(files: &str) -> bool {
    files
        .lines()
        .any(|file| file.ends_with("/benches/micro.rs") || file.ends_with("/benches/micro/main.rs"))
}

/// The crates of either side, in order.
fn packages(one: &[Program], other: &[Program]) -> BTreeSet<String> {
    one.iter().chain(other).map(|program| program.package.clone()).collect()
}

/// Adds the lines of one run, new benchmarks at the end.
fn add(rows: &mut Vec<(String, Compared)>, lines: Vec<Line>, is_base: bool) {
    for line in lines {
        let known = rows.iter().position(|(name, _)| *name == line.name);
        let at = known.unwrap_or_else(|| {
            rows.push((line.name.clone(), Compared::default()));
            rows.len() - 1
        });
        let row = &mut rows[at].1;
        if is_base { &mut row.base } else { &mut row.ours }.push(line);
    }
}

/// A commit's programs, or how to make them.
struct Base<'a> {
    root: &'a Path,
    commit: &'a str,
    /// Where it is checked out.
    worktree: PathBuf,
    /// Where its programs are kept.
    kept: PathBuf,
    /// Where it is built.
    build: PathBuf,
}

impl<'a> Base<'a> {
    fn new(workspace: &'a Workspace, commit: &'a str) -> Self {
        let folder = workspace.target_directory.join("bench");
        let name = format!("base-{}", &commit[..12]);
        Self {
            root: &workspace.root,
            commit,
            worktree: folder.join(&name),
            kept: folder.join(format!("{name}-programs")),
            build: folder.join("base-build"),
        }
    }

    /// The programs, from the last time if the same compiler made them.
    fn programs(&self) -> Result<Vec<Program>> {
        let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
        let compiler = Cmd::new("rustc", self.root).args(["-vV"]).read()?;
        let stamp = format!("{compiler}RUSTFLAGS={flags}\n");
        if fs::read_to_string(self.kept.join(STAMP)).is_ok_and(|found| found == stamp) {
            println!("the base was built before: {}", self.kept.display());
            return kept(&self.kept);
        }
        self.check_out()?;
        let side = Side { root: self.worktree.clone(), target_directory: self.build.clone() };
        let built = build::build(&side, &BTreeSet::from([MICRO]), Mode::Full);
        let kept = built.and_then(|built| keep(&self.kept, &built, &stamp));
        // Also where the build has failed.
        self.remove_worktree();
        kept
    }

    fn check_out(&self) -> Result<()> {
        // One that was left behind by a run that was interrupted.
        self.remove_worktree();
        Cmd::new("git", self.root)
            .args(["worktree", "add", "--detach", "--force"])
            .args([self.worktree.as_os_str(), self.commit.as_ref()])
            .run()
    }

    fn remove_worktree(&self) {
        let git = |arguments: &[&str]| Cmd::new("git", self.root).args(arguments);
        git(&["worktree", "remove", "--force"]).args([&self.worktree]).succeeds();
        let _ = fs::remove_dir_all(&self.worktree);
        git(&["worktree", "prune"]).succeeds();
    }
}

/// Copies programs into a folder, each under the name of its crate, and then the stamp.
fn keep(folder: &Path, programs: &[Program], stamp: &str) -> Result<Vec<Program>> {
    let doing = || format!("cannot write {}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(doing)?;
    }
    fs::create_dir_all(folder).with_context(doing)?;
    for program in programs {
        fs::copy(&program.path, folder.join(&program.package)).with_context(doing)?;
    }
    fs::write(folder.join(STAMP), stamp).with_context(doing)?;
    kept(folder)
}

/// The programs in a folder.
fn kept(folder: &Path) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    let doing = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(doing)? {
        let path = entry.with_context(doing)?.path();
        let package = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if package != STAMP {
            programs.push(Program { package, target: MICRO.to_owned(), path });
        }
    }
    programs.sort_by(|one, other| one.package.cmp(&other.package));
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::root;

    // Guards against a comparison with something that is not what was meant, or with nothing.
    #[test]
    fn a_base_must_have_benchmarks() {
        let error = commit(&root(), "no-such-branch").unwrap_err();
        assert!(error.to_string().starts_with("git knows no commit `no-such-branch`"), "{error}");
        assert!(has_micro("Cargo.toml\na/benches/micro/main.rs\n"));
        assert!(has_micro("a/benches/micro.rs\n"));
        assert!(!has_micro("a/benches/posts.rs\na/src/micro.rs\nbenches/micro/lists.rs\n"));
    }

    // Guards against the figures of one benchmark, side or round that go to another.
    #[test]
    fn lines_go_to_their_rows() {
        let line = |name: &str, hash| Line { name: name.into(), time: None, hash };
        let mut rows = Vec::new();
        add(&mut rows, vec![line("a", 1), line("b", 2)], true);
        add(&mut rows, vec![line("c", 3), line("b", 4)], false);
        add(&mut rows, vec![line("b", 5)], true);
        let hashes = |lines: &[Line]| lines.iter().map(|line| line.hash).collect::<Vec<_>>();
        let seen: Vec<_> = rows
            .iter()
            .map(|(name, row)| (name.as_str(), hashes(&row.base), hashes(&row.ours)))
            .collect();
        assert_eq!(
            seen,
            [("a", vec![1], vec![]), ("b", vec![2, 5], vec![4]), ("c", vec![], vec![3])]
        );
    }

    // Guards against programs of an earlier build that are kept beside those of the last one, or
    // are found under another crate's name.
    #[test]
    fn programs_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let program = |package: &str| {
            let path = folder.path().join(format!("micro-{package}"));
            fs::write(&path, package).unwrap();
            Program { package: package.into(), target: MICRO.into(), path }
        };
        let place = folder.path().join("programs");
        keep(&place, &[program("z"), program("y")], "1").unwrap();
        let found = keep(&place, &[program("b"), program("a")], "2").unwrap();
        assert_eq!(found, kept(&place).unwrap());
        let names: Vec<_> = found.iter().map(|one| one.package.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(found.iter().all(|one| fs::read_to_string(&one.path).unwrap() == one.package));
        assert_eq!(fs::read_to_string(place.join(STAMP)).unwrap(), "2");
    }
}
