//! A chapter on the volume (specification, sections 3.10, 4, 5.4 and 6).
//!
//! The format lets a chapter's index lack a record for which there was no room. At the sizes of
//! the cases there is always room, so every record has to be found.

use std::collections::{BTreeSet, HashMap};
use std::io;

use super::bits::{bits, entries};
use super::bytes::{Image, number};
use super::report::Report;
use super::rule::Rule;
use super::shape::Coding;

/// Bits of an offset in the table of an index page.
const OFFSET_BITS: usize = 19;
const HEADER_BITS: usize = 160;
const GUARD_BYTES: usize = 7;

/// What was found on the pages of a chapter.
#[derive(Default)]
pub(super) struct Chapter {
    /// The last list of each index page.
    pub(super) last_lists: Vec<u64>,
    /// The names of its records, each once.
    pub(super) names: Vec<[u8; 16]>,
    /// How often each list and key has an entry for a record page.
    leads: HashMap<(u64, u64, u64), u64>,
    /// Whether a part of the index could not be read, so that it cannot be held to the records.
    is_unread: bool,
    /// The bits that the page before has left, before the first list of the next one.
    room: usize,
}

/// Checks the chapter in a slot, which must be the one with that number.
pub(super) fn check(
    image: &Image,
    slot: u64,
    chapter: u64,
    nonce: u64,
    report: &mut Report,
) -> io::Result<Chapter> {
    let shape = &image.subject.shape;
    let first = 1 + slot * shape.pages_per_chapter();
    let mut found = Chapter::default();
    let mut next = 0;
    for page in 0..shape.index_pages() {
        let place = format!("chapter {chapter}, index page {page}");
        let bytes = image.page(first + page)?;
        report.equal(Rule::PageNonce, &place, &number(&bytes, 0, 8), &nonce);
        report.equal(Rule::ChapterSlot, &place, &number(&bytes, 8, 8), &chapter);
        report.equal(Rule::PageFirst, &place, &number(&bytes, 16, 2), &next);
        next += found.index_page(image, &bytes, next, &place, report);
        found.last_lists.push(next.wrapping_sub(1));
    }
    let place = format!("chapter {chapter}");
    report.equal(Rule::PageLast, &place, &next, &shape.chapter_lists());
    let mut records: HashMap<[u8; 16], Vec<(u64, [u8; 16])>> = HashMap::new();
    for page in 0..shape.record_pages {
        let bytes = image.page(first + shape.index_pages() + page)?;
        check_heap(&bytes, &format!("{place}, record page {page}"), report);
        for record in bytes.chunks_exact(32) {
            let name = std::array::from_fn(|at| record[at]);
            let data = std::array::from_fn(|at| record[16 + at]);
            records.entry(name).or_default().push((page, data));
        }
    }
    found.records(image, &records, &place, report);
    found.names = records.into_keys().collect();
    Ok(found)
}

/// In-order, the names of a page do not go back.
fn check_heap(page: &[u8], place: &str, report: &mut Report) {
    let count = page.len() / 32;
    let name = |node: usize| &page[32 * node..32 * node + 16];
    let (mut path, mut node, mut before): (Vec<usize>, _, Option<usize>) = (Vec::new(), 0, None);
    loop {
        while node < count {
            path.push(node);
            node = 2 * node + 1;
        }
        let Some(here) = path.pop() else { return };
        let holds = before.is_none_or(|before| name(before) <= name(here));
        report.ask(Rule::HeapOrder, holds, || format!("{place}: record {here}"));
        (before, node) = (Some(here), 2 * here + 2);
    }
}

impl Chapter {
    /// Checks the lists of an index page, and returns how many there are.
    fn index_page(
        &mut self,
        image: &Image,
        bytes: &[u8],
        first: u64,
        place: &str,
        report: &mut Report,
    ) -> u64 {
        let shape = &image.subject.shape;
        let guard = bytes.len() - GUARD_BYTES;
        let ones = bytes[guard..].iter().all(|&byte| byte == 0xff);
        report.ask(Rule::PageGuard, ones, || format!("{place}: {:02x?}", &bytes[guard..]));
        let count = number(bytes, 18, 2) as usize;
        let table = HEADER_BITS + OFFSET_BITS * (count + 1);
        let offsets: Vec<_> = (0..=count)
            .map(|at| bits(bytes, HEADER_BITS + OFFSET_BITS * at, OFFSET_BITS) as usize)
            .collect();
        let holds = offsets[0] == table && offsets.is_sorted() && offsets[count] <= 8 * guard;
        report.ask(Rule::PageOffsets, holds, || format!("{place}: {count} lists, {offsets:?}"));
        self.is_unread |= !holds;
        if !holds {
            self.room = 0;
            return count as u64;
        }
        if image.subject.ours {
            check_junk(&bytes[..guard], offsets[count], place, report);
        }
        let lists = shape.chapter_lists();
        if self.room > 0 && first < lists {
            let fits = count == 0 || offsets[1] - offsets[0] + OFFSET_BITS <= self.room;
            report.ask(Rule::PagePacking, !fits, || format!("{place}: list {first}"));
        }
        // One offset more than lists, and the guard.
        self.room = 8 * guard - offsets[count];
        for (at, ends) in offsets.windows(2).enumerate() {
            let list = first + at as u64;
            self.list(image, bytes, (list, ends[0], ends[1]), place, report);
        }
        count as u64
    }

    fn list(
        &mut self,
        image: &Image,
        bytes: &[u8],
        (list, start, end): (u64, usize, usize),
        place: &str,
        report: &mut Report,
    ) {
        let shape = &image.subject.shape;
        let place = format!("{place}, list {list}");
        let value_bits = shape.page_number_bits();
        let (walk, beyond) = entries(bytes, start, end - start, value_bits, Coding::of_chapters());
        report.ask(Rule::PageListEnds, beyond.is_none(), || format!("{place}: {beyond:?}"));
        self.is_unread |= beyond.is_some();
        for entry in walk {
            let at = || format!("{place}: {entry:?}");
            let is_key = entry.key >> shape.chapter_address_bits() == 0;
            report.ask(Rule::PageKeys, is_key, at);
            report.ask(Rule::PageValues, entry.value < shape.record_pages, at);
            self.is_unread |= !is_key || entry.value >= shape.record_pages;
            if let Some(name) = &entry.name {
                let belongs = shape.chapter_place(name) == (list, entry.key);
                report.ask(Rule::PageCollisions, belongs, at);
            }
            *self.leads.entry((list, entry.key, entry.value)).or_default() += 1;
        }
    }

    /// Holds the records of the chapter against its index, and against each other.
    fn records(
        &mut self,
        image: &Image,
        records: &HashMap<[u8; 16], Vec<(u64, [u8; 16])>>,
        place: &str,
        report: &mut Report,
    ) {
        let mut repeated = 0;
        // Records with one place first: what is left is for the one that fills the others.
        let mut ordered: Vec<_> = records.iter().collect();
        ordered.sort_unstable_by_key(|(name, copies)| (copies.len(), **name));
        for (name, copies) in ordered {
            let (list, key) = image.subject.shape.chapter_place(name);
            let pages: BTreeSet<_> = copies.iter().map(|(page, _)| *page).collect();
            let lead = pages
                .iter()
                .map(|page| (list, key, *page))
                .find(|lead| self.leads.get(lead).is_some_and(|count| *count > 0));
            let at = || format!("{place}: nothing leads to {name:02x?}");
            report.ask(Rule::ChapterIndex, lead.is_some() || self.is_unread, at);
            if let Some(count) = lead.and_then(|lead| self.leads.get_mut(&lead)) {
                *count -= 1;
            }
            repeated += usize::from(copies.len() > 1);
            let same = copies.iter().all(|(_, data)| *data == copies[0].1);
            report.ask(Rule::FillRecord, same, || format!("{place}: copies of {name:02x?} differ"));
        }
        report.ask(Rule::FillRecord, repeated <= 1, || format!("{place}: {repeated} are repeated"));
        let more = self.leads.iter().find(|(_, count)| **count > 0);
        report.ask(Rule::ChapterIndex, more.is_none() || self.is_unread, || {
            format!("{place}: {more:?} too many")
        });
    }
}

/// The bits from the end of the last list on.
fn check_junk(bytes: &[u8], end: usize, place: &str, report: &mut Report) {
    let part = if end % 8 == 0 { 0 } else { bytes[end / 8] >> (end % 8) };
    let rest = bytes[end.div_ceil(8)..].iter().any(|&byte| byte != 0);
    report.ask(Rule::PageJunk, part == 0 && !rest, || place.to_owned());
}
