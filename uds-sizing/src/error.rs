//! What can be wrong with a model, or with a saved one.

use std::io;

use thiserror::Error;

/// Why there is no model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SizingError {
    /// The candidates have chapters of more sizes than a model keeps logs.
    #[error(
        "the candidates have chapters of {found} different sizes; a model takes at most {most}: \
         make another one for the rest"
    )]
    TooManyChapterSizes {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// The sparse candidates take samples at different rates.
    #[error(
        "one sparse candidate takes one name in {first} as a sample, another one in {other}: make \
         a model for each rate"
    )]
    SampleRates {
        /// The rate of the first sparse candidate.
        first: u32,
        /// Another one.
        other: u32,
    },
    /// Reading or writing a saved model failed.
    #[error("cannot {action} the model")]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The bytes are no saved model, or a damaged one.
    #[error("the saved model has a wrong {what}: found {found}, wanted {wanted}; remove it")]
    Saved {
        /// Which part is wrong.
        what: &'static str,
        /// What is there.
        found: u64,
        /// What should be.
        wanted: u64,
    },
}
