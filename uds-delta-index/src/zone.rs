//! One zone of a mutable delta index: its memory, its lists' headers and its counts.
//!
//! Layout (specification, section 3.4): one piece of bit memory in which the lists lie in order,
//! with gaps between them for growth. Each list has a header of 32 bytes: where it starts, how many
//! bits it has, and where in it some keys are (see [`header`]). The headers are numbered from 1;
//! header 0 stands for the start of the memory and the last one for the *tail guard*, the last 7
//! bytes, all ones.
//!
//! Invariants:
//! 1. Lists do not overlap: each starts at or after the end of the one before it.
//! 2. The guard is never written, so that no field of a list lies within the last 7 bytes.
//! 3. `used_bits` is the sum of the lists' sizes.
//! 4. The marks of a list are as [`header`] has them, or the header says that it has none.
//!
//! Threads: a zone belongs to one thread at a time. It is `Send` and shares nothing.

mod ahead;
mod check;
mod copy;
mod cursor;
mod entries;
mod expire;
mod fill;
mod header;
mod insert;
mod merge;
mod regroup;
mod remove;
mod retain;
mod space;

use uds_geometry::{DeltaCoding, DeltaKey, DeltaListNumber};

pub use check::{InvariantViolation, ZoneCensus};
pub use cursor::Cursor;
pub use entries::{DeltaEntry, Entries, PlacedEntry};
pub use expire::AgingSegment;
pub use header::{ListTags, SEGMENTS};
pub use insert::Insertion;
pub use merge::MergeScratch;
pub use regroup::regroup;

use crate::DeltaError;
use crate::coding::EntryCoding;
use crate::list::ListView;
use ahead::Ahead;
use header::{ListHeader, MAX_ZONE_BYTES, Segmentation, list_bits};

/// The largest size of a list, in bits.
pub const MAX_LIST_BITS: u32 = 65535;
/// Bytes of the guard at the end of a zone's memory and of an index page.
pub(crate) const GUARD_BYTES: usize = 7;
/// Bytes that memory hands over at once, on most machines.
const CACHE_LINE: usize = 64;
/// The smallest memory of a zone: a word and the guard.
const MIN_ZONE_BYTES: usize = 16;
/// Zones of at most this many lists are always re-spaced as a whole, as the reference does it.
const WHOLE_ZONE_LISTS: u32 = 4096;

/// What a zone is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneConfiguration {
    /// The first list of the zone, counted over all zones.
    pub first_list: DeltaListNumber,
    /// How many lists the zone has; at least 1.
    pub list_count: u32,
    /// Bytes of bit memory, rounded as the format wants it (a multiple of 65536); at least 16.
    pub memory_bytes: usize,
    /// The delta code.
    pub coding: DeltaCoding,
    /// Bits of an entry's value, 1 to 25.
    pub value_bits: u32,
    /// Bits of a key, at most 32. Keys may be larger than that, but are slower to find then.
    pub key_bits: u32,
}

/// What a zone counts. Counts are modulo 2^64: after a load all records are credited to zone 0,
/// and other zones may count below zero, so that only sums over all zones mean something
/// (specification, trap 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeltaStatistics {
    /// Entries, collisions included.
    pub records: u64,
    /// Collision entries.
    pub collisions: u64,
    /// Entries removed since the zone was made.
    pub discards: u64,
    /// Entries refused because their list would exceed 65535 bits.
    pub overflows: u64,
    /// How often lists were moved apart to make room.
    pub rebalances: u64,
}

impl DeltaStatistics {
    /// The sum of two zones' counts, modulo 2^64.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            records: self.records.wrapping_add(other.records),
            collisions: self.collisions.wrapping_add(other.collisions),
            discards: self.discards.wrapping_add(other.discards),
            overflows: self.overflows.wrapping_add(other.overflows),
            rebalances: self.rebalances.wrapping_add(other.rebalances),
        }
    }
}

/// One zone of a mutable delta index.
///
/// Lists are named by their number in the whole index, not in the zone.
pub struct DeltaZone {
    memory: Vec<u8>,
    /// A header for each list, and one at each end.
    headers: Vec<ListHeader>,
    coding: EntryCoding,
    segmentation: Segmentation,
    first_list: u32,
    list_count: u32,
    /// Zones of at most this many lists are re-spaced as a whole.
    whole_zone_lists: u32,
    /// Changes with every insertion and removal, to tell stale cursors.
    stamp: u32,
    used_bits: u64,
    statistics: DeltaStatistics,
    /// Look-ups that were begun together.
    ahead: Ahead,
}

impl std::fmt::Debug for DeltaZone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeltaZone")
            .field("first_list", &self.first_list)
            .field("list_count", &self.list_count)
            .field("zone_bytes", &self.memory.len())
            .field("used_bits", &self.used_bits)
            .field("statistics", &self.statistics)
            .finish_non_exhaustive()
    }
}

impl DeltaZone {
    /// Makes an empty zone. Its bit memory is not touched until lists grow into it, so that an
    /// empty zone costs its headers only: 32 bytes a list.
    ///
    /// # Errors
    ///
    /// [`DeltaError::OutOfMemory`], or [`DeltaError::InvalidArgument`] for a configuration outside
    /// the ranges that [`ZoneConfiguration`] gives.
    pub fn new(configuration: &ZoneConfiguration) -> Result<Self, DeltaError> {
        let &ZoneConfiguration { first_list, list_count, memory_bytes, .. } = configuration;
        let invalid =
            |what, found, wanted| Err(DeltaError::InvalidArgument { what, found, wanted });
        if list_count == 0 {
            return invalid("number of delta lists of a zone", 0, "at least 1");
        }
        if first_list.get().checked_add(list_count).is_none() {
            let found = u64::from(first_list.get());
            return invalid(
                "first delta list of a zone",
                found,
                "so low that all lists fit 32 bits",
            );
        }
        if memory_bytes < MIN_ZONE_BYTES || memory_bytes as u64 > MAX_ZONE_BYTES {
            return invalid("memory of a zone", memory_bytes as u64, "16 bytes to 16 TiB");
        }
        let mut zone = Self {
            memory: zeroed(memory_bytes)?,
            headers: empty_headers(list_count as usize + 2)?,
            coding: EntryCoding::new(configuration.coding, configuration.value_bits)?,
            segmentation: Segmentation::of_keys(configuration.key_bits.min(32)),
            first_list: first_list.get(),
            list_count,
            whole_zone_lists: WHOLE_ZONE_LISTS,
            stamp: 0,
            used_bits: 0,
            statistics: DeltaStatistics::default(),
            ahead: Ahead::default(),
        };
        let guard_start = memory_bytes - GUARD_BYTES;
        zone.memory[guard_start..].fill(0xff);
        zone.spread_empty_lists();
        Ok(zone)
    }

    /// Empties all lists. The entries count as discarded.
    pub fn reset(&mut self) {
        let counts = &mut self.statistics;
        counts.discards = counts.discards.wrapping_add(counts.records);
        counts.records = 0;
        counts.collisions = 0;
        self.used_bits = 0;
        self.changed_throughout();
        self.spread_empty_lists();
    }

    /// Lays out empty lists with even gaps (specification, section 3.4).
    fn spread_empty_lists(&mut self) {
        let count = u64::from(self.list_count);
        let usable = self.guard_start();
        let spacing = usable / count;
        for (header, index) in self.headers[1..].iter_mut().zip(0..count) {
            let start = spacing / 2 + index * spacing;
            *header = ListHeader::at(start, 0);
        }
        self.headers[0] = ListHeader::default();
        let guard = ListHeader::at(usable, 8 * GUARD_BYTES as u16);
        self.headers[self.list_count as usize + 1] = guard;
    }

    /// The first list of the zone.
    #[must_use]
    pub const fn first_list(&self) -> DeltaListNumber {
        DeltaListNumber::new(self.first_list)
    }

    /// How many lists the zone has.
    #[must_use]
    pub const fn list_count(&self) -> u32 {
        self.list_count
    }

    /// All lists of the zone, in order.
    pub fn lists(&self) -> impl ExactSizeIterator<Item = DeltaListNumber> + use<> {
        (self.first_list..self.first_list + self.list_count).map(DeltaListNumber::new)
    }

    /// Bits of a list.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`].
    pub fn list_bits(&self, list: DeltaListNumber) -> Result<u32, DeltaError> {
        Ok(u32::from(self.headers[self.index_of(list)?].size))
    }

    /// Bits of all lists together.
    #[must_use]
    pub const fn used_bits(&self) -> u64 {
        self.used_bits
    }

    /// What the zone has counted.
    #[must_use]
    pub const fn statistics(&self) -> DeltaStatistics {
        self.statistics
    }

    /// Bytes of bit memory, as configured.
    #[must_use]
    pub fn zone_bytes(&self) -> usize {
        self.memory.len()
    }

    /// All bytes that the zone takes: bit memory, headers and itself.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory.capacity()
            + self.headers.capacity() * size_of::<ListHeader>()
            + size_of::<Self>()
    }

    /// Reads bytes of a list near a key, and its header before that.
    ///
    /// A look-up in a large index waits twice for memory: for the header, then for the list. Who
    /// has a batch of look-ups to do touches all their lists first, so that the waits overlap, and
    /// passes the bytes to [`std::hint::black_box`]. The byte means nothing; it is 0 for a list
    /// that the zone does not have.
    #[must_use]
    #[inline]
    pub fn touch(&self, list: DeltaListNumber, key: DeltaKey) -> u8 {
        let index = list.get().wrapping_sub(self.first_list) as usize;
        if index >= self.list_count as usize {
            return 0;
        }
        let header = &self.headers[index + 1];
        let offset = header.segment_start(self.segmentation.segment_of(key.get()));
        let byte = ((header.start() + u64::from(offset)) / 8) as usize;
        // A walk along half a segment goes into the next line of memory.
        let byte_at = |byte: usize| self.memory.get(byte).copied().unwrap_or_default();
        byte_at(byte) ^ byte_at(byte + CACHE_LINE)
    }

    /// The segment of its list in which a key is: the keys of each list are divided into
    /// [`SEGMENTS`] ranges.
    #[must_use]
    #[inline]
    pub fn segment_of(&self, key: DeltaKey) -> usize {
        self.segmentation.segment_of(key.get())
    }

    /// The tags of a list: all 0 in a new zone, and of a list that was laid out anew by a
    /// restoration or by [`regroup()`].
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`].
    #[inline]
    pub fn tags(&self, list: DeltaListNumber) -> Result<ListTags, DeltaError> {
        Ok(self.headers[self.index_of(list)?].tags)
    }

    /// Gives a list other tags.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`].
    pub fn set_tags(&mut self, list: DeltaListNumber, tags: ListTags) -> Result<(), DeltaError> {
        let index = self.index_of(list)?;
        self.headers[index].tags = tags;
        Ok(())
    }

    /// The index of a list's header.
    #[inline]
    fn index_of(&self, list: DeltaListNumber) -> Result<usize, DeltaError> {
        let index = list.get().wrapping_sub(self.first_list);
        if index < self.list_count { Ok(index as usize + 1) } else { Err(self.no_such_list(list)) }
    }

    #[cold]
    fn no_such_list(&self, list: DeltaListNumber) -> DeltaError {
        DeltaError::NoSuchList { list, first: self.first_list(), count: self.list_count }
    }

    #[inline]
    fn view(&self, index: usize) -> ListView<'_> {
        let header = &self.headers[index];
        ListView {
            memory: &self.memory,
            start: header.start(),
            size: u32::from(header.size),
            coding: &self.coding,
        }
    }

    /// The bit where the tail guard starts.
    fn guard_start(&self) -> u64 {
        8 * (self.memory.len() - GUARD_BYTES) as u64
    }
}

/// Zeroed memory that the operating system hands out page by page, on first use.
fn zeroed(bytes: usize) -> Result<Vec<u8>, DeltaError> {
    // `vec!` aborts where memory is short, so ask first. Filling the asked-for memory instead
    // would touch every page of it.
    let mut probe = Vec::<u8>::new();
    probe.try_reserve_exact(bytes).map_err(|_| out_of_memory(bytes))?;
    drop(probe);
    Ok(vec![0; bytes])
}

fn empty_headers(count: usize) -> Result<Vec<ListHeader>, DeltaError> {
    let mut headers = Vec::new();
    headers
        .try_reserve_exact(count)
        .map_err(|_| out_of_memory(count.saturating_mul(size_of::<ListHeader>())))?;
    headers.resize(count, ListHeader::default());
    Ok(headers)
}

fn out_of_memory(bytes: usize) -> DeltaError {
    DeltaError::OutOfMemory { bytes: bytes as u64 }
}

#[cfg(test)]
mod tests;
