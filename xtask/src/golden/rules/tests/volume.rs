//! Edits of the volume.

use std::collections::HashMap;

use super::super::Rule;
use super::super::bits::{Entry, bits};
use super::super::shape::Coding;
use super::Case;
use super::edit::{Edit, can_grow, last_bit};
use super::saves::grow;

/// The cases for a dense index whose window begins with chapters 0 to 2.
pub(super) const CASES: &[Case] = &[
    (Rule::HeaderPage, |edit| edit.flip(edit.block(2) + 4095)),
    (Rule::ChapterSlot, |edit| edit.flip(edit.page(1, 0) + 8)),
    (Rule::ChapterSlot, |edit| edit.flip(edit.page(1, 1) + 8)),
    (Rule::PageNonce, |edit| edit.flip(edit.page(0, 1))),
    (Rule::PageFirst, |edit| edit.flip(edit.page(2, 1) + 16)),
    (Rule::PageLast, |edit| {
        // A list more than there are, without entries.
        let mut lists = edit.page_bits(0, 1);
        lists.push(Vec::new());
        edit.rewrite(0, 1, edit.word(edit.page(0, 1) + 16, 2), &lists);
    }),
    (Rule::PageOffsets, |edit| {
        let bit = 8 * edit.page(0, 0) + 160;
        let found = bits(&edit.bytes, bit, 19);
        edit.set_bits(bit, 19, found + 1);
    }),
    (Rule::PageGuard, |edit| edit.flip(edit.page(1, 0) + 4095)),
    (Rule::PageGuard, |edit| edit.flip(edit.page(1, 0) + 4089)),
    (Rule::PageJunk, |edit| edit.flip(edit.page(1, 1) + 4088)),
    (Rule::PagePacking, |edit| {
        let (mut first, mut second) = (edit.page_bits(0, 0), edit.page_bits(0, 1));
        second.insert(0, first.pop().unwrap());
        edit.rewrite(0, 0, 0, &first);
        edit.rewrite(0, 1, first.len() as u64, &second);
        edit.set(edit.region(1) + 16, 2, first.len() as u64 - 1);
    }),
    (Rule::PageListEnds, |edit| {
        let (bits, coding) = (edit.subject.shape.page_number_bits(), Coding::of_chapters());
        let last = last_entries(edit);
        let bit = last.iter().find_map(|(entry, end)| last_bit(edit, entry, *end, bits, coding));
        edit.set_bits(bit.unwrap(), 1, 0);
    }),
    (Rule::PageKeys, |edit| {
        let shape = edit.subject.shape.clone();
        let most = |edit: &Edit, entry: &Entry| {
            can_grow(edit, entry, shape.page_number_bits(), Coding::of_chapters())
        };
        let last = last_entries(edit);
        let (entry, _) = last
            .iter()
            .find(|(entry, _)| {
                let reach = entry.key + most(edit, entry);
                entry.name.is_none() && reach >> shape.chapter_address_bits() > 0
            })
            .unwrap();
        grow(edit, entry, shape.page_number_bits() as usize, 16, most);
    }),
    (Rule::PageValues, |edit| set_value(edit, |_| 20)),
    (Rule::ChapterIndex, |edit| set_value(edit, |found| (found + 1) % 20)),
    (Rule::PageCollisions, |edit| {
        let entries = (0..2).flat_map(|page| edit.page_lists(0, page)).flatten();
        let entry = entries.into_iter().find(|entry| entry.name.is_some()).unwrap();
        // After the value and the code, the lowest bit of the name's fourteenth byte: of its key.
        let bit = entry.bit + 5 + 16 + 8 * 13;
        let found = bits(&edit.bytes, bit, 1);
        edit.set_bits(bit, 1, 1 - found);
    }),
    (Rule::HeapOrder, |edit| {
        let at = edit.record_page(1, 3);
        let (one, other) = edit.bytes[at..at + 64].split_at(32);
        let swapped = [other, one].concat();
        edit.bytes[at..at + 64].copy_from_slice(&swapped);
    }),
    (Rule::FillRecord, |edit| {
        let (one, _) = copies(edit);
        edit.flip(one + 31);
    }),
];

/// The last entry of each list of the first index page of chapter 0, and where the list ends.
fn last_entries(edit: &Edit) -> Vec<(Entry, usize)> {
    let at = 8 * edit.page(0, 0);
    let ends = edit.ends(0, 0).into_iter().map(|(_, end)| at + end);
    let lists = edit.page_lists(0, 0).into_iter().zip(ends);
    lists.filter_map(|(mut list, end)| Some((list.pop()?, end))).collect()
}

/// Gives the first entry of chapter 0 another record page.
fn set_value(edit: &mut Edit, value: impl Fn(u64) -> u64) {
    let entry = edit.page_lists(0, 0).into_iter().flatten().next().unwrap();
    edit.set_bits(entry.bit, 5, value(entry.value));
}

/// Where two copies of a record of chapter 0 are: it fills the places of others.
fn copies(edit: &Edit) -> (usize, usize) {
    let mut seen = HashMap::new();
    for page in 0..edit.subject.shape.record_pages {
        for at in (0..4096).step_by(32).map(|at| edit.record_page(0, page) + at) {
            let name = edit.bytes[at..at + 16].to_vec();
            if let Some(before) = seen.insert(name, at) {
                return (before, at);
            }
        }
    }
    panic!("no record is there twice");
}
