//! What `uds bench` prints.
//!
//! Invariant: no line of the text is wider than 60 columns, paths excepted.

use std::fmt::Write;
use std::path::Path;
use std::thread;

use serde::Serialize;
use uds_bench::{Phase, Plan};
use uds_geometry::Configuration;

use crate::cli::BenchArgs;
use crate::output::SCHEMA_VERSION;
use crate::units;

/// The JSON object.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema_version: u32,
    memory: String,
    sparse: bool,
    window_records: u64,
    zones: u8,
    callers: u16,
    /// Processor cores that the process may use.
    cores: usize,
    batch: usize,
    fill_records: u64,
    ops: u64,
    runs: u16,
    path: String,
    #[serde(flatten)]
    measured: uds_bench::Report,
}

impl Report {
    pub(super) fn new(
        arguments: &BenchArgs,
        configuration: &Configuration,
        plan: &Plan,
        path: &Path,
        measured: uds_bench::Report,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            memory: arguments.memory.to_string(),
            sparse: arguments.sparse,
            window_records: configuration.geometry().records_per_volume(),
            zones: arguments.zones.get(),
            callers: arguments.callers,
            cores: thread::available_parallelism().map_or(1, usize::from),
            batch: plan.batch,
            fill_records: plan.fill,
            ops: plan.ops,
            runs: arguments.runs,
            path: path.display().to_string(),
            measured,
        }
    }

    /// The text for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_settings(&mut text);
        let _ = self.write_requests(&mut text);
        let _ = self.write_latencies(&mut text);
        let _ = self.write_endings(&mut text);
        let _ = self.write_totals(&mut text);
        text
    }

    fn write_settings(&self, text: &mut String) -> std::fmt::Result {
        let kind = if self.sparse { "sparse" } else { "dense" };
        let zones = units::counted(u64::from(self.zones), "zone");
        writeln!(text, "Index      {kind}, memory {}, {zones}", self.memory)?;
        writeln!(text, "           window {} records", units::count(self.window_records))?;
        writeln!(text, "File       {}, removed", units::path(Path::new(&self.path)))?;
        let callers = units::counted(u64::from(self.callers), "caller");
        let cores = units::counted(self.cores as u64, "core");
        writeln!(text, "Machine    {cores}, {callers}")?;
        if self.runs > 1 {
            writeln!(text, "Runs       {}; each number is their median", self.runs)?;
        }
        Ok(())
    }

    fn write_requests(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n{:<16}{:>12}{:>9}{:>9}{:>7}{:>7}",
            "One request", "count", "wall ns", "CPU ns", "found", "MiB"
        )?;
        for phase in self.measured.phases.iter().filter(|phase| phase.found.is_some()) {
            writeln!(
                text,
                "  {:<14}{:>12}{:>9}{:>9}{:>7}{:>7}",
                phase.name,
                units::count(phase.count),
                units::count(phase.wall_ns_per_op.round() as u64),
                units::count(phase.cpu_ns_per_op.round() as u64),
                found(phase),
                mebibytes(phase.peak_resident_bytes)
            )?;
        }
        Ok(())
    }

    fn write_latencies(&self, text: &mut String) -> std::fmt::Result {
        let title = format!("Batch of {}", units::count(self.batch as u64));
        let columns = ["50% ms", "99% ms", "99.9% ms", "worst ms"];
        write!(text, "\n{title:<16}")?;
        columns.iter().try_for_each(|column| write!(text, "{column:>11}"))?;
        writeln!(text)?;
        for phase in &self.measured.phases {
            let Some(latency) = &phase.latency else { continue };
            write!(text, "  {:<14}", phase.name)?;
            for time in [latency.p50_us, latency.p99_us, latency.p999_us, latency.max_us] {
                write!(text, "{:>11.3}", time / 1000.0)?;
            }
            writeln!(text)?;
        }
        Ok(())
    }

    fn write_endings(&self, text: &mut String) -> std::fmt::Result {
        let title = "Closing, opening";
        writeln!(text, "\n{title:<28}{:>9}{:>9}{:>7}{:>7}", "wall s", "CPU s", "", "MiB")?;
        for phase in self.measured.phases.iter().filter(|phase| phase.found.is_none()) {
            writeln!(
                text,
                "  {:<26}{:>9.3}{:>9.3}{:>7}{:>7}",
                phase.name,
                phase.wall_ns_per_op / 1e9,
                phase.cpu_ns_per_op / 1e9,
                "",
                mebibytes(phase.peak_resident_bytes)
            )?;
        }
        Ok(())
    }

    fn write_totals(&self, text: &mut String) -> std::fmt::Result {
        let it = &self.measured;
        let bytes = |count: Option<u64>| count.map_or_else(|| "unknown".to_owned(), units::bytes);
        writeln!(text, "\nMemory     {} at most", bytes(it.peak_resident_bytes))?;
        let (all, storage) = (bytes(it.bytes_written), bytes(it.storage_bytes_written));
        writeln!(text, "Written    {all}, to storage {storage}")?;
        let (all, storage) = (bytes(it.bytes_read), bytes(it.storage_bytes_read));
        writeln!(text, "Read       {all}, from storage {storage}")?;
        writeln!(text, "On disk    {}", units::bytes(it.bytes_on_storage))?;
        let memory = &it.calibration;
        writeln!(text, "\nThis machine's memory just now, for comparisons")?;
        writeln!(
            text,
            "  a cache miss, several in flight {:>15.1} ns",
            memory.independent_miss_ns
        )?;
        writeln!(text, "  a cache miss, one after another {:>15.1} ns", memory.dependent_miss_ns)?;
        writeln!(text, "  reading in order                {:>15.1} GB/s", memory.stream_gb_per_s)
    }
}

/// The share of names that a phase has found.
fn found(phase: &Phase) -> String {
    let found = phase.found.unwrap_or(0.0) * phase.count as f64;
    units::share(found.round() as u64, phase.count)
}

/// Bytes in MiB, rounded.
fn mebibytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| units::count((bytes + (1 << 19)) >> 20))
}
