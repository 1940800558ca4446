//! What a request costs: the phases of `uds bench`, over any store of names.
//!
//! - [`run_phases`]: all phases in their order, on one store.
//! - [`Plan`]: how much of each; [`Report`]: what was measured.
//! - [`Maker`] and [`Subject`]: what a store has to offer to be measured.
//! - [`IndexMaker`]: the deduplication index, by its public interface.
//! - [`Calibration`]: what the machine's memory costs, without which numbers cannot be compared.
//!
//! Names are computed and batches are prepared outside the time that is measured.
#![forbid(unsafe_code)]

mod calibration;
mod driver;
mod error;
mod index;
mod latency;
mod median;
mod piece;
mod plan;
mod process;
mod report;
mod subject;
mod sync;
mod workload;

pub use calibration::Calibration;
pub use driver::{Progress, run_phases};
pub use error::BenchError;
pub use index::{IndexMaker, IndexSubject, IndexTrouble};
pub use latency::Latency;
pub use plan::Plan;
pub use report::{Phase, PhaseName, Report};
pub use subject::{Ending, Maker, Operation, Subject, Window};
pub use workload::record;
