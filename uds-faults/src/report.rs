//! The table at the end of a run.

use std::fmt;

use crate::campaign::{Campaign, Outcome, Tally};
use crate::oracle::Loss;

/// What campaigns came to.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<(&'static str, &'static str, Outcome)>,
}

impl Report {
    /// Adds what a campaign came to.
    pub fn add(&mut self, campaign: &Campaign, outcome: Outcome) {
        self.rows.push((campaign.row, campaign.about, outcome));
    }

    /// How many cases failed.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.rows.iter().map(|(_, _, outcome)| outcome.failures.len()).sum()
    }
}

/// A line for one campaign, to show while others run.
#[must_use]
pub fn progress(campaign: &Campaign, outcome: &Outcome) -> String {
    let Outcome { tally, failures, elapsed } = outcome;
    let (row, cases, failed) = (campaign.row, tally.cases, failures.len());
    let mut text =
        format!("{row}: {cases} cases in {:.1} s, {failed} failed", elapsed.as_secs_f64());
    for (what, count) in tally.remarks() {
        text.push_str(&format!(", {count} {what}"));
    }
    text
}

impl fmt::Display for Report {
    /// The table, and as the last line the sums.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<4} {:>9} {:>9} {:>9} {:>9} {:>15} {:>8} {:>6}  what",
            "row", "cases", "clean", "recovered", "refused", "worst loss", "seconds", "failed"
        )?;
        let mut all = Tally::default();
        for (row, about, outcome) in &self.rows {
            let tally = &outcome.tally;
            all.add(tally);
            let worst = loss(tally.worst);
            writeln!(
                f,
                "{row:<4} {:>9} {:>9} {:>9} {:>9} {worst:>15} {:>8.1} {:>6}  {about}",
                tally.cases,
                tally.clean,
                tally.recovered,
                tally.refused,
                outcome.elapsed.as_secs_f64(),
                outcome.failures.len(),
            )?;
            for (what, count) in tally.remarks() {
                writeln!(f, "     {count:>9} {what}")?;
            }
        }
        write!(
            f,
            "faults: {} cases, {} recoveries, worst loss {}, {} failed",
            all.cases,
            all.recovered,
            loss(all.worst),
            self.failures(),
        )
    }
}

/// Records, chapters, and how many records a chapter has.
fn loss(loss: Loss) -> String {
    let Loss { records, chapters, per_chapter } = loss;
    if records == 0 {
        return "none".to_owned();
    }
    format!("{records} in {chapters} of {per_chapter}")
}
