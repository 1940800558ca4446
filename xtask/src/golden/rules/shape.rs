//! The sizes and counts that follow from a configuration (specification, sections 2.2, 3.2, 9.1,
//! 9.10, 10.1), and which bits of a name place it where (section 1).

use uds_geometry::Configuration;

/// The numbers that a configuration consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of a page.
    pub(crate) page: u64,
    /// Record pages of a chapter (RPGS).
    pub(crate) record_pages: u64,
    /// Chapters of the volume (CPV).
    pub(crate) chapters: u64,
    /// Sparse chapters (SCPV).
    pub(crate) sparse_chapters: u64,
    /// 0 for a dense index.
    pub(crate) sample_rate: u64,
    pub(crate) cache_chapters: u64,
}

/// How differences of keys are written (section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coding {
    pub(super) min_bits: u64,
    pub(super) min_keys: u64,
    pub(super) incr: u64,
}

/// One of the delta indexes of a volume index (section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SubIndex {
    pub(super) tag: u8,
    /// Chapters that it knows.
    pub(super) chapters: u64,
    pub(super) lists: u64,
    pub(super) value_bits: u64,
    pub(super) coding: Coding,
    memory: u64,
}

/// Bits of a key in a volume index.
pub(super) const VOLUME_ADDRESS_BITS: u64 = 20;

/// How many binary digits a number has.
fn bits_per(number: u64) -> u64 {
    u64::from(64 - number.max(1).leading_zeros())
}

impl Coding {
    fn of_mean(mean: u64) -> Self {
        let incr = (836_158 * mean + 603_160) / 1_206_321;
        let min_bits = bits_per(incr + 1);
        Self { min_bits, min_keys: (1 << min_bits) - incr, incr }
    }

    /// Every chapter index has this one.
    pub(super) fn of_chapters() -> Self {
        Self::of_mean(65_536)
    }

    /// The estimate that all sizes are made of (section 3.9).
    fn estimate(self, entries: u64, payload: u64) -> u64 {
        entries * (payload + self.min_bits + 1) + entries / 2
    }
}

impl SubIndex {
    fn new(tag: u8, records: u64, chapters: u64, reduced: u64) -> Self {
        let rounded = chapters + reduced;
        let lists = (records * rounded / 256).max(256);
        let value_bits = bits_per(rounded - 1);
        let indexed = rounded + (rounded / 256).max(2);
        let coding = Coding::of_mean((lists << VOLUME_ADDRESS_BITS) / (records * indexed));
        let expected = coding.estimate(records, value_bits) * indexed / 8;
        Self { tag, chapters, lists, value_bits, coding, memory: expected * 106 / 100 }
    }

    /// The lists of a zone: the first, and how many (section 3.4).
    pub(super) fn lists_of(&self, zone: u64, zones: u64) -> (u64, u64) {
        let each = self.lists.div_ceil(zones);
        let first = zone * each;
        (first, if zone + 1 == zones { self.lists - first } else { each })
    }
}

impl Shape {
    /// The numbers of a configuration.
    pub(crate) fn of(configuration: &Configuration) -> Self {
        Self {
            page: configuration.bytes_per_page().into(),
            record_pages: configuration.record_pages_per_chapter().into(),
            chapters: configuration.chapters_per_volume().into(),
            sparse_chapters: configuration.sparse_chapters_per_volume().into(),
            sample_rate: configuration.sample_rate().into(),
            cache_chapters: configuration.cache_chapters().into(),
        }
    }

    pub(super) fn records_per_page(&self) -> u64 {
        self.page / 32
    }

    pub(super) fn records_per_chapter(&self) -> u64 {
        self.records_per_page() * self.record_pages
    }

    /// Bits of a value in a chapter index: the number of a record page.
    pub(super) fn page_number_bits(&self) -> u64 {
        bits_per(self.record_pages - 1)
    }

    fn chapter_list_bits(&self) -> u64 {
        bits_per((self.records_per_chapter() - 1) | 63) - 6
    }

    /// Delta lists of a chapter (NL).
    pub(super) fn chapter_lists(&self) -> u64 {
        1 << self.chapter_list_bits()
    }

    pub(super) fn chapter_address_bits(&self) -> u64 {
        16 - self.chapter_list_bits() + bits_per(self.records_per_chapter() - 1)
    }

    /// Index pages of a chapter (IPGS).
    pub(super) fn index_pages(&self) -> u64 {
        let coding = Coding::of_chapters();
        let total = coding.estimate(self.records_per_chapter(), self.page_number_bits());
        let per_page = (self.page - 20) * 8 - (19 + total / self.chapter_lists());
        (total + 19 * self.chapter_lists()).div_ceil(per_page)
    }

    pub(super) fn pages_per_chapter(&self) -> u64 {
        self.index_pages() + self.record_pages
    }

    /// The sub-indexes of the volume index, in the order of their streams.
    pub(super) fn sub_indexes(&self) -> Vec<SubIndex> {
        let (records, reduced) = (self.records_per_chapter(), self.chapters % 2);
        if self.sample_rate == 0 {
            return vec![SubIndex::new(b'm', records, self.chapters, reduced)];
        }
        let samples = records / self.sample_rate;
        let dense = self.chapters - self.sparse_chapters;
        vec![
            SubIndex::new(b'd', records - samples, dense, reduced),
            SubIndex::new(b's', samples, self.chapters, reduced),
        ]
    }

    pub(super) fn volume_blocks(&self) -> u64 {
        self.page * (self.pages_per_chapter() * self.chapters + 1) / 4096
    }

    pub(super) fn page_map_blocks(&self) -> u64 {
        (16 + 2 * self.chapters * (self.index_pages() - 1)).div_ceil(4096)
    }

    pub(super) fn open_chapter_blocks(&self) -> u64 {
        (14 + 32 * self.records_per_chapter()).div_ceil(4096)
    }

    fn volume_index_blocks(&self) -> u64 {
        let part = |sub: &SubIndex| {
            40 + 8 * sub.lists + 40 + 9 * sub.lists + sub.memory.next_multiple_of(65_536)
        };
        let parts: u64 = self.sub_indexes().iter().map(part).sum();
        let header = if self.sample_rate == 0 { 0 } else { 12 };
        (parts + header + 8).div_ceil(4096) + 16
    }

    pub(super) fn save_blocks(&self) -> u64 {
        1 + self.volume_index_blocks() + self.page_map_blocks() + self.open_chapter_blocks()
    }

    pub(super) fn total_blocks(&self) -> u64 {
        3 + self.volume_blocks() + 2 * self.save_blocks()
    }

    /// The list of a name in a chapter's index, and its key there.
    pub(super) fn chapter_place(&self, name: &[u8]) -> (u64, u64) {
        let bits = self.chapter_address_bits();
        let number = big_endian(&name[8..14]);
        ((number >> bits) % self.chapter_lists(), number & ((1 << bits) - 1))
    }

    /// The sub-index of a name, its list there, and its key.
    pub(super) fn volume_place(&self, subs: &[SubIndex], name: &[u8]) -> (usize, u64, u64) {
        let is_sample = self.sample_rate > 0 && big_endian(&name[14..16]) % self.sample_rate == 0;
        let sub = usize::from(is_sample);
        let number = big_endian(&name[..8]);
        let key = number & ((1 << VOLUME_ADDRESS_BITS) - 1);
        (sub, (number >> VOLUME_ADDRESS_BITS) % subs[sub].lists, key)
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(record_pages: u64, chapters: u64, sparse_chapters: u64) -> Shape {
        let sample_rate = if sparse_chapters > 0 { 32 } else { 0 };
        let (page, cache_chapters) = (32_768, 7);
        Shape { page, record_pages, chapters, sparse_chapters, sample_rate, cache_chapters }
    }

    // Guards the formulas (table 14.6 of the specification): total blocks of its indexes.
    #[test]
    fn sizes_are_those_of_the_specification() {
        let sizes = [
            (shape(64, 1024, 0), 573_448, 3, 513, 52_838, 679_127),
            (shape(192, 1024, 0), 1_736_712, 10, 1537, 158_477, 2_053_669),
            (shape(256, 4096, 0), 9_240_584, 51, 2049, 908_710, 11_058_007),
            (shape(64, 10_240, 9728), 5_734_408, 26, 513, 43_920, 5_822_251),
            (shape(256, 10_240, 9728), 23_101_448, 126, 2049, 175_597, 23_452_645),
            (shape(64, 1023, 0), 572_888, 3, 513, 52_838, 678_567),
            (shape(64, 10_239, 9728), 5_733_848, 26, 513, 43_920, 5_821_691),
        ];
        for (shape, volume, map, open, save, total) in sizes {
            let found = (shape.volume_blocks(), shape.page_map_blocks());
            assert_eq!(found, (volume, map), "{shape:?}");
            let found = (shape.open_chapter_blocks(), shape.save_blocks(), shape.total_blocks());
            assert_eq!(found, (open, save, total), "{shape:?}");
        }
    }

    // Guards the places of names (example 14.4), and the codings (table 3.2).
    #[test]
    fn places_and_codings_are_those_of_the_specification() {
        let name: Vec<u8> = (0..16).collect();
        let dense = shape(64, 1024, 0);
        assert_eq!(dense.volume_place(&dense.sub_indexes(), &name), (0, 12_352, 329_223));
        assert_eq!(dense.chapter_place(&name), (40, 723_981));
        let sparse = shape(64, 10_240, 9728);
        assert_eq!(sparse.volume_place(&sparse.sub_indexes(), &name), (0, 86_080, 329_223));
        assert_eq!(sparse.sub_indexes()[0].lists_of(3, 4), (95_232, 31_744));
        let coding = |min_bits, min_keys, incr| Coding { min_bits, min_keys, incr };
        assert_eq!(Coding::of_chapters(), coding(16, 20_110, 45_426));
        assert_eq!(sparse.sub_indexes()[1].coding, coding(12, 1268, 2828));
    }
}
