//! The volume, and what the latest save says of it.

use std::collections::HashSet;
use std::io;

use super::bytes::{Image, number};
use super::chapter::{self, Chapter};
use super::page_map;
use super::report::Report;
use super::rule::Rule;
use super::save::Loaded;
use super::super_block::Nonces;

/// Checks the chapters: those of the window of the latest save; or, where no save counts, those
/// that the nonce on their first page says are of this index.
pub(super) fn check(
    image: &Image,
    nonces: &Nonces,
    loaded: &Option<Loaded>,
    report: &mut Report,
) -> io::Result<()> {
    let shape = &image.subject.shape;
    if image.subject.ours {
        report.zero(Rule::HeaderPage, "header page", &image.page(0)?);
    }
    let Some(loaded) = loaded else {
        for slot in 0..shape.chapters {
            let first = image.page(1 + slot * shape.pages_per_chapter())?;
            if number(&first, 0, 8) != nonces.volume {
                continue;
            }
            let found = number(&first, 8, 8);
            report.equal(
                Rule::ChapterSlot,
                format!("chapter {found}"),
                &(found % shape.chapters),
                &slot,
            );
            chapter::check(image, slot, found, nonces.volume, report)?;
        }
        return Ok(());
    };
    let oldest = (loaded.newest.saturating_add(1)).saturating_sub(shape.chapters);
    // A newest chapter that is nonsense has been told of; its window need not be walked.
    let window = if loaded.newest - oldest < shape.chapters { oldest..loaded.newest } else { 0..0 };
    let mut places = HashSet::new();
    for number in window {
        let slot = number % shape.chapters;
        let found = chapter::check(image, slot, number, nonces.volume, report)?;
        check_map(image, slot, &found, &loaded.page_map, report);
        let subs = shape.sub_indexes();
        places.extend(found.names.iter().map(|name| {
            let (sub, list, key) = shape.volume_place(&subs, name);
            (sub, list, key, number)
        }));
    }
    for place in &loaded.volume_index.places {
        let holds = place.3 == loaded.newest || places.contains(place);
        report.ask(Rule::EntryLeads, holds, || {
            let (sub, list, key, chapter) = place;
            format!("sub-index {sub}, list {list}, key {key}: chapter {chapter}")
        });
    }
    let subs = shape.sub_indexes();
    for name in &loaded.open.names {
        let (sub, list, key) = shape.volume_place(&subs, name);
        let is_known = loaded.volume_index.places.contains(&(sub, list, key, loaded.newest));
        report.ask(Rule::OpenKnown, is_known, || format!("{name:02x?}"));
    }
    Ok(())
}

/// The row of a chapter in the page map.
fn check_map(image: &Image, slot: u64, chapter: &Chapter, map: &[u8], report: &mut Report) {
    let columns = image.subject.shape.index_pages() - 1;
    for page in 0..columns {
        let place = format!("page map, slot {slot}, page {page}");
        let found = page_map::entry(map, columns, slot, page);
        report.equal(Rule::MapEntries, place, &found, &chapter.last_lists[page as usize]);
    }
}
