//! What a list has around a key: for those who want to know why a look-up ends where it does.

use uds_geometry::{DeltaKey, RecordName};

use crate::{DeltaEntry, DeltaError};

/// Entries that are shown on each side of a key.
const MARGIN: usize = 2;

/// An entry of a list, and where in the list it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its position among the entries of the list, from 0.
    pub position: u32,
    /// Its key.
    pub key: DeltaKey,
    /// How much larger its key is than the one before it; of the first entry, its key.
    pub delta: u32,
    /// Its value.
    pub value: u32,
    /// The whole name, for a collision entry.
    pub name: Option<RecordName>,
}

/// The entries of a list around a key: all that have it, and two on each side.
///
/// ```
/// use uds_delta_index::{DeltaEntry, DeltaError, Neighbourhood};
/// use uds_geometry::DeltaKey;
///
/// let entry = |key| Ok(DeltaEntry { key: DeltaKey::new(key), value: 7, name: None });
/// let around = Neighbourhood::of((0..20).map(|number| entry(10 * number)), DeltaKey::new(55));
/// let keys: Vec<u32> = around.shown.iter().map(|shown| shown.key.get()).collect();
/// assert_eq!((around.entries, keys), (20, vec![40, 50, 60, 70]));
/// ```
#[derive(Debug, Default)]
pub struct Neighbourhood {
    /// Entries of the list, or those before the place where it is damaged.
    pub entries: u32,
    /// The entries around the key, in order.
    pub shown: Vec<Neighbour>,
    /// Why the list cannot be read to its end.
    pub damage: Option<DeltaError>,
}

impl Neighbourhood {
    /// What is around `key` in a list with these entries.
    pub fn of(
        entries: impl IntoIterator<Item = Result<DeltaEntry, DeltaError>>,
        key: DeltaKey,
    ) -> Self {
        let mut around = Self::default();
        let (mut before, mut behind) = (0, 0);
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(damage) => {
                    around.damage = Some(damage);
                    break;
                }
            };
            let position = around.entries;
            around.entries += 1;
            let delta = entry.key.get().saturating_sub(before);
            before = entry.key.get();
            if entry.key > key {
                behind += 1;
                if behind > MARGIN {
                    continue;
                }
            } else if entry.key < key && around.shown.len() == MARGIN {
                around.shown.remove(0);
            }
            let DeltaEntry { key, value, name } = entry;
            around.shown.push(Neighbour { position, key, delta, value, name });
        }
        around
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(keys: &[u32]) -> Vec<Result<DeltaEntry, DeltaError>> {
        let entry = |&key| Ok(DeltaEntry { key: DeltaKey::new(key), value: key, name: None });
        keys.iter().map(entry).collect()
    }

    // Guards the ends of a list, entries with equal keys, and the differences between keys.
    #[test]
    fn all_of_a_key_and_two_on_each_side() {
        let keys = [3, 5, 5, 5, 5, 9, 12, 13];
        for (key, wanted) in [(5, 0..7), (0, 0..2), (99, 6..8), (10, 4..8), (3, 0..3)] {
            let around = Neighbourhood::of(entries(&keys), DeltaKey::new(key));
            assert_eq!(around.entries, 8);
            let positions: Vec<u32> = around.shown.iter().map(|shown| shown.position).collect();
            assert_eq!(positions, wanted.collect::<Vec<u32>>(), "key {key}");
            for shown in &around.shown {
                let at = shown.position as usize;
                let before = at.checked_sub(1).map_or(0, |before| keys[before]);
                assert_eq!((shown.key.get(), shown.delta), (keys[at], keys[at] - before));
            }
        }
        assert!(Neighbourhood::of(entries(&[]), DeltaKey::new(5)).shown.is_empty());
    }

    // Guards the walk against going on behind a damaged entry.
    #[test]
    fn a_damaged_list_is_shown_up_to_its_damage() {
        let mut all = entries(&[3, 5, 9]);
        all[2] = Err(DeltaError::OutOfMemory { bytes: 1 });
        let around = Neighbourhood::of(all, DeltaKey::new(5));
        assert_eq!((around.entries, around.shown.len()), (2, 2));
        assert!(around.damage.is_some());
    }
}
