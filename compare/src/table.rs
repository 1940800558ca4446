//! A comparison as text.
//!
//! Invariants:
//! 1. A column for each store, a row for each number: tables of stores cannot be as narrow as
//!    other texts. With all five they are 76 columns wide.
//! 2. What is unknown is a dash.

use std::fmt::{self, Write as _};

use uds_bench::{Phase, PhaseName, Report};

use crate::comparison::{Comparison, Measured};

const LABEL: usize = 21;
const COLUMN: usize = 11;

/// Phases of many requests, in their order.
const REQUESTS: [PhaseName; 7] = [
    PhaseName::Fill,
    PhaseName::Steady,
    PhaseName::Miss,
    PhaseName::HitSequential,
    PhaseName::HitRecent,
    PhaseName::HitRandom,
    PhaseName::PostDuplicate,
];

const ENDINGS: [PhaseName; 3] = [PhaseName::Close, PhaseName::CleanOpen, PhaseName::UncleanOpen];

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of =
            if self.runs == 1 { "one run".into() } else { format!("medians of {}", self.runs) };
        writeln!(
            f,
            "{} records, then {} requests a phase; {of}",
            grouped(self.records),
            grouped(self.ops)
        )?;
        writeln!(f, "caches and write buffers of the others: {}", bytes(self.memory_bytes))?;
        let wall = |phase: &Phase| grouped_ns(phase.wall_ns_per_op);
        let cpu = |phase: &Phase| grouped_ns(phase.cpu_ns_per_op);
        let worst = |phase: &Phase| Some(format!("{:.1}", phase.latency?.max_us / 1e3));
        let seconds = |phase: &Phase| Some(format!("{:.2}", phase.wall_ns_per_op / 1e9));
        self.phases(f, "wall ns a request", &REQUESTS, wall)?;
        self.phases(f, "processor ns", &REQUESTS, cpu)?;
        self.phases(f, "worst batch, ms", &REQUESTS[..2], worst)?;
        self.phases(f, "seconds", &ENDINGS, seconds)?;
        self.head(f, "bytes")?;
        self.row(f, "on storage", |store| Some(bytes(store.report.bytes_on_storage)))?;
        let written = |report: &Report| report.storage_bytes_written.map(bytes);
        self.row(f, "written to storage", |store| written(&store.report))?;
        self.row(f, "peak RSS", |store| store.report.peak_resident_bytes.map(bytes))?;
        self.row(f, "of it no file's", |store| store.peak_anonymous_bytes.map(bytes))
    }
}

impl Comparison {
    fn head(&self, f: &mut fmt::Formatter<'_>, title: &str) -> fmt::Result {
        writeln!(f)?;
        self.row(f, title, |store| Some(store.store.to_string()))?;
        self.row(f, "", |store| Some(store.version.clone()))
    }

    /// A head, and a row for each of these phases.
    fn phases(
        &self,
        f: &mut fmt::Formatter<'_>,
        title: &str,
        names: &[PhaseName],
        cell: impl Fn(&Phase) -> Option<String>,
    ) -> fmt::Result {
        self.head(f, title)?;
        names.iter().try_for_each(|&name| {
            self.row(f, name.as_str(), |store| cell(store.report.phase(name)?))
        })
    }

    fn row(
        &self,
        f: &mut fmt::Formatter<'_>,
        label: &str,
        cell: impl Fn(&Measured) -> Option<String>,
    ) -> fmt::Result {
        let mut line = format!("{label:LABEL$}");
        for store in &self.stores {
            let cell = cell(store).unwrap_or_else(|| "-".into());
            write!(line, "{cell:>COLUMN$}")?;
        }
        writeln!(f, "{}", line.trim_end())
    }
}

fn grouped_ns(number: f64) -> Option<String> {
    Some(if number < 100.0 { format!("{number:.1}") } else { grouped(number.round() as u64) })
}

/// A count with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes in MiB, or in GiB from 10 GiB on.
fn bytes(count: u64) -> String {
    let mebibytes = count as f64 / f64::from(1 << 20);
    if mebibytes < 10_240.0 {
        format!("{mebibytes:.0} MiB")
    } else {
        format!("{:.1} GiB", mebibytes / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn measured(store: Store) -> Measured {
        let phase = serde_json::json!({
            "name": "fill", "count": 10, "wall_ns_per_op": 1234.5, "cpu_ns_per_op": 12.34,
            "found": 0.0, "resident_bytes": 1,
            "latency": { "p50_us": 1.0, "p99_us": 2.0, "p999_us": 3.0, "max_us": 4500.0 },
        });
        let json = serde_json::json!({
            "store": store, "version": "1.2.3", "peak_anonymous_bytes": null, "phases": [phase],
            "peak_resident_bytes": 240 << 20, "bytes_written": 1, "bytes_read": 1,
            "storage_bytes_written": 2_u64 << 40, "storage_bytes_read": 1,
            "bytes_on_storage": 0,
            "calibration": {
                "independent_miss_ns": 8.0, "dependent_miss_ns": 90.0, "stream_gb_per_s": 20.0
            },
        });
        serde_json::from_value(json).unwrap()
    }

    // Guards the table: a column too narrow, a number under another store's name.
    #[test]
    fn a_column_for_each_store() {
        let stores = Store::ALL.map(measured).to_vec();
        let comparison = Comparison {
            records: 20_000_000,
            ops: 4_000_000,
            memory_bytes: 240 << 20,
            runs: 3,
            stores,
        };
        let text = comparison.to_string();
        assert!(text.starts_with("20,000,000 records, then 4,000,000 requests a phase; medians"));
        assert!(text.lines().all(|line| line.len() <= 76), "{text}");
        let row = |label: &str| text.lines().find(|line| line.starts_with(label)).unwrap();
        assert_eq!(row("fill").split_whitespace().collect::<Vec<_>>()[1..], ["1,235"; 5]);
        assert_eq!(row("of it").split_whitespace().filter(|&cell| cell == "-").count(), 5);
        assert!(row("miss").ends_with('-') && row("written").contains("2048.0 GiB"));
        assert!(
            text.contains("wall ns a request") && text.contains("12.3") && text.contains("4.5")
        );
    }
}
