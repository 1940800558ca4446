//! What the memory of the machine costs just now.
//!
//! Machines that many share differ by a factor of three from one hour to the next: two runs can
//! only be compared with these numbers beside them.

use std::hint::black_box;

use serde::{Deserialize, Serialize};

use crate::median::median;
use crate::process::thread_cpu_time;
use crate::workload::mixed;

/// The memory that is read: about that of the volume index of a 256M index, and much more than
/// processors cache.
const BYTES: usize = 220 << 20;
/// Random reads of a measurement.
const READS: u64 = 1 << 20;
/// Measurements, whose median counts.
const REPEATS: usize = 5;

/// What the memory of the machine costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Nanoseconds of a read that misses all caches, where reads do not wait for each other, so
    /// that the processor has several in flight.
    pub independent_miss_ns: f64,
    /// Nanoseconds of a read that misses all caches, where each waits for the one before.
    pub dependent_miss_ns: f64,
    /// What a thread reads in order, in thousand million bytes a second.
    pub stream_gb_per_s: f64,
}

impl Calibration {
    /// Measures it, on 220 MiB of memory that are given back; takes about a second.
    #[must_use]
    pub fn measure() -> Self {
        Self::with(BYTES)
    }

    fn with(bytes: usize) -> Self {
        // Each page is written, so that none is the system's one page of zeroes.
        let numbers: Vec<u64> = (0..(bytes / 8) as u64).map(mixed).collect();
        let length = numbers.len() as u64;
        let per_read = |read: &dyn Fn() -> u64| {
            median(&mut std::array::from_fn::<f64, REPEATS, _>(|_| {
                nanoseconds_of(read) / READS as f64
            }))
        };
        let independent = || {
            let at = |turn| numbers[place(mixed(turn), length)];
            (0..READS).fold(0, |sum: u64, turn| sum.wrapping_add(at(turn)))
        };
        let dependent = || {
            // The turn keeps it from going in a circle.
            (0..READS).fold(0, |last: u64, turn| numbers[place(last ^ mixed(turn), length)])
        };
        let mut rates = std::array::from_fn::<f64, REPEATS, _>(|_| {
            let sum = || numbers.iter().fold(0, |sum: u64, &number| sum.wrapping_add(number));
            (length * 8) as f64 / nanoseconds_of(&sum).max(1.0)
        });
        Self {
            independent_miss_ns: per_read(&independent),
            dependent_miss_ns: per_read(&dependent),
            stream_gb_per_s: median(&mut rates),
        }
    }
}

/// Processor time of some reading, in nanoseconds: others that have the processor meanwhile say
/// nothing of the memory.
fn nanoseconds_of(read: &dyn Fn() -> u64) -> f64 {
    let begin = thread_cpu_time();
    black_box(read());
    thread_cpu_time().saturating_sub(begin).as_nanos() as f64
}

/// A place in a slice of this length, for a number of 64 random bits.
fn place(random: u64, length: u64) -> usize {
    ((u128::from(random) * u128::from(length)) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the places: one outside would panic, a part never read would be cached.
    #[test]
    fn all_of_the_memory_is_read() {
        assert_eq!(place(0, 1000), 0);
        assert_eq!(place(u64::MAX, 1000), 999);
        assert_eq!(place(u64::MAX / 2, 1000), 499);
        let measured = Calibration::with(1 << 20);
        assert!(measured.independent_miss_ns > 0.0 && measured.dependent_miss_ns > 0.0);
        assert!(measured.stream_gb_per_s > 0.0);
    }
}
