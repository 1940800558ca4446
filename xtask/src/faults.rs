//! The fault campaigns: what an index does when its disk fails, lies or loses power.
//!
//! They are a program of their own, `uds-faults`, built optimised and without the link-time
//! optimisation of a release, because they open an index a hundred thousand times.

use anyhow::{Context as _, Result};

use crate::shell::Cmd;
use crate::verify::Tier;
use crate::workspace::Workspace;

/// Options of `cargo xtask faults`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Which rows of the table in docs/faults.md; all by default.
    rows: Vec<String>,
    /// How many cases.
    #[arg(long, value_enum, default_value_t = Tier::Pr)]
    tier: Tier,
    /// So many cases a row, instead of the tier's number.
    #[arg(long)]
    count: Option<u64>,
    /// What decides all that is left to chance.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Run just this case.
    #[arg(long)]
    case: Option<u64>,
}

/// Runs the campaigns, and returns what the last line of their table says.
pub(crate) fn run(options: &Options) -> Result<String> {
    run_campaigns(&Workspace::load()?, &arguments(options))
}

/// Runs the campaigns of a tier.
pub(crate) fn run_tier(workspace: &Workspace, tier: Tier) -> Result<String> {
    run_campaigns(workspace, &["--tier".to_owned(), tier.to_string()])
}

fn run_campaigns(workspace: &Workspace, arguments: &[String]) -> Result<String> {
    let command = command(workspace, arguments);
    println!("$ {command}");
    let table = command.read_through()?;
    let last = table.lines().last().context("the campaigns said nothing")?;
    Ok(last.strip_prefix("faults: ").unwrap_or(last).to_owned())
}

fn arguments(options: &Options) -> Vec<String> {
    let mut arguments = options.rows.clone();
    arguments.extend(["--tier".to_owned(), options.tier.to_string()]);
    arguments.extend(["--seed".to_owned(), options.seed.to_string()]);
    let numbers = [("--count", options.count), ("--case", options.case)];
    for (name, number) in numbers {
        arguments.extend(number.map(|number| format!("{name}={number}")));
    }
    arguments
}

fn command(workspace: &Workspace, arguments: &[String]) -> Cmd {
    Cmd::cargo(&workspace.root, ["run", "--quiet", "--profile", "models", "--package"])
        .args(["uds-faults", "--"])
        .args(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the way from a case that failed back to it, and against a run of hours that is not
    // optimised.
    #[test]
    fn options_reach_the_campaigns() {
        let options = Options {
            rows: vec!["F1".into()],
            tier: Tier::Nightly,
            count: None,
            seed: 7,
            case: Some(12),
        };
        let text = command(&Workspace::load().unwrap(), &arguments(&options)).to_string();
        let wanted = "cargo run --quiet --profile models --package uds-faults -- F1 --tier nightly \
                      --seed 7 --case=12";
        assert_eq!(text, wanted);
    }
}
