//! The configuration of an index: what its config block stores (specification, sections 2.1
//! and 10.4), less the client's nonce.

use crate::{Geometry, GeometryError, MemorySize, RECORD_BYTES};

/// Bytes of a page of every index that a memory size describes.
pub const PAGE_BYTES: u32 = 32768;
/// How many chapters' record pages the page cache holds.
pub const CACHE_CHAPTERS: u32 = 7;
/// Every how many names a sparse index takes a sample.
pub const SPARSE_SAMPLE_RATE: u32 = 32;
/// The mean delta that sizes a volume index, and is otherwise unused.
pub const VOLUME_INDEX_MEAN_DELTA: u32 = 4096;

/// The seven numbers that shape an index. Two indexes with equal configurations have equal layouts.
///
/// ```
/// use uds_geometry::{Configuration, MemorySize};
///
/// let geometry = Configuration::dense(MemorySize::MB_256).geometry();
/// assert_eq!(geometry.records_per_volume(), 67_108_864);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    bytes_per_page: u32,
    record_pages_per_chapter: u32,
    chapters_per_volume: u32,
    sparse_chapters_per_volume: u32,
    cache_chapters: u32,
    volume_index_mean_delta: u32,
    sample_rate: u32,
}

/// The numbers of a configuration that no memory size describes, for
/// [`Configuration::custom`]. The default is the format's test size: 32 record pages a
/// chapter, 4 chapters, dense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomConfiguration {
    /// Bytes of a page: 4096, 8192, 16384 or 32768.
    pub bytes_per_page: u32,
    /// Record pages of a chapter: 1 to 4096.
    pub record_pages_per_chapter: u32,
    /// Chapters of the volume: 2 to 10,485,760. An odd number makes the geometry *reduced*.
    pub chapters_per_volume: u32,
    /// How many of them are sparse: 0 for a dense index, always less than all.
    pub sparse_chapters_per_volume: u32,
    /// Chapters' worth of record pages in the page cache: 1 or more, up to 32767 pages.
    pub cache_chapters: u32,
    /// Every how many names a sample is taken: 0 if and only if the index is dense.
    pub sample_rate: u32,
}

impl Default for CustomConfiguration {
    fn default() -> Self {
        Self {
            bytes_per_page: PAGE_BYTES,
            record_pages_per_chapter: 32,
            chapters_per_volume: 4,
            sparse_chapters_per_volume: 0,
            cache_chapters: CACHE_CHAPTERS,
            sample_rate: 0,
        }
    }
}

impl Configuration {
    /// The configuration of a dense index.
    #[must_use]
    pub const fn dense(memory: MemorySize) -> Self {
        Self::of_size(memory.record_pages_per_chapter(), memory.base_chapters(), false)
    }

    /// The configuration of a sparse index: ten times the window of a dense one.
    #[must_use]
    pub const fn sparse(memory: MemorySize) -> Self {
        Self::of_size(memory.record_pages_per_chapter(), memory.base_chapters(), true)
    }

    /// The test size of the format (`memory_size` -1): 32 record pages a chapter, 4 base
    /// chapters. Its volume takes 5 MB when dense.
    #[must_use]
    pub const fn tiny(sparse: bool) -> Self {
        Self::of_size(32, 4, sparse)
    }

    const fn of_size(record_pages_per_chapter: u32, base_chapters: u32, sparse: bool) -> Self {
        Self {
            bytes_per_page: PAGE_BYTES,
            record_pages_per_chapter,
            chapters_per_volume: if sparse { 10 * base_chapters } else { base_chapters },
            sparse_chapters_per_volume: if sparse { 19 * base_chapters / 2 } else { 0 },
            cache_chapters: CACHE_CHAPTERS,
            volume_index_mean_delta: VOLUME_INDEX_MEAN_DELTA,
            sample_rate: if sparse { SPARSE_SAMPLE_RATE } else { 0 },
        }
    }

    /// The same with one chapter less, as dm-vdo makes an index whose first chapter's place
    /// another program needs. A configuration that is reduced already stays as it is.
    #[must_use]
    pub const fn reduced(mut self) -> Self {
        if self.chapters_per_volume % 2 == 0 {
            self.chapters_per_volume -= 1;
        }
        self
    }

    /// A configuration of other numbers, for tests and experiments. dm-vdo opens only
    /// those that a memory size describes.
    ///
    /// # Errors
    ///
    /// [`GeometryError::OutOfRange`] where a number is outside the range that
    /// [`CustomConfiguration`] gives for it, or the volume index would be impossible.
    pub fn custom(custom: &CustomConfiguration) -> Result<Self, GeometryError> {
        let configuration = Self {
            bytes_per_page: custom.bytes_per_page,
            record_pages_per_chapter: custom.record_pages_per_chapter,
            chapters_per_volume: custom.chapters_per_volume,
            sparse_chapters_per_volume: custom.sparse_chapters_per_volume,
            cache_chapters: custom.cache_chapters,
            volume_index_mean_delta: VOLUME_INDEX_MEAN_DELTA,
            sample_rate: custom.sample_rate,
        };
        configuration.check()?;
        Ok(configuration)
    }

    fn check(&self) -> Result<(), GeometryError> {
        let out_of_range = |field, found: u32, wanted| {
            Err(GeometryError::OutOfRange { field, found: u64::from(found), wanted })
        };
        if !self.bytes_per_page.is_power_of_two()
            || !(4096..=PAGE_BYTES).contains(&self.bytes_per_page)
        {
            return out_of_range("page size", self.bytes_per_page, "4096, 8192, 16384 or 32768");
        }
        if !(1..=4096).contains(&self.record_pages_per_chapter) {
            return out_of_range(
                "record pages per chapter",
                self.record_pages_per_chapter,
                "from 1 to 4096",
            );
        }
        if !(2..=10_485_760).contains(&self.chapters_per_volume) {
            return out_of_range(
                "chapters per volume",
                self.chapters_per_volume,
                "from 2 to 10485760",
            );
        }
        if self.sparse_chapters_per_volume >= self.chapters_per_volume {
            return out_of_range(
                "sparse chapters per volume",
                self.sparse_chapters_per_volume,
                "less than the chapters per volume",
            );
        }
        let cache_pages = u64::from(self.cache_chapters) * u64::from(self.record_pages_per_chapter);
        if self.cache_chapters == 0 || cache_pages > 32767 {
            return out_of_range(
                "cache chapters",
                self.cache_chapters,
                "at least 1 and at most 32767 record pages",
            );
        }
        let records = self.record_pages_per_chapter * (self.bytes_per_page / RECORD_BYTES as u32);
        if (self.sample_rate == 0) != (self.sparse_chapters_per_volume == 0)
            || self.sample_rate == 1
            || self.sample_rate > records / 2
        {
            return out_of_range(
                "sample rate",
                self.sample_rate,
                "0 for a dense index; for a sparse one at least 2 and at most half the records of \
                 a chapter",
            );
        }
        let geometry = self.geometry();
        let pages = geometry.pages_per_volume() + u64::from(crate::HEADER_PAGES);
        if pages > u64::from(u32::MAX) {
            let wanted = "at most 4294967295, so that page numbers fit 32 bits";
            return Err(GeometryError::OutOfRange {
                field: "pages per volume",
                found: pages,
                wanted,
            });
        }
        crate::VolumeIndexParameters::new(&geometry).map(drop)
    }

    /// The geometry that follows, with no chapter remapped.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        Geometry::new(self, crate::Remapping::NONE)
    }

    /// Bytes of a page.
    #[must_use]
    pub const fn bytes_per_page(&self) -> u32 {
        self.bytes_per_page
    }

    /// Record pages of a chapter.
    #[must_use]
    pub const fn record_pages_per_chapter(&self) -> u32 {
        self.record_pages_per_chapter
    }

    /// Chapters of the volume, the open one not counted.
    #[must_use]
    pub const fn chapters_per_volume(&self) -> u32 {
        self.chapters_per_volume
    }

    /// How many chapters of the volume are sparse when it is full; 0 for a dense index.
    #[must_use]
    pub const fn sparse_chapters_per_volume(&self) -> u32 {
        self.sparse_chapters_per_volume
    }

    /// How many chapters' record pages the page cache holds.
    #[must_use]
    pub const fn cache_chapters(&self) -> u32 {
        self.cache_chapters
    }

    /// The mean delta that the config block records, 4096.
    #[must_use]
    pub const fn volume_index_mean_delta(&self) -> u32 {
        self.volume_index_mean_delta
    }

    /// Every how many names a sample is taken; 0 for a dense index.
    #[must_use]
    pub const fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Whether older chapters are represented by their samples only.
    #[must_use]
    pub const fn is_sparse(&self) -> bool {
        self.sparse_chapters_per_volume > 0
    }

    /// The memory size that this configuration comes from, if it comes from one.
    #[must_use]
    pub fn memory_size(&self) -> Option<MemorySize> {
        let reduced = self.chapters_per_volume % 2 == 1;
        MemorySize::all().find(|&memory| {
            let candidate =
                if self.is_sparse() { Self::sparse(memory) } else { Self::dense(memory) };
            *self == if reduced { candidate.reduced() } else { candidate }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the way back from what a config block holds to the size that a user named.
    #[test]
    fn every_memory_size_is_recognised() {
        for memory in MemorySize::all() {
            for configuration in [Configuration::dense(memory), Configuration::sparse(memory)] {
                assert_eq!(configuration.memory_size(), Some(memory));
                assert_eq!(configuration.reduced().memory_size(), Some(memory));
            }
        }
        assert_eq!(Configuration::tiny(false).memory_size(), None);
    }

    // Guards `custom` against numbers that later arithmetic could not bear.
    #[test]
    fn impossible_numbers_are_refused() {
        let good = CustomConfiguration::default();
        assert_eq!(Configuration::custom(&good), Ok(Configuration::tiny(false)));
        let bad = [
            CustomConfiguration { bytes_per_page: 0, ..good.clone() },
            CustomConfiguration { bytes_per_page: 5000, ..good.clone() },
            CustomConfiguration { bytes_per_page: 65536, ..good.clone() },
            CustomConfiguration { record_pages_per_chapter: 0, ..good.clone() },
            CustomConfiguration { record_pages_per_chapter: u32::MAX, ..good.clone() },
            CustomConfiguration { chapters_per_volume: 1, ..good.clone() },
            CustomConfiguration { chapters_per_volume: u32::MAX, ..good.clone() },
            CustomConfiguration { sparse_chapters_per_volume: 4, sample_rate: 32, ..good.clone() },
            CustomConfiguration { sparse_chapters_per_volume: 2, ..good.clone() },
            CustomConfiguration { cache_chapters: 0, ..good.clone() },
            CustomConfiguration { cache_chapters: u32::MAX, ..good.clone() },
            CustomConfiguration { sample_rate: 32, ..good.clone() },
            CustomConfiguration { sample_rate: 1, sparse_chapters_per_volume: 2, ..good.clone() },
            CustomConfiguration { sample_rate: u32::MAX, sparse_chapters_per_volume: 2, ..good },
        ];
        for custom in bad {
            assert!(Configuration::custom(&custom).is_err(), "{custom:?}");
        }
    }
}
