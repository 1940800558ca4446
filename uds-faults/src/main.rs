//! Runs fault campaigns, and prints a table of what they came to.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use uds_faults::campaign::{Campaign, Plan, Tier};
use uds_faults::report::{Report, progress};
use uds_faults::rows::CAMPAIGNS;

/// Runs fault campaigns on simulated disks.
#[derive(Parser)]
struct Options {
    /// Which rows; all by default.
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

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<usize> {
    for row in &options.rows {
        if CAMPAIGNS.iter().all(|campaign| !campaign.row.eq_ignore_ascii_case(row)) {
            let rows: Vec<_> = CAMPAIGNS.iter().map(|campaign| campaign.row).collect();
            bail!("there is no campaign `{row}`: choose from {}", rows.join(", "));
        }
    }
    let is_wanted = |campaign: &&Campaign| {
        let named = |row: &String| campaign.row.eq_ignore_ascii_case(row);
        options.rows.is_empty() || options.rows.iter().any(named)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut report = Report::default();
    for campaign in CAMPAIGNS.iter().filter(is_wanted) {
        let mut count = options.count.unwrap_or(campaign.counts[options.tier as usize]);
        if let Some(case) = options.case {
            count = count.max(case + 1);
        }
        let plan =
            Plan { row: campaign.row, count, seed: options.seed, only: options.case, threads };
        let outcome = (campaign.run)(&plan)?;
        eprintln!("{}", progress(campaign, &outcome));
        report.add(campaign, outcome);
    }
    println!("{report}");
    Ok(report.failures())
}
