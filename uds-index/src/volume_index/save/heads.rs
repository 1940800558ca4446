//! What the streams of a saved volume index say of themselves, before their lists.

use std::io::Read;

use uds_geometry::{DeltaListNumber, VolumeIndexParameters, ZoneCount, ZoneId};

use super::{Part, STRUCTURE, Saved, read_sparse_header, tag};
use crate::IndexError;
use crate::error::Reading;

/// The head of a sub-index in a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// The stream, which is that of the zone that was saved.
    pub(crate) zone: ZoneId,
    /// Whether it is the sub-index of the samples.
    pub(crate) is_hook: bool,
    pub(crate) low: u64,
    pub(crate) high: u64,
    pub(crate) first_list: DeltaListNumber,
    pub(crate) list_count: u32,
    /// Entries and collisions, modulo 2^64.
    pub(crate) records: u64,
    pub(crate) collisions: u64,
    /// Bytes of the lists.
    pub(crate) bytes: u64,
}

/// Reads the heads of all streams: those before the first that makes no sense, and what is wrong
/// with that one.
pub(crate) fn read_all_heads<R: Read>(
    saved: &mut Saved<R>,
    parameters: &VolumeIndexParameters,
    zones: ZoneCount,
) -> (Vec<Head>, Result<(), (ZoneId, IndexError)>) {
    let mut heads = Vec::new();
    let result = collect(saved, parameters, zones, &mut heads);
    (heads, result)
}

fn collect<R: Read>(
    saved: &mut Saved<R>,
    parameters: &VolumeIndexParameters,
    zones: ZoneCount,
    heads: &mut Vec<Head>,
) -> Result<(), (ZoneId, IndexError)> {
    let reading = Reading { structure: STRUCTURE, block: saved.first_block };
    let nowhere = |error| (ZoneId::ZERO, error);
    let is_sparse = parameters.hook.is_some();
    let mut parts = Vec::new();
    for (is_hook, part) in [(false, Some(&parameters.non_hook)), (true, parameters.hook.as_ref())] {
        let Some(part) = part else { continue };
        let part = Part::new(part, tag(is_sparse, is_hook), zones).map_err(nowhere)?;
        parts.push((is_hook, part));
    }
    for zone in zones.zones() {
        let in_zone = |error| (zone, error);
        if let Some(input) = saved.streams.get_mut(usize::from(zone.get())).filter(|_| is_sparse) {
            read_sparse_header(input, &reading, parameters.sample_rate).map_err(in_zone)?;
        }
        for (is_hook, part) in &mut parts {
            let (low, high) = part.read_head(saved, zone).map_err(in_zone)?;
            let Some(header) = part.headers.last() else { continue };
            let sizes = header.list_sizes().iter();
            heads.push(Head {
                zone,
                is_hook: *is_hook,
                low,
                high,
                first_list: header.first_list(),
                list_count: header.list_count(),
                records: header.records(),
                collisions: header.collisions(),
                bytes: sizes.map(|&size| u64::from(size).div_ceil(8)).sum(),
            });
        }
    }
    Ok(())
}
