//! Edits of save slots.

use super::super::Rule;
use super::super::bits::{Entry, bits};
use super::super::shape::VOLUME_ADDRESS_BITS;
use super::Case;
use super::edit::{Edit, Item, can_grow, last_bit};

/// The cases for a dense index with one save, whose newest chapter is 3, in three zones.
pub(super) const CASES: &[Case] = &[
    (Rule::UnsavedPayload, |edit| edit.flip(edit.payload(1) + 23)),
    (Rule::SaveTime, |edit| edit.set_time(0, 0)),
    (Rule::SaveNonce, |edit| edit.flip(edit.payload(0) + 8)),
    (Rule::SaveNonce, |edit| edit.flip(edit.payload(0))),
    (Rule::SaveVersion, |edit| edit.flip(edit.payload(0) + 16)),
    (Rule::SaveZero, |edit| edit.flip(edit.payload(0) + 20)),
    (Rule::SaveZero, |edit| edit.flip(edit.payload(0) + 56)),
    (Rule::StateSignature, |edit| edit.flip(edit.payload(0) + 24)),
    (Rule::StateVersion, |edit| edit.flip(edit.payload(0) + 28)),
    (Rule::SaveWindow, |edit| edit.flip(edit.payload(0) + 40)),
    (Rule::LastSave, |edit| edit.flip(edit.payload(0) + 48)),
    (Rule::CleanState, |edit| {
        let at = edit.open_chapter();
        edit.bytes[at..at + 4096].fill(0);
    }),
    (Rule::OpenVersion, |edit| edit.flip(edit.open_chapter() + 6)),
    (Rule::OpenCount, |edit| edit.set(edit.open_chapter() + 10, 4, 2561)),
    (Rule::OpenNames, |edit| {
        let at = edit.open_chapter() + 14;
        edit.bytes.copy_within(at..at + 32, at + 32);
    }),
    (Rule::OpenRest, |edit| {
        let at = edit.open_chapter();
        let end = at + 14 + 32 * edit.word(at + 10, 4) as usize;
        edit.flip(end);
    }),
    (Rule::OpenKnown, |edit| edit.flip(edit.open_chapter() + 14 + 7)),
    (Rule::MapMagic, |edit| edit.flip(edit.region(1))),
    (Rule::MapUpdate, |edit| edit.flip(edit.region(1) + 8)),
    // Chapters 0 to 2 are in the window; nothing is in slot 5.
    (Rule::MapOrder, |edit| edit.set(edit.region(1) + 16 + 2 * 5, 2, 64)),
    (Rule::MapEntries, |edit| edit.flip(edit.region(1) + 16 + 2)),
    (Rule::MapRest, |edit| edit.flip(edit.region(1) + 16 + 2 * 6)),
    (Rule::SubMagic, |edit| edit.flip(edit.region(2))),
    (Rule::SubNonce, |edit| edit.flip(edit.region(2) + 8)),
    (Rule::SubWindow, |edit| edit.set(edit.region(2) + 16, 8, 4)),
    (Rule::SubWindow, |edit| edit.flip(edit.region(3) + 24)),
    (Rule::SubLists, |edit| edit.flip(edit.region(3) + 32)),
    (Rule::FlushChapters, |edit| edit.set(edit.region(2) + 40, 8, 4)),
    (Rule::DeltaMagic, |edit| edit.flip(edit.delta_index())),
    (Rule::DeltaZone, |edit| edit.flip(edit.delta_index() + 8)),
    (Rule::DeltaZone, |edit| edit.flip(edit.delta_index() + 12)),
    (Rule::DeltaLists, |edit| edit.flip(edit.delta_index() + 16)),
    (Rule::DeltaLists, |edit| edit.flip(edit.delta_index() + 20)),
    (Rule::DeltaCounts, |edit| edit.flip(edit.delta_index() + 24)),
    (Rule::DeltaCounts, |edit| edit.flip(edit.delta_index() + 32)),
    (Rule::ItemTag, |edit| edit.flip(first_item(edit).at)),
    (Rule::ItemPhase, |edit| {
        let phase = first_item(edit).at + 1;
        edit.bytes[phase] += 8;
    }),
    (Rule::ItemBytes, |edit| edit.flip(first_item(edit).at + 2)),
    (Rule::ItemList, |edit| edit.flip(first_item(edit).at + 4)),
    (Rule::ItemJunk, |edit| {
        let end =
            |item: &Item| 8 * (item.at + 8) + usize::from(edit.bytes[item.at + 1]) + item.size;
        let (items, _) = edit.items();
        let bit = items.iter().map(end).find(|end| end % 8 != 0).unwrap();
        edit.set_bits(bit, 1, 1);
    }),
    (Rule::GuardItem, |edit| edit.flip(edit.items().1)),
    (Rule::GuardItem, |edit| edit.flip(edit.items().1 + 7)),
    (Rule::StreamRest, |edit| edit.flip(edit.items().1 + 8)),
    (Rule::VolumeKeys, |edit| {
        let (sub, last) = (edit.sub(), last_entries(edit));
        let (entry, _) = last
            .into_iter()
            .find(|(entry, _)| {
                let most = entry.key + can_grow(edit, entry, sub.value_bits, sub.coding);
                most >> VOLUME_ADDRESS_BITS > 0 && entry.name.is_none()
            })
            .unwrap();
        grow(edit, &entry, sub.value_bits as usize, sub.coding.min_bits as usize, |edit, entry| {
            can_grow(edit, entry, edit.sub().value_bits, edit.sub().coding)
        });
    }),
    (Rule::VolumeListEnds, |edit| {
        let (sub, last) = (edit.sub(), last_entries(edit));
        let bit = last
            .into_iter()
            .find_map(|(entry, end)| last_bit(edit, &entry, end, sub.value_bits, sub.coding))
            .unwrap();
        edit.set_bits(bit, 1, 0);
    }),
    (Rule::VolumeCollisions, |edit| {
        let (items, _) = edit.items();
        let entry = items.iter().flat_map(|item| &item.entries).find(|entry| entry.name.is_some());
        let sub = edit.sub();
        let name = entry.unwrap().bit + (sub.value_bits + sub.coding.min_bits) as usize;
        // The lowest bit of the name's eighth byte is that of its key.
        let found = bits(&edit.bytes, name + 56, 1);
        edit.set_bits(name + 56, 1, 1 - found);
    }),
    // Bits of the chapter number 3; the newest is 3, and all lists are from 0 on.
    (Rule::EntryWindow, |edit| set_chapter(edit, 5)),
    (Rule::EntryLeads, |edit| set_chapter(edit, 1)),
];

/// The cases for a sparse index.
pub(super) const SPARSE: &[Case] = &[
    (Rule::SparseMagic, |edit| edit.flip(edit.region(2))),
    (Rule::SparseRate, |edit| edit.flip(edit.region(2) + 8)),
];

/// The cases for an index with two saves.
pub(super) const TWICE: &[Case] =
    &[(Rule::SaveOrder, |edit| edit.set_time(0, edit.word(edit.payload(1), 8)))];

/// The cases for an index that was not closed after its save.
pub(super) const CRASHED: &[Case] =
    &[(Rule::Discard, |edit| edit.flip(edit.open_chapter() + 4095))];

fn first_item(edit: &Edit) -> Item {
    edit.items().0.remove(0)
}

/// The last entry of each list where it is of a closed chapter, and where the list ends.
fn last_entries(edit: &Edit) -> Vec<(Entry, usize)> {
    let (items, _) = edit.items();
    let last = items.into_iter().map(|mut item| {
        let end = 8 * (item.at + 8) + usize::from(edit.bytes[item.at + 1]) + item.size;
        (item.entries.pop().unwrap(), end)
    });
    last.filter(|(entry, _)| entry.value != 3).collect()
}

/// Lets the key of an entry grow as far as its code allows.
pub(super) fn grow(
    edit: &mut Edit,
    entry: &Entry,
    value_bits: usize,
    min_bits: usize,
    most: impl Fn(&Edit, &Entry) -> u64,
) {
    let field = bits(&edit.bytes, entry.bit + value_bits, min_bits);
    let most = most(edit, entry);
    edit.set_bits(entry.bit + value_bits, min_bits, field + most);
}

/// Lets the first entry of chapter 0 lead to another one.
fn set_chapter(edit: &mut Edit, chapter: u64) {
    let (items, _) = edit.items();
    let mut entries = items.iter().flat_map(|item| &item.entries);
    let bit = entries.find(|entry| entry.value == 0).unwrap().bit;
    edit.set_bits(bit, edit.sub().value_bits as usize, chapter);
}
