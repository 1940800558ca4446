//! Where a list lies, and the marks and tags of its segments.
//!
//! The keys of a list are divided into [`SEGMENTS`] ranges of equal width. At the start of each
//! range but the first, the header keeps a *mark*, so that a walk need not begin at the start
//! of the list; and for each range a *tag*, which means something to the owner of the zone only.
//! So a look-up touches the header, which is half a line of memory, and the list where the key is.
//!
//! Invariants, where the list is marked:
//! 1. The mark of a boundary is at the first entry whose key is the boundary or more, or at the
//!    end. That is an ordinary entry, because a collision entry has the key of the one before.
//! 2. Its key is that of the entry before, which is below the boundary. Where it lies more than 16
//!    bits below, it is not kept, and the mark is passed over.

use crate::list::{Mark, Position};

/// Into how many segments the keys of each list are divided.
pub const SEGMENTS: usize = 4;
/// Boundaries between segments.
const BOUNDARIES: usize = SEGMENTS - 1;

/// How the keys of all lists of a zone are divided into segments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segmentation {
    /// Keys of a segment, as a power of two.
    shift: u32,
}

/// Where a list lies, its marks and tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(32))]
pub(super) struct ListHeader {
    /// The low 32 bits of the number of the bit where the list starts.
    start_low: u32,
    /// The next 15 bits, and [`MARKED`].
    start_high: u16,
    /// Bits of the list.
    pub(super) size: u16,
    marks: [SegmentMark; BOUNDARIES],
    pub(super) tags: ListTags,
}

/// Says in a header that the marks are good.
const MARKED: u16 = 1 << 15;
/// The most bytes of memory that a zone can have: what 47 bits can number the bits of.
pub(super) const MAX_ZONE_BYTES: u64 = 1 << 44;

/// The tags of a list and of its segments. They mean nothing to the zone, which keeps them because
/// whoever looks for a key needs them just then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListTags {
    /// The list's tag.
    pub list: u32,
    /// The segments' tags.
    pub segments: [u16; SEGMENTS],
}

const _: () = assert!(size_of::<ListHeader>() == 32);

/// The mark of a boundary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SegmentMark {
    /// The bit of the entry, from the start of the list.
    offset: u16,
    /// How far below the boundary the key of the entry before is; 0 for farther than this can say.
    back: u16,
}

/// A number of bits within a list, as headers hold it.
pub(super) fn list_bits(bits: u32) -> u16 {
    u16::try_from(bits).expect("a list has at most 65535 bits: open_gap refuses more")
}

/// How far a key is below a boundary, as marks hold it.
fn back(boundary: u64, key: u32) -> u16 {
    u16::try_from(boundary - u64::from(key)).unwrap_or(0)
}

impl Segmentation {
    /// Divides keys of `key_bits` bits, at most 32.
    pub(super) fn of_keys(key_bits: u32) -> Self {
        Self { shift: key_bits.saturating_sub(SEGMENTS.ilog2()) }
    }

    /// The segment of a key. Larger keys than there should be are in the last one.
    #[inline]
    pub(super) fn segment_of(self, key: u32) -> usize {
        ((key >> self.shift) as usize).min(SEGMENTS - 1)
    }

    /// The boundary before a segment: the smallest key that can be in it.
    #[inline]
    pub(super) fn boundary(self, segment: usize) -> u64 {
        (segment as u64) << self.shift
    }

    /// All boundaries, with their positions among the marks.
    fn boundaries(self) -> impl Iterator<Item = (usize, u64)> {
        (0..BOUNDARIES).map(move |index| (index, self.boundary(index + 1)))
    }
}

impl ListHeader {
    /// The header of a list without marks, whose tags are all 0.
    pub(super) fn at(start: u64, size: u16) -> Self {
        let mut header = Self { size, ..Self::default() };
        header.set_start(start);
        header
    }

    /// The bit where the list starts.
    #[inline]
    pub(super) fn start(&self) -> u64 {
        u64::from(self.start_low) | u64::from(self.start_high & !MARKED) << 32
    }

    /// Says where the list starts.
    #[inline]
    pub(super) fn set_start(&mut self, start: u64) {
        debug_assert!(start < 8 * MAX_ZONE_BYTES, "a start of 47 bits");
        self.start_low = start as u32;
        self.start_high = self.start_high & MARKED | (start >> 32) as u16;
    }

    /// The bit after the list.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.start() + u64::from(self.size)
    }

    /// The bytes that hold the list when its first byte is its own: `b(i)` of section 3.7.
    pub(super) fn bytes(&self) -> u64 {
        (self.start() % 8 + u64::from(self.size)).div_ceil(8)
    }

    /// Whether the marks are good. They have to be made anew where the list was written as a whole.
    #[inline]
    pub(super) fn is_marked(&self) -> bool {
        self.start_high & MARKED != 0
    }

    /// Gives the marks up.
    pub(super) fn unmark(&mut self) {
        self.start_high &= !MARKED;
    }

    /// Takes the marks of the boundaries, in their order.
    pub(super) fn set_marks(&mut self, segmentation: Segmentation, marks: &[Mark; BOUNDARIES]) {
        for (index, boundary) in segmentation.boundaries() {
            let Mark { offset, key } = marks[index];
            let back = back(boundary, key);
            self.marks[index] = SegmentMark { offset: list_bits(offset), back };
        }
        self.start_high |= MARKED;
    }

    /// The last mark at or before the start of a segment, which may be the start of the list.
    #[inline]
    pub(super) fn mark_before(&self, segmentation: Segmentation, segment: usize) -> Mark {
        if self.is_marked() {
            for segment in (1..=segment).rev() {
                if let Some(mark) = self.mark(segmentation, segment) {
                    return mark;
                }
            }
        }
        Mark::default()
    }

    /// The mark at the start of a segment but the first. None where its key is not kept.
    #[inline]
    pub(super) fn mark(&self, segmentation: Segmentation, segment: usize) -> Option<Mark> {
        let SegmentMark { offset, back } = self.marks[segment - 1];
        let boundary = segmentation.boundary(segment);
        (back > 0)
            .then(|| Mark { offset: u32::from(offset), key: (boundary - u64::from(back)) as u32 })
    }

    /// The bit where a segment ends, from the start of the list. The list must be marked.
    pub(super) fn segment_end(&self, segment: usize) -> u32 {
        self.marks.get(segment).map_or(self.size, |mark| mark.offset).into()
    }

    /// The bit from which on the entries of a segment are, from the start of the list, as far as
    /// the header knows.
    #[inline]
    pub(super) fn segment_start(&self, segment: usize) -> u32 {
        segment.checked_sub(1).map_or(0, |index| self.marks[index].offset.into())
    }

    /// Moves the marks along when an entry of `bits` bits is put in at `offset`. What follows the
    /// entry behind it, whose code may become shorter, moves by `growth` bits.
    #[inline]
    pub(super) fn note_insertion(
        &mut self,
        segmentation: Segmentation,
        key: u32,
        offset: u32,
        [bits, growth]: [u64; 2],
    ) {
        for (index, boundary) in segmentation.boundaries() {
            let mark = &mut self.marks[index];
            if boundary <= u64::from(key) {
                continue;
            }
            let shift = if u32::from(mark.offset) == offset { bits } else { growth };
            mark.offset = mark.offset.wrapping_add(shift as u16);
            let new = back(boundary, key);
            if new > 0 && (mark.back == 0 || new < mark.back) {
                mark.back = new;
            }
        }
    }

    /// Moves the marks along when an entry is taken out, and what follows the entry behind it moves
    /// by `shrinkage` bits. `before` is the key of the entry before it, where no entry with its
    /// key stays.
    pub(super) fn note_removal(
        &mut self,
        segmentation: Segmentation,
        removed: &Position,
        before: Option<u32>,
        shrinkage: u32,
    ) {
        for (index, boundary) in segmentation.boundaries() {
            let mark = &mut self.marks[index];
            if boundary <= u64::from(removed.key) {
                continue;
            }
            let is_next = u32::from(mark.offset) == removed.end();
            let shift = if is_next { removed.bits } else { shrinkage };
            mark.offset = mark.offset.wrapping_sub(shift as u16);
            if let Some(before) = before.filter(|_| is_next) {
                mark.back = back(boundary, before);
            }
        }
    }
}
