//! Why a run ended early.

use thiserror::Error;

use crate::report::PhaseName;

/// Why a run ended early; `E` is the store's error.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BenchError<E: std::error::Error + 'static> {
    /// The store has failed.
    #[error("phase {phase} could not be carried out")]
    Store {
        /// When.
        phase: PhaseName,
        /// How.
        source: E,
    },
    /// The store could not be created.
    #[error("the store could not be created")]
    Create {
        /// Why.
        source: E,
    },
    /// Names were found that are not there, or were not found although they are.
    #[error(
        "phase {phase}: wrong answers: {found} of the {count} names from number {first} on were \
         found, and {wanted} of them are there"
    )]
    WrongAnswers {
        /// When.
        phase: PhaseName,
        /// The number of the first request of the batch within its phase.
        first: u64,
        /// Requests of the batch.
        count: u64,
        /// How many were found.
        found: u64,
        /// How many should have been.
        wanted: u64,
    },
    /// Too little was posted for a look-up to have anything to find.
    #[error(
        "{posted} records are too few to be looked up: no chapter of the index is full; post more \
         with a larger fill"
    )]
    NoWindow {
        /// How many were posted.
        posted: u64,
    },
    /// A thread that ran batches has panicked.
    #[error("phase {phase}: a caller panicked")]
    Panicked {
        /// When.
        phase: PhaseName,
    },
    /// Whoever watches the progress wanted no more.
    #[error("stopped before the end")]
    Stopped,
}
