//! Records that the index of their chapter does not name because it had no room for them
//! (specification, sections 3.6, 4 and 5.4): no damage.
//!
//! | no room for an entry | how that shows |
//! |---|---|
//! | its list would exceed 65535 bits | with all of its names, the list is too long |
//! | its list did not fit the page, and was emptied | it is empty, and too long for what is free |
//! | the open form of the chapter index was full | all lists together are too long |

use std::collections::BTreeMap;

use uds_geometry::{DeltaKey, DeltaListNumber};

use super::chapter::{Examiner, SlotReport};
use super::records::{Names, range_of};

/// Takes from the missing names those that there was no room for, and counts them.
pub(super) fn excuse(examiner: &Examiner<'_>, names: &mut Names, report: &mut SlotReport) {
    let all = names.missing.len();
    if all_bits_fit(examiner, names) {
        let mut is_excused: BTreeMap<u32, bool> = BTreeMap::new();
        for missing in &names.missing {
            let list = missing.list;
            is_excused.entry(list).or_insert_with(|| is_full(examiner, names, list));
        }
        names.missing.retain(|missing| !is_excused[&missing.list]);
    } else {
        names.missing.clear();
    }
    report.checked.records_without_room += (all - names.missing.len()) as u64;
}

/// Whether there was room for an entry for every name in the open form of the chapter index.
fn all_bits_fit(examiner: &Examiner<'_>, names: &Names) -> bool {
    let lists = examiner.volume.geometry().delta_lists_per_chapter();
    let bits = (0..lists).map(|list| needed_bits(examiner, names, list)).sum();
    examiner.lists.has_room_in_all(bits, lists)
}

/// Whether a list has no room for all of its names.
fn is_full(examiner: &Examiner<'_>, names: &Names, list: u32) -> bool {
    let needed = needed_bits(examiner, names, list);
    if !examiner.lists.has_room_for(needed) {
        return true;
    }
    let bytes = examiner.volume.geometry().bytes_per_page() as usize;
    let headers = examiner.headers.iter();
    let number = headers
        .enumerate()
        .find(|(_, header)| header.is_some_and(|it| it.contains(DeltaListNumber::new(list))));
    let Some((number, Some(header))) = number else { return false };
    let content = &examiner.index[number * bytes..][..bytes];
    let is_empty = |list: u32| {
        let bits = examiner.lists.bits_of(header, content, DeltaListNumber::new(list));
        bits.is_ok_and(|bits| bits == 0)
    };
    // Lists are emptied for want of room on the last page only, and all of them leave their bits.
    let is_last = number + 1 == examiner.headers.len();
    if !is_last || !is_empty(list) {
        return false;
    }
    let emptied = header.lists().map(DeltaListNumber::get).filter(|&list| is_empty(list));
    let bits: u64 = emptied.map(|list| needed_bits(examiner, names, list)).sum();
    bits > examiner.lists.free_bits(header, content)
}

/// The bits of a list with an entry for each of its names.
fn needed_bits(examiner: &Examiner<'_>, names: &Names, list: u32) -> u64 {
    let packing = examiner.packing();
    let of_list = &names.sorted[range_of(&names.sorted, packing, list)];
    let mut keys = Vec::with_capacity(of_list.len());
    for same_key in of_list.chunk_by(|&a, &b| packing.key(a) == packing.key(b)) {
        let mut different = 1;
        if same_key.len() > 1 {
            let records = same_key.iter().map(|&packed| packing.record(packed));
            let mut known: Vec<_> = records.map(|record| examiner.record(record).name).collect();
            known.sort_unstable();
            known.dedup();
            different = known.len();
        }
        let key = DeltaKey::new(packing.key(same_key[0]));
        keys.extend(std::iter::repeat_n(key, different));
    }
    examiner.lists.needed_bits(keys)
}
