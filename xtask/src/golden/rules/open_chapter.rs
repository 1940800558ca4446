//! The saved open chapter (specification, section 5.5).

use std::collections::HashSet;
use std::io;

use super::bytes::{Image, number};
use super::report::Report;
use super::rule::Rule;
use super::save::Save;

/// The names of the records of an open chapter.
pub(super) struct OpenChapter {
    pub(super) names: Vec<[u8; 16]>,
}

/// Checks the open chapter of a save. One whose first block is zero has been discarded: there is
/// none then.
pub(super) fn check(
    image: &Image,
    save: &Save,
    report: &mut Report,
) -> io::Result<Option<OpenChapter>> {
    let shape = &image.subject.shape;
    let place = format!("open chapter of slot {}", save.slot);
    let bytes = image.blocks(save.open_chapter, shape.open_chapter_blocks())?;
    if &bytes[..5] != b"ALBOC" {
        report.zero(Rule::Discard, place, &bytes[..4096]);
        return Ok(None);
    }
    report.equal(Rule::OpenVersion, &place, &&bytes[5..10], &&b"02.00"[..]);
    let (count, limit) = (number(&bytes, 10, 4), shape.records_per_chapter());
    report.ask(Rule::OpenCount, count <= limit, || format!("{place}: {count} of {limit}"));
    if count > limit {
        return Ok(Some(OpenChapter { names: Vec::new() }));
    }
    let end = 14 + 32 * count as usize;
    let records = bytes[14..end].chunks_exact(32);
    let names: Vec<[u8; 16]> = records.map(|record| std::array::from_fn(|at| record[at])).collect();
    check_zones(image, save, &names, &place, report);
    let mut seen = HashSet::new();
    for name in &names {
        report.ask(Rule::OpenNames, seen.insert(*name), || format!("{place}: {name:02x?}"));
    }
    report.zero(Rule::OpenRest, &place, &bytes[end..end.next_multiple_of(4096)]);
    Ok(Some(OpenChapter { names }))
}

/// A zone's part of the open chapter holds no more than its share.
fn check_zones(image: &Image, save: &Save, names: &[[u8; 16]], place: &str, report: &mut Report) {
    let shape = &image.subject.shape;
    let (subs, zones) = (shape.sub_indexes(), save.zones.len() as u64);
    let share = shape.records_per_chapter() / zones;
    let mut counts = vec![0; zones as usize];
    for name in names {
        let (sub, list, _) = shape.volume_place(&subs, name);
        counts[(list / subs[sub].lists.div_ceil(zones)) as usize] += 1;
    }
    let holds = counts.iter().all(|&count| count <= share);
    report.ask(Rule::OpenCount, holds, || format!("{place}: zones have {counts:?}"));
}
