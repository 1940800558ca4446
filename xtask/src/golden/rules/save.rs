//! The save slots: their headers, and which of them counts (specification, section 10.7).

use std::io;

use super::bytes::{Image, number};
use super::murmur;
use super::open_chapter::{self, OpenChapter};
use super::page_map;
use super::regions::{ONLY, Table, tiled};
use super::report::Report;
use super::rule::Rule;
use super::volume_index::{self, VolumeIndex};

/// A save.
pub(super) struct Save {
    pub(super) slot: u64,
    pub(super) time: u64,
    pub(super) newest: u64,
    /// Where the page map begins.
    pub(super) page_map: u64,
    /// Where each zone's part of the volume index begins.
    pub(super) zones: Vec<u64>,
    /// Blocks of each of these.
    pub(super) zone_blocks: u64,
    pub(super) open_chapter: u64,
}

/// What the latest save has, where it counts.
pub(super) struct Loaded {
    pub(super) newest: u64,
    pub(super) open: OpenChapter,
    pub(super) page_map: Vec<u8>,
    pub(super) volume_index: VolumeIndex,
}

/// Checks both slots, and returns what would be loaded.
pub(super) fn check(image: &Image, nonce: u64, report: &mut Report) -> io::Result<Option<Loaded>> {
    let mut saves = Vec::new();
    for slot in 0..2 {
        saves.extend(check_slot(image, slot, nonce, report)?);
    }
    if let [one, other] = &saves[..] {
        let order = (one.time.cmp(&other.time), one.newest.cmp(&other.newest));
        let holds = order.0.is_ne() && (order.1.is_eq() || order.0 == order.1);
        report.ask(Rule::SaveOrder, holds, || format!("{order:?}"));
    }
    let latest = saves.iter().map(|save| save.time).max();
    let mut loaded = None;
    for save in &saves {
        let open = open_chapter::check(image, save, report)?;
        let page_map = page_map::check(image, save, report)?;
        let volume_index = volume_index::check(image, save, nonce, report)?;
        if Some(save.time) == latest {
            loaded = open.map(|open| Loaded { newest: save.newest, open, page_map, volume_index });
        }
    }
    let (found, wanted) = (loaded.is_some(), image.subject.clean);
    report.equal(Rule::CleanState, "a save that can be loaded", &found, &wanted);
    Ok(loaded.filter(|_| wanted))
}

fn check_slot(
    image: &Image,
    slot: u64,
    nonce: u64,
    report: &mut Report,
) -> io::Result<Option<Save>> {
    let shape = &image.subject.shape;
    let (place, blocks) = (format!("save slot {slot}"), shape.save_blocks());
    let block = image.subject.offset + 2 + shape.volume_blocks() + slot * blocks;
    let bytes = image.blocks(block, 1)?;
    let (map, open) = (shape.page_map_blocks(), shape.open_chapter_blocks());
    let is_saved = number(&bytes, 16, 2) == 2;
    if !is_saved {
        let parts = [(1, 1, ONLY), (map, 301, ONLY), (blocks - 1 - map, 0, ONLY)];
        let regions = tiled(block, &parts);
        let table = Table { place, block, covered: blocks, kind: 4, payload: 24, regions };
        let payload = table.check(image, report)?;
        report.zero(Rule::UnsavedPayload, &table.place, &payload);
        return Ok(None);
    }
    let left = blocks - 1 - map - open;
    let Some(zones) = zones_of(&bytes, left) else {
        report.ask(Rule::TableCount, false, || format!("{place}: no number of zones fits"));
        return Ok(None);
    };
    let (each, free) = (left / zones, left % zones);
    let mut parts = vec![(1, 1, ONLY), (map, 301, ONLY)];
    parts.extend((0..zones).map(|zone| (each, 302, zone)));
    parts.push((open, 303, ONLY));
    if free > 0 {
        parts.push((free, 0, ONLY));
    }
    let regions = tiled(block, &parts);
    let save = |payload: &[u8]| Save {
        slot,
        time: number(payload, 0, 8),
        newest: number(payload, 32, 8),
        page_map: block + 1,
        zones: (0..zones).map(|zone| block + 1 + map + each * zone).collect(),
        zone_blocks: each,
        open_chapter: block + 1 + map + each * zones,
    };
    let table = Table { place, block, covered: blocks, kind: 2, payload: 64, regions };
    let payload = table.check(image, report)?;
    check_payload(image, &table, &payload, nonce, report);
    Ok(Some(save(&payload)))
}

/// The number of zones that a table of so many regions is for.
fn zones_of(header: &[u8], blocks: u64) -> Option<u64> {
    let count = number(header, 20, 2);
    let fits = |zones: u64| {
        let is_legal = (1..=16).contains(&zones);
        is_legal && 3 + zones + u64::from(blocks % zones > 0) == count
    };
    let mut candidates = (1..=16).filter(|&zones| fits(zones));
    let (first, second) = (candidates.next()?, candidates.next());
    // Where two fit, the smaller one has free space at the end.
    let last_kind = number(header, 24 * count as usize + 20, 2);
    Some(if last_kind == 0 { first } else { second.unwrap_or(first) })
}

fn check_payload(image: &Image, table: &Table, payload: &[u8], nonce: u64, report: &mut Report) {
    let (place, field) = (&table.place, |at, width| number(payload, at, width));
    let (time, newest) = (field(0, 8), field(32, 8));
    report.ask(Rule::SaveTime, time != 0, || place.clone());
    let wanted = murmur::save(nonce, time, table.block);
    report.equal(Rule::SaveNonce, place, &field(8, 8), &wanted);
    report.equal(Rule::SaveVersion, place, &field(16, 4), &1);
    report.equal(Rule::SaveZero, place, &[field(20, 4), field(56, 8)], &[0, 0]);
    report.equal(Rule::StateSignature, place, &field(24, 4), &0xffff_ffff);
    report.equal(Rule::StateVersion, place, &field(28, 4), &301);
    let oldest = (newest.saturating_add(1)).saturating_sub(image.subject.shape.chapters);
    report.equal(Rule::SaveWindow, place, &field(40, 8), &oldest);
    report.equal(Rule::LastSave, place, &field(48, 8), &newest.wrapping_sub(1));
}
