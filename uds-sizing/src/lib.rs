//! How large must a deduplication index be for this data? One pass, every size, fixed memory.
//!
//! A [`Model`] is told the name of each block in the order in which it would be posted to an index,
//! and says at any time what each of several [`Candidate`] indexes would have found: a [`Curve`].
//! It holds no index. It remembers a sample of the names, chosen by their hashes, and for each the
//! chapter in which a record of it would lie now; a post finds its name if that chapter is still in
//! the candidate's window. While fewer than about 900,000 different names were seen, all of them
//! are in the sample, and the answers for dense indexes are exact. Later the sample is thinned by
//! halves, each name counts as many times more, and every answer has an error.
//!
//! ```
//! use uds_geometry::{Configuration, MemorySize, RecordName};
//! use uds_sizing::{Candidate, Model, Outcome, Reference, Stream};
//!
//! let small = Candidate::new(&Configuration::dense(MemorySize::MB_256).geometry());
//! let mut model = Model::new(&[small])?;
//! let (mut stream, mut outcomes) = (Stream::default(), Vec::new());
//! let blocks = [b"one", b"two", b"one", b"one"];
//! let references =
//!     blocks.map(|block| Reference { name: RecordName::of_block(block), bytes: 4096 });
//! model.observe(&mut stream, &references, &mut outcomes);
//! assert_eq!(outcomes[1], Outcome::New { weight: 1 });
//! let curve = model.curve();
//! assert_eq!(curve.found[0].bytes, 8192);
//! assert_eq!((curve.unlimited.bytes, curve.unlimited.error_bytes), (8192, 0));
//! # Ok::<(), uds_sizing::SizingError>(())
//! ```
//!
//! # Why it is right
//!
//! - A post that finds its name moves the record to the open chapter, and one that does not stores
//!   a new record there; only a name that is in the open chapter already stays where it is
//!   (specification, section 11.4). The log of records therefore grows the same whatever the size
//!   of the window, and one log for each chapter size serves all candidates: the distance that
//!   decides is counted in records of this log, not in different names.
//! - A dense index finds a name if its chapter is among the newest so many (section 2.5).
//! - A sparse index finds a name of an old chapter if it is a sample of the index, or if the
//!   chapter's index is in the sparse cache, into which the last found samples bring it (section
//!   11.8). See the module `sparse` for how that is modelled, and with which error.
//! - Sampling by the hash of the name is that of SHARDS (Waldspurger and others, *Efficient MRC
//!   Construction with SHARDS*, FAST 2015). What is counted are the blocks that are *not* found: of
//!   a name that comes a million times at once, in the sample or not, that is one.
#![forbid(unsafe_code)]

mod candidate;
mod curve;
mod error;
mod hash;
mod log;
mod model;
mod sample;
mod sparse;
mod state;
mod stream;
mod tally;

pub use candidate::Candidate;
pub use curve::{Amount, Curve, Found};
pub use error::SizingError;
pub use model::{Model, Outcome, Reference};
pub use stream::Stream;
