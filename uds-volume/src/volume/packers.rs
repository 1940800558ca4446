//! The threads that sort and encode the record pages of a chapter.
//!
//! They are a pool of their own, not rayon's global one. A program may call its index from all
//! threads of the global pool at once; where these wait for a chapter to be written, and that
//! chapter waited for the global pool to be packed, nobody would ever go on.

use std::fmt;
use std::io;
use std::thread::available_parallelism;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use uds_geometry::Record;

use crate::error::VolumeError;
use crate::record_page::RecordPageEncoder;
use crate::sync::{Mutex, lock};

/// More threads than this wait for each other rather than work.
const MAX_THREADS: usize = 4;

/// Threads that pack record pages, and what they work with.
pub(super) struct Packers {
    pool: ThreadPool,
    records_per_page: u32,
    /// Those that nobody uses; as many as were ever used at a time.
    encoders: Mutex<Vec<RecordPageEncoder>>,
}

impl Packers {
    /// Threads for pages of so many records. They sleep while there is nothing to pack.
    pub(super) fn new(records_per_page: u32) -> Result<Self, VolumeError> {
        let threads = available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("uds-pack-{number}"))
            .build()
            .map_err(|error| VolumeError::Thread {
                thread: "chapter packer",
                source: io::Error::other(error),
            })?;
        Ok(Self { pool, records_per_page, encoders: Mutex::default() })
    }

    /// Sorts and encodes whole pages of records into `pages`, in order.
    pub(super) fn pack(
        &self,
        records: &[Record],
        records_per_page: usize,
        pages: &mut [u8],
    ) -> Result<(), VolumeError> {
        let page_bytes = pages.len() / (records.len() / records_per_page).max(1);
        let pack = |(records, page): (&[Record], &mut [u8])| {
            let free = lock(&self.encoders).pop();
            let new = || RecordPageEncoder::new(self.records_per_page);
            let mut encoder = free.unwrap_or_else(new);
            let result = encoder.encode(records, page);
            lock(&self.encoders).push(encoder);
            result
        };
        let pages = pages.par_chunks_mut(page_bytes);
        self.pool.install(|| records.par_chunks(records_per_page).zip(pages).try_for_each(pack))
    }
}

impl fmt::Debug for Packers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packers").finish_non_exhaustive()
    }
}
