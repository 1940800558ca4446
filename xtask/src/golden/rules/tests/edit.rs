//! An image that is edited, and where its parts are.

use super::super::bits::{Entry, bits, entries};
use super::super::bytes::number;
use super::super::shape::{Coding, SubIndex};
use super::super::{Subject, murmur};

/// A list in a saved volume index.
pub(super) struct Item {
    /// The byte where it begins, its header included.
    pub(super) at: usize,
    pub(super) size: usize,
    /// Its entries; their places are bits of the image.
    pub(super) entries: Vec<Entry>,
}

/// An image that is edited.
pub(super) struct Edit {
    pub(super) subject: Subject,
    pub(super) bytes: Vec<u8>,
}

impl Edit {
    pub(super) fn new(subject: Subject, bytes: Vec<u8>) -> Self {
        Self { subject, bytes }
    }

    /// Exchanges the lowest bit of a byte.
    pub(super) fn flip(&mut self, at: usize) {
        self.bytes[at] ^= 1;
    }

    pub(super) fn word(&self, at: usize, width: usize) -> u64 {
        number(&self.bytes, at, width)
    }

    pub(super) fn set(&mut self, at: usize, width: usize, value: u64) {
        self.bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }

    pub(super) fn set_bits(&mut self, bit: usize, width: usize, value: u64) {
        for one in 0..width {
            let (at, mask) = ((bit + one) / 8, 1 << ((bit + one) % 8));
            self.bytes[at] &= !mask;
            if value >> one & 1 == 1 {
                self.bytes[at] |= mask;
            }
        }
    }

    /// The byte where a block of the index begins.
    pub(super) fn block(&self, block: u64) -> usize {
        4096 * (self.subject.offset + block) as usize
    }

    /// Where a save slot begins.
    pub(super) fn slot(&self, slot: u64) -> usize {
        self.block(2 + self.subject.shape.volume_blocks() + slot * self.subject.shape.save_blocks())
    }

    /// Where the payload of a slot's header begins.
    pub(super) fn payload(&self, slot: u64) -> usize {
        let slot = self.slot(slot);
        slot + 24 + 24 * self.word(slot + 20, 2) as usize
    }

    /// Where a region of slot 0 begins.
    pub(super) fn region(&self, region: usize) -> usize {
        4096 * self.word(self.slot(0) + 24 + 24 * region, 8) as usize
    }

    pub(super) fn open_chapter(&self) -> usize {
        let regions = self.word(self.slot(0) + 20, 2) as usize;
        let kind = |region: usize| self.word(self.slot(0) + 24 + 24 * region + 20, 2);
        self.region((0..regions).find(|&region| kind(region) == 303).unwrap())
    }

    /// Gives the save in a slot a time, and the nonce that goes with it.
    pub(super) fn set_time(&mut self, slot: u64, time: u64) {
        let (payload, header) = (self.payload(slot), self.slot(slot));
        let info = self.block(0) + 224;
        let primary = murmur::primary(&self.bytes[info..info + 32]);
        let volume = murmur::volume(primary, self.subject.offset + 2);
        self.set(payload, 8, time);
        self.set(payload + 8, 8, murmur::save(volume, time, header as u64 / 4096));
    }

    /// The only sub-index of a dense index.
    pub(super) fn sub(&self) -> SubIndex {
        self.subject.shape.sub_indexes()[0]
    }

    /// How many lists zone 0 of the saved volume index has.
    pub(super) fn lists(&self) -> usize {
        self.word(self.region(2) + 36, 4) as usize
    }

    /// Where the header of the delta index of zone 0 begins.
    pub(super) fn delta_index(&self) -> usize {
        self.region(2) + 40 + 8 * self.lists()
    }

    /// The lists of zone 0 of the saved volume index, and where the guard item is.
    pub(super) fn items(&self) -> (Vec<Item>, usize) {
        let (sub, lists) = (self.sub(), self.lists());
        let sizes = self.delta_index() + 40;
        let mut at = sizes + 2 * lists;
        let mut items = Vec::new();
        for list in 0..lists {
            let size = self.word(sizes + 2 * list, 2) as usize;
            if size == 0 {
                continue;
            }
            let start = 8 * (at + 8) + usize::from(self.bytes[at + 1]);
            let (entries, beyond) = entries(&self.bytes, start, size, sub.value_bits, sub.coding);
            assert_eq!(beyond, None);
            items.push(Item { at, size, entries });
            at += 8 + self.word(at + 2, 2) as usize;
        }
        (items, at)
    }

    /// Where a page of a chapter begins.
    pub(super) fn page(&self, slot: u64, page: u64) -> usize {
        let shape = &self.subject.shape;
        self.block(2) + (shape.page * (1 + slot * shape.pages_per_chapter() + page)) as usize
    }

    pub(super) fn record_page(&self, slot: u64, page: u64) -> usize {
        self.page(slot, self.subject.shape.index_pages() + page)
    }

    /// The lists of an index page: where each begins and ends, in bits of the page.
    pub(super) fn ends(&self, slot: u64, page: u64) -> Vec<(usize, usize)> {
        let at = self.page(slot, page);
        let count = self.word(at + 18, 2) as usize;
        let offset = |list: usize| bits(&self.bytes[at..], 160 + 19 * list, 19) as usize;
        (0..count).map(|list| (offset(list), offset(list + 1))).collect()
    }

    /// The entries of the lists of an index page; their places are bits of the image.
    pub(super) fn page_lists(&self, slot: u64, page: u64) -> Vec<Vec<Entry>> {
        let (at, bits) = (self.page(slot, page), self.subject.shape.page_number_bits());
        let list = |(start, end): (usize, usize)| {
            entries(&self.bytes, 8 * at + start, end - start, bits, Coding::of_chapters()).0
        };
        self.ends(slot, page).into_iter().map(list).collect()
    }

    /// Writes the header, table and lists of an index page anew, from bits of the image as it is.
    pub(super) fn rewrite(&mut self, slot: u64, page: u64, first: u64, lists: &[Vec<bool>]) {
        let (at, length) = (self.page(slot, page), self.subject.shape.page as usize);
        self.bytes[at + 16..at + length - 7].fill(0);
        self.set(at + 16, 2, first);
        self.set(at + 18, 2, lists.len() as u64);
        let mut end = 160 + 19 * (lists.len() + 1);
        self.set_bits(8 * at + 160, 19, end as u64);
        for (number, list) in lists.iter().enumerate() {
            for &bit in list {
                self.set_bits(8 * at + end, 1, bit.into());
                end += 1;
            }
            self.set_bits(8 * at + 160 + 19 * (number + 1), 19, end as u64);
        }
    }

    /// The lists of an index page, bit by bit.
    pub(super) fn page_bits(&self, slot: u64, page: u64) -> Vec<Vec<bool>> {
        let at = 8 * self.page(slot, page);
        let list = |(start, end): (usize, usize)| {
            (start..end).map(|bit| bits(&self.bytes, at + bit, 1) == 1).collect()
        };
        self.ends(slot, page).into_iter().map(list).collect()
    }
}

/// The bit that ends the zeroes of an entry's code, if it has such a code: its last one.
pub(super) fn last_bit(
    edit: &Edit,
    entry: &Entry,
    end: usize,
    value_bits: u64,
    coding: Coding,
) -> Option<usize> {
    let field = bits(&edit.bytes, entry.bit + value_bits as usize, coding.min_bits as usize);
    (entry.name.is_none() && field >= coding.min_keys).then_some(end - 1)
}

/// By how much an entry's key can grow without its code becoming longer.
pub(super) fn can_grow(edit: &Edit, entry: &Entry, value_bits: u64, coding: Coding) -> u64 {
    let field = bits(&edit.bytes, entry.bit + value_bits as usize, coding.min_bits as usize);
    let largest =
        if field < coding.min_keys { coding.min_keys } else { coding.min_keys + coding.incr };
    largest - 1 - field
}
