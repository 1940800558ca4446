//! The medians of several runs.

use crate::calibration::Calibration;
use crate::latency::Latency;
use crate::report::{Phase, Report};

/// The median of some numbers, which it sorts: the mean of the two in the middle where there is an
/// even number of them; 0 of none.
pub(crate) fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        length if length % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

/// The median of a number of each run.
fn number(runs: &[Report], get: impl Fn(&Report) -> f64) -> f64 {
    median(&mut runs.iter().map(get).collect::<Vec<_>>())
}

/// The median of a number that a run need not have; none where a run has none.
fn bytes(runs: &[Report], get: impl Fn(&Report) -> Option<u64>) -> Option<u64> {
    let mut numbers: Vec<f64> =
        runs.iter().map(|run| get(run).map(|it| it as f64)).collect::<Option<_>>()?;
    Some(median(&mut numbers) as u64)
}

impl Report {
    /// The median of each number of some runs of the same plan, by itself: no single run need have
    /// had all of them. None of no runs.
    #[must_use]
    pub fn median(runs: &[Self]) -> Option<Self> {
        let first = runs.first()?;
        let phases = (0..first.phases.len()).map(|place| phase(runs, place)).collect();
        Some(Self {
            phases,
            peak_resident_bytes: bytes(runs, |run| run.peak_resident_bytes),
            bytes_written: bytes(runs, |run| run.bytes_written),
            bytes_read: bytes(runs, |run| run.bytes_read),
            storage_bytes_written: bytes(runs, |run| run.storage_bytes_written),
            storage_bytes_read: bytes(runs, |run| run.storage_bytes_read),
            bytes_on_storage: number(runs, |run| run.bytes_on_storage as f64) as u64,
            calibration: Calibration {
                independent_miss_ns: number(runs, |run| run.calibration.independent_miss_ns),
                dependent_miss_ns: number(runs, |run| run.calibration.dependent_miss_ns),
                stream_gb_per_s: number(runs, |run| run.calibration.stream_gb_per_s),
            },
        })
    }
}

fn phase(runs: &[Report], place: usize) -> Phase {
    let first = &runs[0].phases[place];
    let number = |get: fn(&Phase) -> f64| number(runs, |run| get(&run.phases[place]));
    let latency = |get: fn(&Latency) -> f64| {
        let times = runs.iter().filter_map(|run| run.phases[place].latency.as_ref());
        median(&mut times.map(get).collect::<Vec<_>>())
    };
    Phase {
        name: first.name,
        count: number(|phase| phase.count as f64) as u64,
        wall_ns_per_op: number(|phase| phase.wall_ns_per_op),
        cpu_ns_per_op: number(|phase| phase.cpu_ns_per_op),
        found: first.found.map(|_| number(|phase| phase.found.unwrap_or(0.0))),
        latency: first.latency.map(|_| Latency {
            p50_us: latency(|it| it.p50_us),
            p99_us: latency(|it| it.p99_us),
            p999_us: latency(|it| it.p999_us),
            max_us: latency(|it| it.max_us),
        }),
        peak_resident_bytes: bytes(runs, |run| run.phases[place].peak_resident_bytes),
        resident_bytes: bytes(runs, |run| run.phases[place].resident_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::PhaseName;

    // Guards the middle of an even and of an odd number.
    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(&mut []), 0.0);
        assert_eq!(median(&mut [3.0]), 3.0);
        assert_eq!(median(&mut [9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [9.0, 1.0, 2.0, 4.0]), 3.0);
    }

    fn run(number: f64) -> Report {
        let latency = Latency {
            p50_us: number,
            p99_us: number * 2.0,
            p999_us: number * 3.0,
            max_us: number * 4.0,
        };
        let phase = Phase {
            name: PhaseName::Fill,
            count: 1000,
            wall_ns_per_op: number,
            cpu_ns_per_op: 10.0 - number,
            found: Some(0.5),
            latency: Some(latency),
            peak_resident_bytes: Some(number as u64 * 10),
            resident_bytes: Some(number as u64),
        };
        let close = Phase { name: PhaseName::Close, found: None, latency: None, ..phase.clone() };
        Report {
            phases: vec![phase, close],
            peak_resident_bytes: Some(number as u64 * 100),
            bytes_written: Some(7),
            bytes_read: (number > 1.0).then_some(7),
            storage_bytes_written: None,
            storage_bytes_read: None,
            bytes_on_storage: 5,
            calibration: Calibration {
                independent_miss_ns: number,
                dependent_miss_ns: 1.0,
                stream_gb_per_s: 1.0,
            },
        }
    }

    // Guards against medians that take one run's numbers for all, or a number for another.
    #[test]
    fn each_number_has_its_median() {
        assert!(Report::median(&[]).is_none());
        let it = Report::median(&[run(1.0), run(9.0), run(2.0)]).unwrap();
        let fill = it.phase(PhaseName::Fill).unwrap();
        assert_eq!((fill.wall_ns_per_op, fill.cpu_ns_per_op, fill.count), (2.0, 8.0, 1000));
        assert_eq!((fill.found, fill.resident_bytes), (Some(0.5), Some(2)));
        assert_eq!(fill.peak_resident_bytes, Some(20));
        let latency = fill.latency.unwrap();
        let times = [latency.p50_us, latency.p99_us, latency.p999_us, latency.max_us];
        assert_eq!(times, [2.0, 4.0, 6.0, 8.0]);
        let close = it.phase(PhaseName::Close).unwrap();
        assert!(close.found.is_none() && close.latency.is_none());
        assert_eq!((it.peak_resident_bytes, it.bytes_written), (Some(200), Some(7)));
        assert_eq!((it.bytes_read, it.storage_bytes_written), (None, None));
        assert_eq!((it.bytes_on_storage, it.calibration.independent_miss_ns), (5, 2.0));
    }
}
