//! The volume index: which chapter a name is in, for every chapter of the window, in memory
//! (specification, section 9).
//!
//! It is a delta index whose values are chapter numbers without their upper bits. Looking up a
//! name yields a chapter where it *probably* is: only collision entries know their whole name, so
//! whoever asks must look into the chapter.
//!
//! A dense index has one *sub-index*. A sparse one has two: one that knows all chapters by their
//! samples, the *hooks*, and one that knows the dense chapters by all other names.
//!
//! # Invariants
//!
//! 1. Stored value `i` stands for the chapter `low + ((i - low) mod 2^chapter_bits)`. As many
//!    chapters as there are values can be told apart, so entries of older ones must be gone
//!    before a value is read: each list remembers a lower bound of its entries' chapters, its
//!    *flush chapter*, and is flushed when a look-up finds that bound below the window.
//! 2. No entry is put for a chapter outside `[low, high]`.
//! 3. `low` follows from `high` alone, but for the early expiry of a zone whose memory
//!    runs short, which lasts until the next chapter (trap 41).
//!
//! Threads: a zone's part belongs to one thread at a time, but for its samples, which triage looks
//! up at any time: they have a lock.

mod flush;
mod regroup;
mod save;
mod sub_index;
#[cfg(test)]
#[cfg(not(uds_loom))]
mod tests;
mod trace;
mod zone;

pub(crate) use self::regroup::regroup;
pub(crate) use self::save::{Declared, Saved, WalkedList, load, read_all_heads, save, walk};
pub(crate) use self::sub_index::{SubIndexZone, chapter_of_value};
pub(crate) use self::trace::EntryTrace;
pub(crate) use self::zone::{Entry, Hooks, VolumeIndexZone};
