//! The saved volume index: a stream for each zone (specification, sections 3.11, 9.2 and 9.9).

use std::collections::HashSet;
use std::io;

use super::bits::{Entry, entries};
use super::bytes::{Image, number};
use super::report::Report;
use super::rule::Rule;
use super::save::Save;
use super::shape::{SubIndex, VOLUME_ADDRESS_BITS};

/// An entry: the sub-index, the list, the key, and the chapter.
pub(super) type Place = (usize, u64, u64, u64);

/// What the saved volume index knows, of all zones: entries of chapters that are not forgotten.
#[derive(Default)]
pub(super) struct VolumeIndex {
    pub(super) places: HashSet<Place>,
}

/// A stream that is read from its beginning to its end.
struct Stream<'a> {
    bytes: Vec<u8>,
    at: usize,
    place: String,
    image: &'a Image<'a>,
    newest: u64,
    zone: u64,
    zones: u64,
    /// Whether every list could be walked to its end.
    is_whole: bool,
    /// Entries, and those of them with a name.
    counted: [u64; 2],
    /// The same as the headers have it.
    stated: [u64; 2],
}

/// The header of one sub-index in a stream.
struct Header {
    flush: Vec<u64>,
    sizes: Vec<usize>,
    first_list: u64,
}

/// Checks the volume index of a save.
pub(super) fn check(
    image: &Image,
    save: &Save,
    nonce: u64,
    report: &mut Report,
) -> io::Result<VolumeIndex> {
    let subs = image.subject.shape.sub_indexes();
    let mut found = VolumeIndex::default();
    let (mut counted, mut stated) = ([0_u64; 2], [0_u64; 2]);
    let mut is_whole = true;
    let place = format!("volume index of slot {}", save.slot);
    for (zone, &block) in save.zones.iter().enumerate() {
        let mut stream = Stream {
            bytes: image.blocks(block, save.zone_blocks)?,
            at: 0,
            place: format!("{place}, zone {zone}"),
            image,
            newest: save.newest,
            zone: zone as u64,
            zones: save.zones.len() as u64,
            is_whole: true,
            counted: [0; 2],
            stated: [0; 2],
        };
        stream.check(&subs, nonce, &mut found, report);
        is_whole &= stream.is_whole;
        for part in 0..2 {
            counted[part] = stream.counted[part].wrapping_add(counted[part]);
            stated[part] = stream.stated[part].wrapping_add(stated[part]);
        }
    }
    if is_whole {
        report.equal(Rule::DeltaCounts, place, &stated, &counted);
    }
    Ok(found)
}

impl Stream<'_> {
    fn check(
        &mut self,
        subs: &[SubIndex],
        nonce: u64,
        found: &mut VolumeIndex,
        report: &mut Report,
    ) {
        if subs.len() > 1 {
            let (magic, rate) = (self.take(8), self.word(4));
            report.equal(Rule::SparseMagic, &self.place, &&magic[..], &&b"MI6-0001"[..]);
            let wanted = self.image.subject.shape.sample_rate;
            report.equal(Rule::SparseRate, &self.place, &rate, &wanted);
        }
        let mut headers = Vec::new();
        for sub in subs {
            headers.push(self.header(sub, nonce, report));
        }
        for (number, (sub, header)) in subs.iter().zip(&headers).enumerate() {
            self.items(number, sub, header, found, report);
        }
        let guard = self.take(8);
        report.equal(Rule::GuardItem, &self.place, &&guard[..], &&b"z\0\0\0\0\0\0\0"[..]);
        let rest = self.at.next_multiple_of(4096).min(self.bytes.len());
        report.zero(Rule::StreamRest, &self.place, &self.bytes[self.at.min(rest)..rest]);
    }

    /// The next bytes; zeroes beyond the end.
    fn take(&mut self, count: usize) -> Vec<u8> {
        let from = self.bytes.get(self.at..).unwrap_or_default();
        let mut taken = from[..count.min(from.len())].to_vec();
        taken.resize(count, 0);
        self.at += count;
        taken
    }

    fn word(&mut self, width: usize) -> u64 {
        number(&self.take(width), 0, width)
    }

    fn header(&mut self, sub: &SubIndex, nonce: u64, report: &mut Report) -> Header {
        let place = self.place.clone();
        let lists = sub.lists_of(self.zone, self.zones);
        let magic = self.take(8);
        report.equal(Rule::SubMagic, &place, &&magic[..], &&b"MI5-0005"[..]);
        report.equal(Rule::SubNonce, &place, &self.word(8), &nonce);
        let (low, high) = (self.word(8), self.word(8));
        let oldest = (self.newest.saturating_add(1)).saturating_sub(sub.chapters);
        let holds = high == self.newest && low >= oldest && low <= high;
        report.ask(Rule::SubWindow, holds, || format!("{place}: {low} to {high}"));
        report.equal(Rule::SubLists, &place, &(self.word(4), self.word(4)), &lists);
        let count = lists.1 as usize;
        let flush: Vec<_> = (0..count).map(|_| self.word(8)).collect();
        let newest = flush.iter().copied().max().unwrap_or(0);
        report.ask(Rule::FlushChapters, newest <= self.newest, || format!("{place}: {newest}"));

        let magic = self.take(8);
        report.equal(Rule::DeltaMagic, &place, &&magic[..], &&b"DI-00002"[..]);
        let zone = (self.word(4), self.word(4));
        report.equal(Rule::DeltaZone, &place, &zone, &(self.zone, self.zones));
        report.equal(Rule::DeltaLists, &place, &(self.word(4), self.word(4)), &lists);
        for stated in 0..2 {
            self.stated[stated] = self.stated[stated].wrapping_add(self.word(8));
        }
        let sizes = (0..count).map(|_| self.word(2) as usize).collect();
        Header { flush, sizes, first_list: lists.0 }
    }

    fn items(
        &mut self,
        number: usize,
        sub: &SubIndex,
        header: &Header,
        found: &mut VolumeIndex,
        report: &mut Report,
    ) {
        for (at, &size) in header.sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
            let list = header.first_list + at as u64;
            let place = format!("{}, list {list}", self.place);
            let (tag, phase) = (self.word(1), self.word(1) as usize);
            let (count, stated) = (self.word(2) as usize, self.word(4));
            report.equal(Rule::ItemTag, &place, &tag, &u64::from(sub.tag));
            report.equal(Rule::ItemList, &place, &stated, &list);
            report.ask(Rule::ItemPhase, phase < 8, || format!("{place}: bit {phase}"));
            let wanted = (phase % 8 + size).div_ceil(8);
            report.equal(Rule::ItemBytes, &place, &count, &wanted);
            let bytes = self.take(wanted);
            if self.image.subject.ours && phase < 8 {
                check_junk(&bytes, phase, size, &place, report);
            }
            let (walk, beyond) = entries(&bytes, phase % 8, size, sub.value_bits, sub.coding);
            report.ask(Rule::VolumeListEnds, beyond.is_none(), || format!("{place}: {beyond:?}"));
            self.is_whole &= beyond.is_none();
            let known = Known { number, sub, list, flush: header.flush[at], place: &place };
            for entry in walk {
                self.counted[0] += 1;
                self.counted[1] += u64::from(entry.name.is_some());
                self.entry(&known, &entry, found, report);
            }
        }
    }

    fn entry(&self, known: &Known, entry: &Entry, found: &mut VolumeIndex, report: &mut Report) {
        let Known { number, sub, list, flush, place } = *known;
        let at = || format!("{place}, bit {}: {entry:?}", entry.bit);
        let is_key = entry.key >> VOLUME_ADDRESS_BITS == 0;
        report.ask(Rule::VolumeKeys, is_key, at);
        if let Some(name) = &entry.name {
            let shape = &self.image.subject.shape;
            let belongs = shape.volume_place(&shape.sub_indexes(), name);
            report.ask(Rule::VolumeCollisions, belongs == (number, list, entry.key), at);
        }
        // The value is a chapter's low bits; all entries are from the list's oldest chapter on.
        let mask = (1 << sub.value_bits) - 1;
        let oldest = (self.newest.saturating_add(1)).saturating_sub(sub.chapters);
        let flush = if flush > self.newest { oldest } else { flush };
        if self.newest - flush > mask {
            // Not used for so long that nothing can be told of its entries.
            return;
        }
        let chapter = flush + (entry.value.wrapping_sub(flush) & mask);
        report.ask(Rule::EntryWindow, chapter <= self.newest, at);
        if is_key && chapter >= oldest && chapter <= self.newest {
            found.places.insert((number, list, entry.key, chapter));
        }
    }
}

/// Where an entry is.
#[derive(Clone, Copy)]
struct Known<'a> {
    number: usize,
    sub: &'a SubIndex,
    list: u64,
    flush: u64,
    place: &'a str,
}

/// The bits before and after a list, in its first and last byte.
fn check_junk(bytes: &[u8], phase: usize, size: usize, place: &str, report: &mut Report) {
    let before = bytes[0] & ((1 << phase) - 1);
    let used = (phase + size) % 8;
    let after = if used == 0 { 0 } else { bytes[bytes.len() - 1] >> used };
    report.equal(Rule::ItemJunk, place, &[before, after], &[0, 0]);
}
