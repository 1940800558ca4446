//! Dividing a volume index among another number of zones, in memory.

use uds_delta_index::DeltaZone;
use uds_geometry::{SubIndexParameters, VolumeIndexParameters, ZoneCount};

use super::sub_index::{SubIndexZone, zone_configuration};
use super::zone::VolumeIndexZone;
use crate::IndexError;
use crate::sync::Arc;

/// Makes `count` zones of a whole index's zones, all of which have the same window.
///
/// # Errors
///
/// [`IndexError::OutOfMemory`], or [`IndexError::VolumeIndex`] where the lists fit no zone.
pub(crate) fn regroup(
    zones: Vec<VolumeIndexZone>,
    parameters: &Arc<VolumeIndexParameters>,
    count: ZoneCount,
) -> Result<Vec<VolumeIndexZone>, IndexError> {
    let (mut non_hooks, mut hooks) = (Vec::new(), Vec::new());
    for zone in zones {
        let (non_hook, hook) = zone.into_parts()?;
        non_hooks.push(non_hook);
        hooks.extend(hook);
    }
    let mut hooks = match &parameters.hook {
        Some(hook) => regroup_part(hooks, hook, count)?.into_iter(),
        None => Vec::new().into_iter(),
    };
    let non_hooks = regroup_part(non_hooks, &parameters.non_hook, count)?;
    let zone = |non_hook| VolumeIndexZone::of(parameters, non_hook, hooks.next());
    Ok(non_hooks.into_iter().map(zone).collect())
}

fn regroup_part(
    zones: Vec<SubIndexZone>,
    parameters: &SubIndexParameters,
    count: ZoneCount,
) -> Result<Vec<SubIndexZone>, IndexError> {
    let (low, high) = zones.first().map_or((0, 0), SubIndexZone::window);
    let mut flush_chapters = Vec::new();
    let mut sources = Vec::new();
    for zone in zones {
        for list in zone.lists().lists() {
            flush_chapters.push(zone.flush_chapter(list)?);
        }
        sources.push(zone.into_lists());
    }
    let target = |zone| Ok(DeltaZone::new(&zone_configuration(parameters, zone, count)?)?);
    let mut targets = count.zones().map(target).collect::<Result<Vec<_>, IndexError>>()?;
    uds_delta_index::regroup(sources, &mut targets)?;
    let zone = |lists: DeltaZone| {
        let first = lists.first_list().get() as usize;
        let end = first + lists.list_count() as usize;
        let mut zone = SubIndexZone::with_lists(parameters, lists, count);
        zone.restore_window(low, high, flush_chapters[first..end].iter().copied())?;
        Ok(zone)
    };
    targets.into_iter().map(zone).collect()
}
