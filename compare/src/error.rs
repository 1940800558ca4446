//! What can go wrong: one error for all stores, because what is done with it is the same.

use std::error::Error;

/// A store refused to do something.
///
/// Reads: "redb could not commit a batch: out of space".
#[derive(Debug, thiserror::Error)]
#[error("{store} could not {action}: {source}")]
pub struct StoreError {
    /// The name of the store.
    pub store: &'static str,
    /// What it was asked for, as the words after "could not".
    pub action: &'static str,
    /// What it says itself.
    pub source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// Makes an error of what a store says: for `map_err`.
    pub(crate) fn of<E>(store: &'static str, action: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        move |source| Self { store, action, source: source.into() }
    }
}

/// A store gave a value that nobody stored.
#[derive(Debug, thiserror::Error)]
#[error("a value has {found} bytes, where only values of 16 bytes were stored")]
pub(crate) struct ValueLength {
    /// The bytes that it has.
    pub(crate) found: usize,
}
