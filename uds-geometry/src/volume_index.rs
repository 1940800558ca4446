//! The sizes of a volume index, and where in it a name belongs (specification, section 9.1).

use crate::delta::estimated_bits;
use crate::{
    DeltaCoding, DeltaKey, DeltaListNumber, Geometry, GeometryError, RecordName, ZoneCount, ZoneId,
    bits_per,
};

/// Records that a delta list of a volume index is made for.
const RECORDS_PER_LIST: u64 = 256;
/// The smallest number of delta lists of a volume index.
const MIN_LISTS: u64 = 256;
/// The mean distance of neighbouring addresses that sizes the address.
const ADDRESS_MEAN_DELTA: u64 = 4096;
/// Zones' memory comes in pieces of this size.
const ZONE_BYTES_UNIT: u64 = 65536;

/// The sizes of one sub-index of a volume index: the only one of a dense index, or the samples
/// (*hooks*) or all other names of a sparse one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubIndexParameters {
    /// Delta lists.
    pub list_count: u32,
    /// Bits of a name's address.
    pub address_bits: u32,
    /// Bits of an entry's value: a virtual chapter number without its upper bits.
    pub chapter_bits: u32,
    /// Chapters that the sub-index represents.
    pub chapter_count: u32,
    /// Chapters that it represented before the index lost one: one more in a *reduced* geometry.
    pub rounded_chapter_count: u32,
    /// The mean delta, which chooses the delta code.
    pub mean_delta: u32,
    /// The delta code of that mean.
    pub coding: DeltaCoding,
    /// The bits that one chapter's entries are expected to take.
    pub chapter_size_bits: u64,
    /// The bytes that all delta lists may take, in all zones.
    pub memory_bytes: u64,
    /// How many of these bytes a zone tries to keep free, in all zones.
    pub target_free_bytes: u64,
}

impl SubIndexParameters {
    fn new(records: u32, chapters: u32, reduced: bool) -> Result<Self, GeometryError> {
        let records = u64::from(records);
        // A converted index keeps the lists of the index that it was made from.
        let rounded = u64::from(chapters) + u64::from(reduced);
        let list_count = (records * rounded / RECORDS_PER_LIST).max(MIN_LISTS);
        let out_of_range =
            |field, found, wanted| GeometryError::OutOfRange { field, found, wanted };
        if list_count > u64::from(u32::MAX) {
            return Err(out_of_range("delta lists of the volume index", list_count, "32 bits"));
        }
        let address_bits = bits_per(ADDRESS_MEAN_DELTA * RECORDS_PER_LIST - 1);
        let chapter_bits = bits_per(rounded - 1);
        let indexed_chapters = rounded + (rounded / 256).max(2);
        let mean = (list_count << address_bits) / (records * indexed_chapters);
        let mean_delta = u32::try_from(mean)
            .map_err(|_| out_of_range("mean delta of the volume index", mean, "32 bits"))?;
        let coding = DeltaCoding::new(mean_delta)?;
        let chapter_size_bits =
            u64::from(estimated_bits(records as u32, coding.min_bits(), chapter_bits));
        let expected_bytes = chapter_size_bits * indexed_chapters / 8;
        Ok(Self {
            list_count: list_count as u32,
            address_bits,
            chapter_bits,
            chapter_count: chapters,
            rounded_chapter_count: rounded as u32,
            mean_delta,
            coding,
            chapter_size_bits,
            memory_bytes: expected_bytes * 106 / 100,
            target_free_bytes: expected_bytes / 20,
        })
    }

    /// The delta list and the key of a name.
    #[must_use]
    pub const fn locate(&self, name: &RecordName) -> (DeltaListNumber, DeltaKey) {
        let bits = name.volume_index_bits();
        let key = bits as u32 & ((1 << self.address_bits) - 1);
        let list = (bits >> self.address_bits) % self.list_count as u64;
        (DeltaListNumber::new(list as u32), DeltaKey::new(key))
    }

    /// Lists of every zone but the last, which has the rest.
    #[must_use]
    pub const fn lists_per_zone(&self, zones: ZoneCount) -> u32 {
        self.list_count.div_ceil(zones.get() as u32)
    }

    /// The zone that a delta list belongs to.
    #[must_use]
    pub const fn zone_of(&self, list: DeltaListNumber, zones: ZoneCount) -> ZoneId {
        ZoneId::new((list.get() / self.lists_per_zone(zones)) as u8)
    }

    /// Bytes of delta lists of each zone.
    #[must_use]
    pub const fn zone_bytes(&self, zones: ZoneCount) -> u64 {
        (self.memory_bytes / zones.get() as u64).next_multiple_of(ZONE_BYTES_UNIT)
    }

    /// The bits that a zone's lists may take before chapters expire early
    /// (specification, section 9.3).
    #[must_use]
    pub const fn max_zone_bits(&self, zones: ZoneCount) -> u64 {
        let zone_count = zones.get() as u64;
        (zone_count * self.zone_bytes(zones) - self.target_free_bytes) * 8 / zone_count
    }

    /// The bits that a zone is expected to win when one chapter expires.
    #[must_use]
    pub const fn chapter_zone_bits(&self, zones: ZoneCount) -> u64 {
        self.chapter_size_bits / zones.get() as u64
    }

    /// Bytes that a save of this sub-index may take (specification, section 9.10).
    const fn save_bytes(&self) -> u64 {
        let lists = self.list_count as u64;
        (40 + 8 * lists) + (40 + 9 * lists) + self.memory_bytes.next_multiple_of(ZONE_BYTES_UNIT)
    }
}

/// The sizes of a volume index: one sub-index when dense, two when sparse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeIndexParameters {
    /// The names that are not samples; every name of a dense index.
    pub non_hook: SubIndexParameters,
    /// The samples of a sparse index.
    pub hook: Option<SubIndexParameters>,
    /// Every how many names a sample is taken; 0 when dense.
    pub sample_rate: u32,
}

impl VolumeIndexParameters {
    /// The sizes for a geometry.
    ///
    /// # Errors
    ///
    /// [`GeometryError::OutOfRange`] where a volume index of that geometry cannot exist.
    pub fn new(geometry: &Geometry) -> Result<Self, GeometryError> {
        let records = geometry.records_per_chapter();
        let chapters = geometry.chapters_per_volume();
        let reduced = geometry.is_reduced();
        let Some(samples) = records.checked_div(geometry.sample_rate()) else {
            let non_hook = SubIndexParameters::new(records, chapters, reduced)?;
            return Ok(Self { non_hook, hook: None, sample_rate: 0 });
        };
        let dense_chapters = geometry.dense_chapters_per_volume();
        Ok(Self {
            non_hook: SubIndexParameters::new(records - samples, dense_chapters, reduced)?,
            hook: Some(SubIndexParameters::new(samples, chapters, reduced)?),
            sample_rate: geometry.sample_rate(),
        })
    }

    /// The sub-index that a name belongs to, if that is the one of the samples.
    #[must_use]
    pub fn hook_of(&self, name: &RecordName) -> Option<&SubIndexParameters> {
        self.hook.as_ref().filter(|_| u32::from(name.sample_bits()) % self.sample_rate.max(1) == 0)
    }

    /// The zone that a name belongs to. It changes with the number of zones, and differs between
    /// samples and other names with the same volume index bits.
    #[must_use]
    pub fn zone_of(&self, name: &RecordName, zones: ZoneCount) -> ZoneId {
        let sub_index = self.hook_of(name).unwrap_or(&self.non_hook);
        sub_index.zone_of(sub_index.locate(name).0, zones)
    }

    /// Blocks that a save slot reserves for the volume index.
    pub(crate) fn save_blocks(&self, bytes_per_block: u64) -> u64 {
        let hook_bytes = self.hook.as_ref().map_or(0, |hook| hook.save_bytes() + 12);
        (self.non_hook.save_bytes() + hook_bytes + 8).div_ceil(bytes_per_block) + 16
    }
}

#[cfg(test)]
mod tests;
