//! The steps of the gate, each a function.

use anyhow::{Result, bail};

use super::{Context, Tier, Verdict, licences, msrv};
use crate::shell::Cmd;
use crate::{bench, fuzz, golden, loom, sanitize, tidy};

/// A step of the gate.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// The first tier that runs it.
    pub(crate) tier: Tier,
    pub(crate) run: fn(&Context) -> Result<Verdict>,
}

const fn step(
    name: &'static str,
    about: &'static str,
    tier: Tier,
    run: fn(&Context) -> Result<Verdict>,
) -> Step {
    Step { name, about, tier, run }
}

/// All steps, in the order in which they run.
pub(crate) const STEPS: [Step; 17] = [
    step("fmt", "the formatting is rustfmt's", Tier::Pr, fmt),
    step("clippy", "no warning of the compiler or of clippy", Tier::Pr, clippy),
    step("test", "unit and integration tests", Tier::Pr, test),
    step("doctest", "the examples in the documentation run", Tier::Pr, doctest),
    step("docs", "the documentation builds without a warning", Tier::Pr, docs),
    step("golden", "images and answers of the reference implementation", Tier::Pr, golden),
    step("loom", "the concurrency models", Tier::Pr, loom),
    step("faults", "the fault campaigns on simulated disks", Tier::Pr, faults),
    step("tidy", "the rules on the source text", Tier::Pr, tidy),
    step("deny", "licences and origins of the dependencies", Tier::Pr, deny),
    step("msrv", "the oldest Rust that the crates promise", Tier::Pr, msrv),
    step("benches", "the benchmarks compute what they did, tiny", Tier::Pr, benches),
    step("long", "lifecycles and hostile images at their nightly counts", Tier::Nightly, long),
    step("sanitize", "threads under the sanitizers and Miri", Tier::Nightly, sanitize),
    step("fuzz", "decoders and whole images, fuzzed for a minute each", Tier::Nightly, fuzz),
    step(
        "advisories",
        "known faults of the dependencies (needs the network)",
        Tier::Nightly,
        advisories,
    ),
    step("package", "the crates can be packaged for publication", Tier::Release, package),
];

fn passed() -> Result<Verdict> {
    Ok(Verdict::Passed(String::new()))
}

impl Context {
    fn cargo(&self, arguments: &[&str]) -> Cmd {
        Cmd::cargo(&self.workspace.root, arguments)
    }

    /// Whether `cargo tool` is installed.
    fn has_tool(&self, tool: &str) -> bool {
        self.cargo(&[tool, "--version"]).succeeds()
    }
}

fn fmt(context: &Context) -> Result<Verdict> {
    context.cargo(&["fmt", "--all", "--check"]).run()?;
    passed()
}

fn clippy(context: &Context) -> Result<Verdict> {
    context
        .cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
        .args(["-D", msrv::LINT])
        .run()?;
    passed()
}

fn test(context: &Context) -> Result<Verdict> {
    let mut command = if context.has_tool("nextest") {
        context.cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])
    } else {
        println!("cargo-nextest is not installed: using cargo's own test runner");
        context.cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"])
    };
    if context.tier > Tier::Pr {
        command = command.env("PROPTEST_CASES", "4096");
    }
    command.run()?;
    passed()
}

fn doctest(context: &Context) -> Result<Verdict> {
    context.cargo(&["test", "--doc", "--workspace", "--no-fail-fast"]).run()?;
    passed()
}

fn docs(context: &Context) -> Result<Verdict> {
    let command =
        || context.cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    // What users see, and then what we see: a link may be good in one and dead in the other.
    command().run()?;
    command().args(["--document-private-items"]).run()?;
    passed()
}

fn golden(_: &Context) -> Result<Verdict> {
    println!("$ cargo xtask golden");
    golden::run(&golden::Options::default())
}

fn loom(context: &Context) -> Result<Verdict> {
    let preemptions = loom::QUICK_PREEMPTIONS + u32::from(context.tier > Tier::Pr);
    let report = loom::run_models(&context.workspace, None, preemptions)?;
    Ok(Verdict::Passed(format!("{report}, {preemptions} preemptions")))
}

fn faults(context: &Context) -> Result<Verdict> {
    crate::faults::run_tier(&context.workspace, context.tier).map(Verdict::Passed)
}

fn tidy(_: &Context) -> Result<Verdict> {
    println!("$ cargo xtask tidy");
    tidy::run()?;
    passed()
}

fn deny(context: &Context) -> Result<Verdict> {
    if context.has_tool("deny") {
        context.cargo(&["deny", "check", "licenses", "bans", "sources"]).run()?;
        return Ok(Verdict::Passed("by cargo-deny".into()));
    }
    println!("cargo-deny is not installed: reading deny.toml and `cargo metadata` instead");
    let count = licences::check(&context.workspace)?;
    Ok(Verdict::Passed(format!("{count} packages, own check of licences and sources")))
}

fn msrv(context: &Context) -> Result<Verdict> {
    msrv::check(&context.workspace).map(Verdict::Passed)
}

fn benches(context: &Context) -> Result<Verdict> {
    let mode = if context.tier > Tier::Pr { bench::Mode::Tiny } else { bench::Mode::TinyAsTested };
    bench::run_tiny(&context.workspace, "", mode, false).map(Verdict::Passed)
}

/// The tests whose counts `UDS_TEST_SCALE` multiplies, and that the campaigns do not have.
fn long(context: &Context) -> Result<Verdict> {
    for (scale, tests) in [("40", "lifecycles"), ("200", "hostile")] {
        context
            .cargo(&["test", "--release", "-p", "uds-index", "--test", "it", tests])
            .args(["--", "--nocapture"])
            .env("UDS_TEST_SCALE", scale)
            .run()?;
    }
    passed()
}

fn sanitize(_: &Context) -> Result<Verdict> {
    sanitize::run(&sanitize::Options::default())?;
    passed()
}

fn fuzz(context: &Context) -> Result<Verdict> {
    const SECONDS: u64 = 60;
    fuzz::verify(&context.workspace, SECONDS)
}

fn advisories(context: &Context) -> Result<Verdict> {
    if !context.has_tool("deny") {
        bail!("cargo-deny is not installed: run `cargo install --locked cargo-deny`");
    }
    context.cargo(&["deny", "check", "advisories"]).run()?;
    passed()
}

fn package(context: &Context) -> Result<Verdict> {
    // The crates build already, and as packages they could only be built against published ones.
    let private = context.workspace.members().filter(|package| package.publish == Some(vec![]));
    context
        .cargo(&["package", "--workspace", "--no-verify"])
        .args(private.flat_map(|package| ["--exclude", package.name.as_str()]))
        .run()?;
    passed()
}
