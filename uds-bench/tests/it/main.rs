//! Whole runs: on a small index, and on a store that can lie.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod index;
mod lies;
