//! The phases of `uds bench` on this index and on four key-value stores, in one run.
//!
//! - [`Store`]: which there are; [`measure()`]: all phases on one of them, in this process.
//! - [`Setting`]: what all of them are given. What each is set to beyond that is said at the head
//!   of its own module: `redb`, `lmdb`, `rocksdb`, `fjall`.
//! - [`Measured`], [`Comparison`]: what comes out, as JSON and as a table.
//! - [`Queue`]: how a store without a window is made to forget.
//!
//! A crate outside the workspace, because RocksDB takes a C++ compiler, libclang and patience.
#![deny(unsafe_code)]

mod comparison;
mod error;
mod fjall;
mod folder;
mod key_value;
mod lmdb;
mod measure;
mod memory;
mod queue;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
pub mod run;
mod store;
mod table;
mod versions;

pub use comparison::{Comparison, Measured};
pub use error::StoreError;
pub use key_value::Setting;
pub use measure::measure;
pub use queue::Queue;
pub use store::Store;
