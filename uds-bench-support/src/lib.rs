//! What the micro-benchmarks of the crates share: criterion measures, and beside each time stands a
//! hash of what was computed.
//!
//! A crate's micro-benchmarks are its bench target `micro`, whose `main` is a call of [`run`]. Each
//! ends in one line on standard output, which `cargo xtask bench` gathers:
//!
//! ```text
//! bench: volume.radix-sort.65536 13.02 0.11 49fdc1a8be6d3f90
//! ```
//!
//! The name; the median and the spread (the scaled median absolute deviation) of one operation
//! in nanoseconds, or `-` where nothing was measured; and the hash. Everything else on standard
//! output is criterion's, and the arguments are those of criterion, too.
//!
//! | variable | meaning |
//! |---|---|
//! | `UDS_BENCH_TINY` | small sizes, each benchmark runs twice, nothing is measured |
//! | `UDS_BENCH_SECONDS` | how long to measure each benchmark, 2 where it is not set |
//! | `CRITERION_HOME` | where criterion keeps its files; `criterion` in the target folder |
//!
//! Without cargo's argument `--bench`, as under `cargo test --benches`, the run is tiny as well.
//!
//! # Invariants
//!
//! 1. The hash covers the answers or bytes of all operations of one call of the work, and depends
//!    on the size alone: not on the run, the machine, the threads or the clock.
//! 2. Every call of a benchmark's work gives the same hash; one that does not ends the program.
//! 3. What is not measured is not set up.
#![forbid(unsafe_code)]

mod digest;
mod inputs;
mod measure;
mod process;

pub use digest::Digest;
pub use inputs::{Random, data, name, record, records};
pub use measure::{Suite, run};
pub use process::memory_mib;
