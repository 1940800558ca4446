//! Dividing the lists of an index among another number of zones.

use super::DeltaZone;
use crate::DeltaError;
use crate::bits::copy_bits;

/// Moves all lists of an index from its zones into others, which are empty: the same lists, in
/// the same order, divided otherwise. Each source is freed when its lists have moved, so that
/// hardly more memory is in use at any time than the lists take.
///
/// The first target is credited with the counts of all sources, as after a load.
///
/// # Errors
///
/// [`DeltaError::InvalidArgument`] where the targets have not just the lists of the sources, and
/// [`DeltaError::SaveTooLarge`] where they do not fit a target's memory.
pub fn regroup(mut sources: Vec<DeltaZone>, targets: &mut [DeltaZone]) -> Result<(), DeltaError> {
    let mut sizes: Vec<u16> = Vec::new();
    let mut counts = crate::DeltaStatistics::default();
    for source in &sources {
        sizes.extend(source.list_sizes());
        counts = counts.plus(source.statistics());
    }
    let mut next = 0_usize;
    for target in &mut *targets {
        let invalid = || DeltaError::InvalidArgument {
            what: "first delta list of a zone to move lists into",
            found: target.first_list().get().into(),
            wanted: "behind the lists of the zones before it, all lists in all",
        };
        let end = next + target.list_count() as usize;
        let own = sizes.get(next..end).filter(|_| target.first_list().get() as usize == next);
        let own = own.ok_or_else(invalid)?;
        target.lay_out(own)?;
        next = end;
    }
    if next != sizes.len() {
        return Err(DeltaError::InvalidArgument {
            what: "number of delta lists to move",
            found: sizes.len() as u64,
            wanted: "as many as the zones that they move into have",
        });
    }
    if let Some(first) = targets.first_mut() {
        first.statistics = first.statistics.plus(counts);
    }
    let per_target = targets.first().map_or(1, DeltaZone::list_count).max(1);
    // From the last on: what was allocated last goes back to the system when it is freed first.
    while let Some(source) = sources.pop() {
        for (list, view) in source.views() {
            let target = &mut targets[(list.get() / per_target) as usize];
            let index = target.index_of(list)?;
            let start = target.headers[index].start();
            let size = u64::from(view.size);
            copy_bits(view.memory, view.start, &mut target.memory, start, size);
            target.headers[index].unmark();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uds_geometry::{DeltaCoding, DeltaKey, DeltaListNumber, RecordName};

    use super::*;
    use crate::ZoneConfiguration;

    const LISTS: u32 = 50;

    fn zones(count: u32) -> Vec<DeltaZone> {
        let per_zone = LISTS.div_ceil(count);
        let zone = |number: u32| {
            let first = number * per_zone;
            DeltaZone::new(&ZoneConfiguration {
                first_list: DeltaListNumber::new(first),
                list_count: per_zone.min(LISTS - first),
                memory_bytes: 1 << 16,
                coding: DeltaCoding::new(1024).unwrap(),
                value_bits: 8,
                key_bits: 20,
            })
            .unwrap()
        };
        (0..count).map(zone).collect()
    }

    fn name(number: u32) -> RecordName {
        RecordName::of_block(&number.to_le_bytes())
    }

    fn put(zones: &mut [DeltaZone], list: u32, key: u32, value: u32, name: Option<&RecordName>) {
        let per_zone = zones[0].list_count();
        let zone = &mut zones[(list / per_zone) as usize];
        let (list, key) = (DeltaListNumber::new(list), DeltaKey::new(key));
        let mut cursor = zone.find(list, key, &RecordName::default()).unwrap();
        let _ = zone.insert(&mut cursor, key, value, name).unwrap();
    }

    fn value(zones: &mut [DeltaZone], list: u32, key: u32, name: &RecordName) -> Option<u32> {
        let per_zone = zones[0].list_count();
        let zone = &mut zones[(list / per_zone) as usize];
        let key = DeltaKey::new(key);
        let cursor = zone.find(DeltaListNumber::new(list), key, name).unwrap();
        if cursor.matches(key) { zone.value(&cursor) } else { None }
    }

    // Guards every entry, and every count, against the way from one division to another.
    #[test]
    fn lists_move_whole() {
        for (from, to) in [(1, 5), (5, 1), (5, 2), (2, 7), (7, 7)] {
            let mut sources = zones(from);
            for number in 0..2000_u32 {
                let (list, key) = (number % LISTS, number / LISTS * 37);
                put(&mut sources, list, key, number % 251, None);
            }
            put(&mut sources, 3, 37, 7, Some(&name(1)));
            let total = |zones: &[DeltaZone]| {
                zones.iter().fold(crate::DeltaStatistics::default(), |sum, zone| {
                    sum.plus(zone.statistics())
                })
            };
            let before = total(&sources);
            let mut targets = zones(to);
            regroup(sources, &mut targets).unwrap();
            assert_eq!(total(&targets), before, "{from} to {to}");
            for number in 0..2000_u32 {
                let (list, key) = (number % LISTS, number / LISTS * 37);
                let found = value(&mut targets, list, key, &RecordName::default());
                assert_eq!(found, Some(number % 251), "{number}, {from} to {to}");
            }
            assert_eq!(value(&mut targets, 3, 37, &name(1)), Some(7));
            targets.iter().for_each(|zone| {
                zone.check_invariants().unwrap();
            });
            put(&mut targets, 9, 5, 1, None);
        }
    }

    // Guards against lists that would end up in the wrong zone.
    #[test]
    fn other_lists_are_refused() {
        let mut missing = zones(5);
        missing.pop();
        assert!(regroup(zones(2), &mut missing).is_err());
        let mut swapped = zones(2);
        swapped.swap(0, 1);
        assert!(regroup(zones(2), &mut swapped).is_err());
    }
}
