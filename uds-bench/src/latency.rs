//! How long batches took.

use serde::{Deserialize, Serialize};

/// Percentiles of the time that a batch took from its handing over to its last answer, in
/// microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the batches took no longer.
    pub p50_us: f64,
    /// 99 of 100 took no longer.
    pub p99_us: f64,
    /// 999 of 1000 took no longer.
    pub p999_us: f64,
    /// None took longer.
    pub max_us: f64,
}

impl Latency {
    /// The percentiles of some times, in nanoseconds, which it sorts. None of none.
    pub(crate) fn of(times: &mut [u64]) -> Option<Self> {
        times.sort_unstable();
        let at = |thousandths| Some(percentile(times, thousandths)? as f64 / 1000.0);
        Some(Self { p50_us: at(500)?, p99_us: at(990)?, p999_us: at(999)?, max_us: at(1000)? })
    }
}

/// The smallest of the sorted times that so many thousandths of them do not exceed.
fn percentile(sorted: &[u64], thousandths: usize) -> Option<u64> {
    let rank = (sorted.len() * thousandths).div_ceil(1000);
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the ranks: one too many would report a time that fewer batches kept to, one too few
    // would hide the worst.
    #[test]
    fn percentiles_are_times_that_were_measured() {
        assert_eq!(Latency::of(&mut []), None);
        let of = |times: &mut [u64]| {
            let it = Latency::of(times).unwrap();
            [it.p50_us, it.p99_us, it.p999_us, it.max_us]
        };
        assert_eq!(of(&mut [7000]), [7.0; 4]);
        assert_eq!(of(&mut [3000, 1000, 2000]), [2.0, 3.0, 3.0, 3.0]);
        let mut times: Vec<u64> = (1..=1000).rev().map(|us| us * 1000).collect();
        assert_eq!(of(&mut times), [500.0, 990.0, 999.0, 1000.0]);
        times.push(5_000_000);
        assert_eq!(of(&mut times), [501.0, 991.0, 1000.0, 5000.0]);
    }
}
