//! The cache of sparse chapter indexes of a UDS deduplication index.
//!
//! A sparse index remembers ten times as many records as a dense one in the same memory: of its
//! older chapters the volume index knows one name in thirty-two. When a request hits one of these
//! samples, the whole chapter index is brought into this cache, where the names that follow in the
//! same stream of data are then found (specification, section 11.8).
//!
//! This crate will hold the cached chapter indexes, a search list for each zone, and the two
//! barriers by which zones change the cache together. It reads chapters through a trait of its
//! own, and knows neither the index nor the volume.
//!
//! **It is empty for now.** Sparse indexes are refused by `uds-index`; the name is kept so that the
//! layers of the workspace stay as they are meant. See `CHANGELOG.md`.
#![forbid(unsafe_code)]
