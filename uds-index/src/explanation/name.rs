//! What the bits of a name say (specification, section 1).

use uds_geometry::{
    DeltaKey, DeltaListNumber, Geometry, RecordName, VolumeIndexParameters, ZoneCount, ZoneId,
};

use crate::SubIndex;

/// The numbers that are drawn from a name, and where they place it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameParts {
    /// Bytes 0 to 7, for the volume index.
    pub volume_index_bits: u64,
    /// Bytes 8 to 13, for chapters.
    pub chapter_index_bits: u64,
    /// Bytes 14 and 15, for sampling.
    pub sample_bits: u16,
    /// Every how many names one is a sample; 0 in a dense index.
    pub sample_rate: u32,
    /// Whether the name is a sample.
    pub is_sample: bool,
    /// Its part of the volume index.
    pub sub_index: SubIndex,
    /// Its delta list there.
    pub list: DeltaListNumber,
    /// Its key in the list.
    pub address: DeltaKey,
    /// Its zone.
    pub zone: ZoneId,
    /// How many zones the index is open in.
    pub zones: ZoneCount,
    /// Its delta list in the index of every chapter.
    pub chapter_list: DeltaListNumber,
    /// Its key in that list.
    pub chapter_address: DeltaKey,
}

impl NameParts {
    /// The parts of a name in an index of this shape.
    pub(crate) fn new(
        name: &RecordName,
        geometry: &Geometry,
        parameters: &VolumeIndexParameters,
        zones: ZoneCount,
    ) -> Self {
        let hook = parameters.hook_of(name);
        let sub_index = match (hook, &parameters.hook) {
            (Some(_), _) => SubIndex::Hook,
            (None, Some(_)) => SubIndex::NonHook,
            (None, None) => SubIndex::Whole,
        };
        let (list, address) = hook.unwrap_or(&parameters.non_hook).locate(name);
        Self {
            volume_index_bits: name.volume_index_bits(),
            chapter_index_bits: name.chapter_index_bits(),
            sample_bits: name.sample_bits(),
            sample_rate: geometry.sample_rate(),
            is_sample: hook.is_some(),
            sub_index,
            list,
            address,
            zone: parameters.zone_of(name, zones),
            zones,
            chapter_list: geometry.chapter_list(name),
            chapter_address: geometry.chapter_key(name),
        }
    }
}
