//! The newtypes for places: chapters, pages, delta lists and zones.
//!
//! Each wraps one integer, has no arithmetic beyond what is meaningful, and prints compactly
//! (`v1024`, `p3`), so that a log line or an assertion names what it is about.

use std::fmt;

/// Declares a newtype over an unsigned integer with `new`, `get` and compact formatting.
macro_rules! place {
    ($(#[$doc:meta])* $name:ident($int:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($int);

        impl $name {
            /// Wraps a number.
            #[must_use]
            pub const fn new(number: $int) -> Self {
                Self(number)
            }

            /// The number itself.
            #[must_use]
            pub const fn get(self) -> $int {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

place! {
    /// A chapter's number in the order of creation. It grows by one with each chapter, for ever.
    VirtualChapter(u64), "v"
}

impl VirtualChapter {
    /// The first chapter that an index ever opens.
    pub const ZERO: Self = Self(0);

    /// The chapter after this one. Saturates, so that a hostile number cannot overflow.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The chapter before this one, if there is one.
    #[must_use]
    pub const fn previous(self) -> Option<Self> {
        match self.0 {
            0 => None,
            number => Some(Self(number - 1)),
        }
    }

    /// The chapter `count` chapters later. Saturates.
    #[must_use]
    pub const fn later_by(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

place! {
    /// A chapter's slot on the volume, in `[0, chapters_per_volume)`.
    PhysicalChapter(u32), "c"
}

place! {
    /// A page of the volume region. Page 0 is the header page; chapter pages follow.
    PhysicalPage(u32), "p"
}

place! {
    /// The number of an index page within its chapter, in `[0, index_pages_per_chapter)`.
    IndexPageNumber(u32), "i"
}

place! {
    /// The number of a record page within its chapter, in `[0, record_pages_per_chapter)`.
    RecordPageNumber(u32), "r"
}

place! {
    /// The number of a delta list in its delta index, counted over all zones.
    DeltaListNumber(u32), "l"
}

place! {
    /// The key of a delta list entry: the *address* bits of a name (specification, section 1).
    DeltaKey(u32), "k"
}

place! {
    /// The number of a zone, in `[0, zone_count)`.
    ZoneId(u8), "z"
}

impl ZoneId {
    /// The zone that every index has, and the captain of the sparse cache.
    pub const ZERO: Self = Self(0);
}

/// A page of a chapter: index pages come first, record pages after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChapterPage {
    /// A page of the chapter index.
    Index(IndexPageNumber),
    /// A page of records.
    Record(RecordPageNumber),
}

/// The largest number of zones of an index (specification, section 13).
pub const MAX_ZONES: u8 = 16;

/// How many zones an index is divided into: 1 to [`MAX_ZONES`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneCount(u8);

impl ZoneCount {
    /// One zone: everything in one place.
    pub const ONE: Self = Self(1);

    /// As many zones as there can be.
    pub const MAX: Self = Self(MAX_ZONES);

    /// A count of zones, or `None` where it is outside `1..=16`.
    #[must_use]
    pub const fn new(count: u8) -> Option<Self> {
        if count >= 1 && count <= MAX_ZONES { Some(Self(count)) } else { None }
    }

    /// A sensible count on a machine with so many processor cores: half of them, for the callers
    /// and the chapter writer need the others; at least 1, at most 16.
    ///
    /// ```
    /// use uds_geometry::ZoneCount;
    ///
    /// let zones = [0, 2, 7, 8, 100].map(|cores| ZoneCount::for_cores(cores).get());
    /// assert_eq!(zones, [1, 1, 3, 4, 16]);
    /// ```
    #[must_use]
    pub const fn for_cores(cores: usize) -> Self {
        match cores / 2 {
            0 => Self::ONE,
            half if half < MAX_ZONES as usize => Self(half as u8),
            _ => Self(MAX_ZONES),
        }
    }

    /// The count itself.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// All zones, in order.
    pub fn zones(self) -> impl ExactSizeIterator<Item = ZoneId> + DoubleEndedIterator {
        (0..self.0).map(ZoneId)
    }
}

impl fmt::Debug for ZoneCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} zones", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the log format that people grep for.
    #[test]
    fn places_print_compactly() {
        assert_eq!(format!("{:?}", VirtualChapter::new(1024)), "v1024");
        assert_eq!(format!("{:?}", PhysicalPage::new(3)), "p3");
        assert_eq!(VirtualChapter::new(7).to_string(), "7");
    }

    // Guards against wrap-around at the ends of the chapter numbers.
    #[test]
    fn chapters_saturate_at_both_ends() {
        assert_eq!(VirtualChapter::ZERO.previous(), None);
        assert_eq!(VirtualChapter::new(u64::MAX).next(), VirtualChapter::new(u64::MAX));
    }

    // Guards the limits of the zone parameter.
    #[test]
    fn zone_counts_are_bounded() {
        assert_eq!(ZoneCount::new(0), None);
        assert_eq!(ZoneCount::new(17), None);
        assert_eq!(ZoneCount::new(16).map(|count| count.zones().len()), Some(16));
    }
}
