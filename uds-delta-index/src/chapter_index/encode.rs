//! The short way to a chapter's delta lists: sort the records, and encode each list once.
//!
//! Inserting one by one leaves each list in order of keys; entries of one key start with the first
//! that arrived, and its collisions follow, the newest first (specification, section 3.6).
//!
//! Invariant: either the lists are exactly those, or the caller is told to go the long way.

use uds_geometry::{Geometry, RecordName};

use super::builder::Lists;
use crate::coding::EntryCoding;
use crate::zone::MAX_LIST_BITS;

/// Bits of a record's page in its sort word. A geometry has 4096 record pages at most.
const PAGE_BITS: u32 = 16;
/// Bits of a record's number in the order of arrival.
const ARRIVAL_BITS: u32 = 26;
/// Bits of a record's key: 22 in every geometry, or less.
const KEY_BITS: u32 = 64 - ARRIVAL_BITS - PAGE_BITS;

/// A record without its name, in one word, so that words sort by key and then by arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct SortWord(u64);

impl SortWord {
    fn new(key: u32, arrival: usize, page: u16) -> Self {
        let arrival = (arrival as u64) << PAGE_BITS;
        Self(u64::from(key) << (ARRIVAL_BITS + PAGE_BITS) | arrival | u64::from(page))
    }

    fn key(self) -> u32 {
        (self.0 >> (ARRIVAL_BITS + PAGE_BITS)) as u32
    }

    fn arrival(self) -> usize {
        (self.0 >> PAGE_BITS) as usize & ((1 << ARRIVAL_BITS) - 1)
    }

    fn page(self) -> u32 {
        u32::from(self.0 as u16)
    }
}

/// The records of a chapter, sorted by list, key and arrival.
#[derive(Debug, Default)]
pub(super) struct SortedRecords {
    words: Vec<SortWord>,
    /// Where each list's records end in `words`.
    ends: Vec<usize>,
}

impl SortedRecords {
    /// Sorts records. False where there are so many that sort words cannot hold them.
    pub(super) fn sort(
        &mut self,
        geometry: &Geometry,
        names: &[RecordName],
        pages: &[u16],
    ) -> bool {
        if names.len() >> ARRIVAL_BITS > 0 || geometry.chapter_address_bits() > KEY_BITS {
            return false;
        }
        let list_of = |name: &RecordName| geometry.chapter_list(name).get() as usize;
        self.ends.clear();
        self.ends.resize(geometry.delta_lists_per_chapter() as usize, 0);
        for name in names {
            self.ends[list_of(name)] += 1;
        }
        // From counts to starts. Filling the lists then turns starts into ends.
        let mut start = 0;
        for end in &mut self.ends {
            start += std::mem::replace(end, start);
        }
        self.words.clear();
        self.words.resize(names.len(), SortWord::default());
        for (arrival, (name, &page)) in names.iter().zip(pages).enumerate() {
            let end = &mut self.ends[list_of(name)];
            let key = geometry.chapter_key(name).get();
            self.words[*end] = SortWord::new(key, arrival, page);
            *end += 1;
        }
        let mut start = 0;
        for &end in &self.ends {
            self.words[start..end].sort_unstable();
            start = end;
        }
        true
    }

    /// Encodes all lists. False where one of them is too long, or holds a duplicate: inserting one
    /// by one finds out which records are refused.
    pub(super) fn encode(
        &self,
        coding: &EntryCoding,
        names: &[RecordName],
        lists: &mut Lists,
    ) -> bool {
        lists.clear();
        let mut start = 0;
        for &end in &self.ends {
            let words = &self.words[start..end];
            start = end;
            let Some(size) = list_size(coding, words, names) else { return false };
            lists.push(size, |memory, start| encode_list(coding, words, names, memory, start));
        }
        true
    }
}

/// The bits of a list, or `None` where it would be too long or a collision comes twice.
fn list_size(coding: &EntryCoding, words: &[SortWord], names: &[RecordName]) -> Option<u16> {
    let mut bits = 0_u64;
    let mut previous = 0;
    for same_key in words.chunk_by(|a, b| a.key() == b.key()) {
        let (head, collisions) = same_key.split_first()?;
        bits += coding.entry_bits(head.key() - previous);
        bits += u64::from(coding.collision_bits()) * collisions.len() as u64;
        if bits > u64::from(MAX_LIST_BITS) {
            return None;
        }
        // Fewer than 436 collisions fit a list, so comparing each with each is cheap. The head's
        // name is not in the index: a duplicate of it goes unnoticed, here as there.
        let name = |word: &SortWord| &names[word.arrival()];
        let is_duplicate = |(i, word)| collisions[..i].iter().any(|old| name(old) == name(word));
        if collisions.iter().enumerate().any(is_duplicate) {
            return None;
        }
        previous = head.key();
    }
    u16::try_from(bits).ok()
}

fn encode_list(
    coding: &EntryCoding,
    words: &[SortWord],
    names: &[RecordName],
    memory: &mut [u8],
    start: u64,
) {
    let mut place = start;
    let mut previous = 0;
    for same_key in words.chunk_by(|a, b| a.key() == b.key()) {
        let Some((head, collisions)) = same_key.split_first() else { continue };
        place = coding.encode(memory, place, head.page(), head.key() - previous);
        for collision in collisions.iter().rev() {
            let name = &names[collision.arrival()];
            place = coding.encode_collision(memory, place, collision.page(), name);
        }
        previous = head.key();
    }
}
