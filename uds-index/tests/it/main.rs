//! The index through its public API.
#![expect(clippy::unwrap_used, reason = "what a test does not expect fails it, with its place")]

mod census;
mod common;
mod conformance;
mod converted;
mod copies;
mod copying;
mod damage;
mod disks;
mod errors;
mod explanation;
mod fairness;
mod faults;
mod files;
mod hostile;
mod inspection;
mod layout;
mod lifecycles;
mod limits;
mod model;
mod name_copies;
mod power_cuts;
mod rebuilds;
mod recovery;
mod regressions;
mod replacements;
mod saves;
mod sessions;
mod slow_reads;
mod smoke;
mod sparse;
mod statistics;
mod stress;
mod threads;
mod verification;
