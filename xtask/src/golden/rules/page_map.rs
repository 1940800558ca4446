//! The saved index page map (specification, section 8).

use std::io;

use super::bytes::{Image, number};
use super::report::Report;
use super::rule::Rule;
use super::save::Save;

/// Checks what a saved page map says by itself, and returns its entries.
pub(super) fn check(image: &Image, save: &Save, report: &mut Report) -> io::Result<Vec<u8>> {
    let shape = &image.subject.shape;
    let place = format!("page map of slot {}", save.slot);
    let bytes = image.blocks(save.page_map, shape.page_map_blocks())?;
    report.equal(Rule::MapMagic, &place, &&bytes[..8], &&b"ALBIPM02"[..]);
    let newest = save.newest.saturating_sub(1);
    report.equal(Rule::MapUpdate, &place, &number(&bytes, 8, 8), &newest);
    let columns = shape.index_pages() - 1;
    let end = 16 + 2 * shape.chapters * columns;
    for slot in 0..shape.chapters {
        let row: Vec<_> =
            (0..columns).map(|page| entry(&bytes[16..], columns, slot, page)).collect();
        let holds = row.is_sorted() && row.iter().all(|&list| list < shape.chapter_lists());
        report.ask(Rule::MapOrder, holds, || format!("{place}: row {slot} is {row:?}"));
    }
    report.zero(Rule::MapRest, &place, &bytes[end as usize..]);
    Ok(bytes[16..end as usize].to_vec())
}

/// The last list of an index page.
pub(super) fn entry(entries: &[u8], columns: u64, slot: u64, page: u64) -> u64 {
    number(entries, 2 * (slot * columns + page) as usize, 2)
}
