//! The index through its public API.

mod common;
mod smoke;
