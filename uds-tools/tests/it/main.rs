//! The `uds` command as its users meet it: the built program, its output, its exit codes, and
//! the files that it leaves behind or must not touch.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod answer;
mod arguments;
mod bad_index;
mod bench;
mod convert;
mod create;
mod dump;
mod estimate;
mod exact_count;
mod generated;
mod histogram;
mod index_file;
mod info;
mod interrupt;
mod kills;
mod lookup;
mod openers;
mod page_cache;
mod schema;
mod scope;
mod sparse;
mod stats;
mod support;
mod verify;
