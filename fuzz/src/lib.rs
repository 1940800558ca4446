//! Fuzz targets: functions that take any bytes and must return.
//!
//! A finding is a panic: an assertion of the target, or one of the library. The fuzzer itself
//! finds what takes too long or too much memory.
//!
//! - [`index_page`], [`saved_lists`], [`record_page`], [`page_map`], [`slot`]: decoders one by one;
//! - [`region`]: an index of which one region holds other bytes;
//! - [`image`]: an index that was damaged everywhere, opened, and worked with.
//!
//! [`mod@seeds`] makes what the fuzzer starts from. Nothing here needs the fuzzer: the example
//! `replay` runs a target on files with an ordinary toolchain.
#![forbid(unsafe_code)]

mod bases;
mod damage;
mod flat;
mod image;
mod index_page;
mod input;
mod oracle;
mod records;
mod region;
mod saved_lists;
pub mod seeds;
mod slot;

pub use image::image;
pub use index_page::index_page;
pub use records::{page_map, record_page};
pub use region::region;
pub use saved_lists::saved_lists;
pub use slot::slot;

/// A function to be fuzzed.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 7] = [
    ("index_page", index_page),
    ("saved_lists", saved_lists),
    ("record_page", record_page),
    ("page_map", page_map),
    ("slot", slot),
    ("region", region),
    ("image", image),
];
