//! The immutable form of delta lists: a page of a chapter index (specification, section 3.10).
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | volume nonce |
//! | 8..16 | virtual chapter number |
//! | 16..18 | first list on the page |
//! | 18..20 | list count `k` |
//! | bit 160.. | `k + 1` offsets of 19 bits: where each list starts, and where the last one ends |
//! | behind them | the lists, back to back |
//! | last 7 bytes | guard, all ones |
//!
//! Numbers are little-endian. Pages of old big-endian writers have the four header fields in
//! big-endian order, and are read too; their offsets and lists are as everywhere.
//!
//! Invariant: a reader takes nothing from a page that it does not check, so that bytes that differ
//! from those that the header was parsed from yield an error and no panic.

use uds_geometry::{
    DeltaListNumber, INDEX_PAGE_HEADER_BYTES, INDEX_PAGE_OFFSET_BITS, Nonce, VirtualChapter,
};

use crate::bits::{LOAD_BITS, copy_bits, load, mask, store};
use crate::coding::EntryCoding;
use crate::list::ListView;
use crate::zone::GUARD_BYTES;
use crate::{Bound, DeltaError};

const HEADER_BITS: u64 = 8 * INDEX_PAGE_HEADER_BYTES as u64;
const OFFSET_BITS: u64 = INDEX_PAGE_OFFSET_BITS as u64;
/// Offsets of which one load has all bits.
const OFFSETS_PER_LOAD: u32 = LOAD_BITS / INDEX_PAGE_OFFSET_BITS;
pub(crate) const GUARD_BITS: u64 = 8 * GUARD_BYTES as u64;
/// The largest list number that a header can hold.
const MAX_LIST: u32 = u16::MAX as u32;

/// What the header of an index page says. It is kept apart from the page's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexPageHeader {
    chapter: VirtualChapter,
    lowest_list: DeltaListNumber,
    list_count: u32,
}

impl IndexPageHeader {
    /// Reads and verifies a page: its header, its offsets and its guard. The lists themselves are
    /// not walked.
    ///
    /// # Errors
    ///
    /// [`DeltaError::CorruptPage`] where the page is not an index page of the volume with this
    /// nonce, in either byte order.
    pub fn parse(page: &[u8], nonce: Nonce) -> Result<Self, DeltaError> {
        Self::parse_with(page, nonce, |header| header.verify(page, page.len()))
    }

    /// Reads a page of `page_bytes` bytes as [`parse`](Self::parse) does of which only the `front`
    /// is at hand: the [`front_bytes`](Self::front_bytes) of its lists. All is verified but the
    /// guard.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse).
    pub fn parse_front(front: &[u8], page_bytes: usize, nonce: Nonce) -> Result<Self, DeltaError> {
        Self::parse_with(front, nonce, |header| {
            let wanted = Self::front_bytes(header.list_count) as u64;
            check("bytes of the offsets", Bound::AtLeast, wanted, front.len() as u64)?;
            header.verify_offsets(front, page_bytes)
        })
    }

    /// Bytes of a page up to the end of its table of offsets, where it has so many lists.
    #[must_use]
    pub const fn front_bytes(list_count: u32) -> usize {
        (HEADER_BITS + OFFSET_BITS * (list_count as u64 + 1)).div_ceil(8) as usize
    }

    /// Reads the header in either byte order, and has it verified.
    fn parse_with(
        page: &[u8],
        nonce: Nonce,
        verify: impl Fn(Self) -> Result<(), DeltaError>,
    ) -> Result<Self, DeltaError> {
        let fields = page.first_chunk::<{ INDEX_PAGE_HEADER_BYTES as usize }>();
        let fields = fields.ok_or_else(|| too_short(page.len()))?;
        let checked = |(header, found): (Self, Nonce)| {
            check("nonce", Bound::Exactly, nonce.get(), found.get())?;
            verify(header).map(|()| header)
        };
        let big = || checked(Self::decode(&reversed_fields(fields)));
        checked(Self::decode(fields)).or_else(|error| big().map_err(|_| error))
    }

    fn decode(fields: &[u8; 20]) -> (Self, Nonce) {
        let number = |from: usize, bytes: u32| load(fields, 8 * from as u64) & mask(8 * bytes);
        let long = |from| number(from, 4) | number(from + 4, 4) << 32;
        let header = Self {
            chapter: VirtualChapter::new(long(8)),
            lowest_list: DeltaListNumber::new(number(16, 2) as u32),
            list_count: number(18, 2) as u32,
        };
        (header, Nonce::new(long(0)))
    }

    fn verify(self, page: &[u8], page_bytes: usize) -> Result<(), DeltaError> {
        self.verify_offsets(page, page_bytes)?;
        let guard = load(page, 8 * page_bytes as u64 - GUARD_BITS);
        check("guard", Bound::Exactly, mask(GUARD_BITS as u32), guard)
    }

    /// Verifies the offsets of a page, which lie in its `front`.
    fn verify_offsets(self, page: &[u8], page_bytes: usize) -> Result<(), DeltaError> {
        if page_bytes < min_page_bytes() {
            return Err(too_short(page_bytes));
        }
        let bits = 8 * page_bytes as u64;
        let most_lists = (bits - HEADER_BITS) / OFFSET_BITS;
        check("list count", Bound::AtMost, most_lists, u64::from(self.list_count))?;
        let first = HEADER_BITS + OFFSET_BITS * (u64::from(self.list_count) + 1);
        check("offset of the first list", Bound::Exactly, first, offset(page, 0))?;
        let mut previous = first;
        let mut are_rising = true;
        for index in (1..=self.list_count).step_by(OFFSETS_PER_LOAD as usize) {
            let mut word = load(page, HEADER_BITS + OFFSET_BITS * u64::from(index));
            for _ in index..=self.list_count.min(index + OFFSETS_PER_LOAD - 1) {
                let next = word & mask(INDEX_PAGE_OFFSET_BITS);
                are_rising &= previous <= next;
                (previous, word) = (next, word >> OFFSET_BITS);
            }
        }
        if !are_rising {
            return self.find_falling_offset(page);
        }
        check("end of the last list", Bound::AtMost, bits - GUARD_BITS, previous)
    }

    /// The error for the first offset that is less than the one before it.
    #[cold]
    fn find_falling_offset(self, page: &[u8]) -> Result<(), DeltaError> {
        (1..=self.list_count).try_for_each(|index| {
            let (previous, next) = (offset(page, index - 1), offset(page, index));
            check("offset of a list", Bound::AtLeast, previous, next)
        })
    }

    /// The chapter that the page belongs to.
    #[must_use]
    pub const fn chapter(&self) -> VirtualChapter {
        self.chapter
    }

    /// The first list on the page; with no lists, the one that would be.
    #[must_use]
    pub const fn lowest_list(&self) -> DeltaListNumber {
        self.lowest_list
    }

    /// The last list on the page, or `None` where it has none.
    #[must_use]
    pub const fn highest_list(&self) -> Option<DeltaListNumber> {
        match self.list_count {
            0 => None,
            count => Some(DeltaListNumber::new(self.lowest_list.get() + count - 1)),
        }
    }

    /// How many lists the page has. It may have none.
    #[must_use]
    pub const fn list_count(&self) -> u32 {
        self.list_count
    }

    /// Whether a list is on the page.
    #[must_use]
    pub const fn contains(&self, list: DeltaListNumber) -> bool {
        list.get().wrapping_sub(self.lowest_list.get()) < self.list_count
    }

    /// The lists of the page, in order.
    pub fn lists(&self) -> impl ExactSizeIterator<Item = DeltaListNumber> + use<> {
        let first = self.lowest_list.get();
        (first..first + self.list_count).map(DeltaListNumber::new)
    }

    /// The bit of `page` where its last list ends.
    pub(crate) fn end_of_lists(&self, page: &[u8]) -> u64 {
        offset(page, self.list_count)
    }

    /// Where a list of the page lies, by the front of a page of `page_bytes` bytes: the bit where
    /// it starts, and its bits.
    pub(crate) fn place_of(
        &self,
        front: &[u8],
        page_bytes: usize,
        list: DeltaListNumber,
    ) -> Result<(u64, u32), DeltaError> {
        if !self.contains(list) {
            let (first, count) = (self.lowest_list, self.list_count);
            return Err(DeltaError::NoSuchList { list, first, count });
        }
        let index = list.get() - self.lowest_list.get();
        let (start, end) = (offset(front, index), offset(front, index + 1));
        // Verified when the header was parsed; checked again because these may be other bytes.
        check("offset of a list", Bound::AtLeast, start, end)?;
        let limit = (8 * page_bytes as u64).saturating_sub(GUARD_BITS);
        check("end of the last list", Bound::AtMost, limit, end)?;
        Ok((start, (end - start) as u32))
    }

    /// A list of the page.
    pub(crate) fn list<'a>(
        &self,
        page: &'a [u8],
        list: DeltaListNumber,
        coding: &'a EntryCoding,
    ) -> Result<ListView<'a>, DeltaError> {
        let (start, size) = self.place_of(page, page.len(), list)?;
        Ok(ListView { memory: page, start, size, coding })
    }
}

/// Offset `index` of a page's table.
#[inline]
fn offset(page: &[u8], index: u32) -> u64 {
    load(page, HEADER_BITS + OFFSET_BITS * u64::from(index)) & mask(INDEX_PAGE_OFFSET_BITS)
}

/// The smallest page: one offset and the guard behind the header.
fn min_page_bytes() -> usize {
    (HEADER_BITS + OFFSET_BITS + GUARD_BITS).div_ceil(8) as usize
}

#[cold]
fn too_short(found: usize) -> DeltaError {
    corrupt("page size", Bound::AtLeast, min_page_bytes() as u64, found as u64)
}

/// The header with the bytes of each of its four fields in the other order.
fn reversed_fields(fields: &[u8; 20]) -> [u8; 20] {
    let mut reversed = *fields;
    for field in [0..8, 8..16, 16..18, 18..20] {
        reversed[field].reverse();
    }
    reversed
}

fn check(field: &'static str, rule: Bound, expected: u64, found: u64) -> Result<(), DeltaError> {
    if rule.holds(expected, found) { Ok(()) } else { Err(corrupt(field, rule, expected, found)) }
}

#[cold]
fn corrupt(field: &'static str, rule: Bound, expected: u64, found: u64) -> DeltaError {
    DeltaError::CorruptPage { field, rule, expected, found }
}

/// How many of the next lists, given by their bits, fit on a page.
pub(crate) fn lists_that_fit(
    page_bytes: usize,
    sizes: impl IntoIterator<Item = u64>,
) -> Result<u32, DeltaError> {
    let too_small = || DeltaError::PageTooSmall { page_bytes: page_bytes as u64 };
    let overhead = HEADER_BITS + OFFSET_BITS + GUARD_BITS;
    let mut free = (8 * page_bytes as u64).checked_sub(overhead).ok_or_else(too_small)?;
    if free < OFFSET_BITS {
        return Err(too_small());
    }
    let mut count = 0;
    for size in sizes {
        let Some(left) = free.checked_sub(OFFSET_BITS + size) else { break };
        free = left;
        count += 1;
    }
    Ok(count)
}

/// Writes a page with these lists, of which [`lists_that_fit`] has said that they fit. Free bits
/// become zero.
pub(crate) fn write_page<'a>(
    page: &mut [u8],
    nonce: Nonce,
    chapter: VirtualChapter,
    first_list: u32,
    lists: impl ExactSizeIterator<Item = ListView<'a>>,
) -> Result<(), DeltaError> {
    let list_count = lists.len();
    if first_list > MAX_LIST || list_count > MAX_LIST as usize {
        return Err(DeltaError::InvalidArgument {
            what: "first delta list of an index page",
            found: u64::from(first_list),
            wanted: "at most 65535, because the page's header has 16 bits for it",
        });
    }
    page.fill(0);
    page[0..8].copy_from_slice(&nonce.get().to_le_bytes());
    page[8..16].copy_from_slice(&chapter.get().to_le_bytes());
    page[16..18].copy_from_slice(&(first_list as u16).to_le_bytes());
    page[18..20].copy_from_slice(&(list_count as u16).to_le_bytes());
    let mut entry = HEADER_BITS;
    let mut place = HEADER_BITS + OFFSET_BITS * (list_count as u64 + 1);
    store(page, entry, INDEX_PAGE_OFFSET_BITS, place);
    for list in lists {
        copy_bits(list.memory, list.start, page, place, u64::from(list.size));
        place += u64::from(list.size);
        entry += OFFSET_BITS;
        store(page, entry, INDEX_PAGE_OFFSET_BITS, place);
    }
    let guard_start = page.len() - GUARD_BYTES;
    page[guard_start..].fill(0xff);
    Ok(())
}

#[cfg(test)]
mod tests;
