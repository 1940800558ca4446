//! Whether an image keeps the format, byte for byte.
//!
//! The rules are those of the specification's section 10 and of what it leads to: the saved open
//! chapter (5.5), the page map (8), the saved volume index (3.11, 9.3, 9.9), and the chapters of
//! the volume (3.10, 5.4, 6, 7.1). [`Rule`] names each of them, with its section.
//!
//! # Invariants
//!
//! 1. Nothing here calls the code that writes images: bytes are read, names hashed and sizes
//!    computed from the specification's words alone. The only common ground is the handful of
//!    numbers that a configuration consists of.
//! 2. A rule is judged whatever the others say, as far as it can be: what it needs is computed
//!    from the configuration where possible, not read from fields that another rule is about.
//! 3. Each rule can fail, alone: `tests.rs` has an edit of a good image for each of them.

mod bits;
mod bytes;
mod chapter;
mod murmur;
mod open_chapter;
mod page_map;
mod regions;
mod report;
mod rule;
mod save;
mod shape;
mod super_block;
mod volume;
mod volume_index;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context, Result};

pub(crate) use self::report::Report;
use self::rule::Rule;
pub(crate) use self::shape::Shape;

use self::bytes::{Bytes, Image};

/// What is known of an image before it is read.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) shape: Shape,
    /// The block of the image where the index begins.
    pub(crate) offset: u64,
    /// The client's nonce.
    pub(crate) nonce: u64,
    /// Whether it was closed cleanly.
    pub(crate) clean: bool,
    /// Whether this project wrote it, to a new file: what the format leaves undefined is zero then.
    pub(crate) ours: bool,
}

/// Checks the image in a file.
pub(crate) fn check_file(subject: &Subject, path: &Path) -> Result<Report> {
    let doing = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(path).with_context(doing)?;
    check(subject, &file).with_context(doing)
}

/// Checks an image. Fails only where it cannot be read.
fn check(subject: &Subject, bytes: &dyn Bytes) -> Result<Report> {
    let mut report = Report::default();
    let wanted = 4096 * (subject.offset + subject.shape.total_blocks());
    let length = bytes.length()?;
    report.ask(Rule::FileSize, length >= wanted, || format!("{length} bytes, not {wanted}"));
    if length < wanted {
        return Ok(report);
    }
    let image = Image { bytes, subject };
    let nonces = super_block::check(&image, &mut report)?;
    let saves = save::check(&image, nonces.volume, &mut report)?;
    volume::check(&image, &nonces, &saves, &mut report)?;
    Ok(report)
}
