//! What `uds lookup` prints for people.
//!
//! # Invariants
//!
//! 1. Where no explanation is wanted, a name has one line of at most 76 columns: two numbers of 32
//!    digits leave no room for less.
//! 2. No other line is wider than 60 columns, single words excepted.

use std::fmt::Write;

use super::report::{CopyReport, Report};
use super::sink::Counts;
use super::steps::{Cache, Chapter, Entry, IndexPage, Memory, Pages, Parts, RecordPage, Steps};
use crate::units::{count, counted, wrapped};

const WIDTH: usize = 60;
/// Nodes of a path, or probes, that are shown at each end.
const SHOWN: usize = 8;

/// What is said of one name.
pub(super) fn answer(report: &Report, is_first: bool) -> String {
    if report.explanation.is_none() && report.copies.is_none() {
        return line(report);
    }
    let mut text = String::from(if is_first { "" } else { "\n" });
    // Writing to a string cannot fail.
    let _ = write_answer(report, &mut text);
    text
}

/// A name in a line.
fn line(report: &Report) -> String {
    let Report { name, location, data, error, .. } = report;
    match (location, data) {
        (Some(location), Some(data)) => format!("{name}  {location:<7} {data}\n"),
        _ => match error {
            Some(error) => format!("{name}  failed\n{}", indented(error, 2)),
            None => format!("{name}  absent\n"),
        },
    }
}

fn write_answer(report: &Report, text: &mut String) -> std::fmt::Result {
    writeln!(text, "{}", report.name)?;
    if let (Some(file), Some(block)) = (&report.file, report.block) {
        writeln!(text, "block {} of {file:?}", count(block))?;
    }
    if let Some(steps) = &report.explanation {
        write_steps(steps, text)?;
    }
    if let Some(copies) = &report.copies {
        write_copies(copies, text)?;
    }
    writeln!(text)?;
    write_outcome(report, text)
}

/// A text in lines that begin with some blanks.
fn indented(what: &str, blanks: usize) -> String {
    let mut text = String::new();
    for line in wrapped(what, WIDTH - blanks).lines() {
        let _ = writeln!(text, "{:blanks$}{line}", "");
    }
    text
}

fn write_steps(steps: &Steps, text: &mut String) -> std::fmt::Result {
    write_parts(&steps.parts, text)?;
    let (oldest, newest) = (count(steps.oldest_chapter), count(steps.newest_chapter));
    writeln!(text, "\nIndex      chapters {oldest} to {newest}, the last one open")?;
    if let Some(sparse) = steps.newest_sparse_chapter {
        writeln!(text, "           up to {} they are sparse", count(sparse))?;
    }
    if let Some(brought_in) = &steps.brought_in {
        let chapter = count(brought_in.chapter);
        let what = if brought_in.is_readable {
            format!("A query brings the index of sparse chapter {chapter} into the sparse cache.")
        } else {
            format!("The index of sparse chapter {chapter} cannot be brought into the cache.")
        };
        text.push_str(&indented(&what, 11));
    }
    write_entry(&steps.entry, text)?;
    if let Some(chapter) = &steps.chapter {
        write_chapter(chapter, text)?;
    }
    steps.cache.as_ref().map_or(Ok(()), |cache| write_cache(cache, text))
}

fn write_parts(parts: &Parts, text: &mut String) -> std::fmt::Result {
    let (list, address) = (count(parts.list.into()), hex(parts.address));
    writeln!(text, "\nName       {} for the volume index:", parts.volume_index_bits)?;
    writeln!(text, "           list {list}, address {address}")?;
    writeln!(text, "           zone {} of {}", parts.zone, parts.zones)?;
    let (list, address) = (count(parts.chapter_list.into()), hex(parts.chapter_address));
    writeln!(text, "           {} for chapters:", parts.chapter_index_bits)?;
    writeln!(text, "           list {list}, address {address}")?;
    let sample = match (parts.sub_index, parts.is_sample) {
        ("whole", _) => "not used: the index is dense".to_owned(),
        (_, true) => format!("a sample, one in {}", parts.sample_rate),
        _ => format!("no sample; one in {} is", parts.sample_rate),
    };
    writeln!(text, "           {:04x} for sampling: {sample}", parts.sample_bits)
}

fn hex(address: u32) -> String {
    format!("0x{address:06x}")
}

fn write_entry(entry: &Entry, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\nVolume index")?;
    writeln!(
        text,
        "  list       {} in {}",
        entries(entry.entries.into()),
        counted(entry.list_bits.into(), "bit")
    )?;
    writeln!(text, "             none before chapter {}", count(entry.flush_chapter))?;
    writeln!(text, "  window     chapters {} to {}", count(entry.low), count(entry.high))?;
    if entry.expired > 0 {
        let expired = entries(entry.expired.into());
        let what = format!("{expired} of chapters before that, which a query removes");
        text.push_str("  expired    ");
        text.push_str(indented(&what, 13).trim_start());
    }
    for chapter in &entry.expired_here {
        writeln!(text, "             one at this address, chapter {}", count(*chapter))?;
    }
    if !entry.around.is_empty() {
        writeln!(text, "  entries around the address:")?;
        writeln!(text, "      no.      key      delta   value     chapter")?;
    }
    for shown in &entry.around {
        writeln!(
            text,
            "  {} {:>4} {} {:>10} {:>7} {:>11}",
            mark(shown.is_match),
            shown.position,
            hex(shown.key),
            count(shown.delta.into()),
            shown.value,
            count(shown.chapter),
        )?;
        write_name(shown.name.as_deref(), text)?;
    }
    if let Some(damage) = &entry.damage {
        text.push_str(&indented(&format!("The list is damaged behind these: {damage}"), 2));
    }
    let chapter = count(entry.chapter.unwrap_or_default());
    match entry.matched_by {
        None => writeln!(text, "  no entry has the address"),
        Some("name") => writeln!(text, "  matched by the whole name: chapter {chapter}"),
        Some(_) => {
            writeln!(text, "  matched by the address: chapter {chapter}, if the")?;
            writeln!(text, "  entry is not another name's")
        }
    }
}

fn entries(number: u64) -> String {
    if number == 1 { "1 entry".into() } else { format!("{} entries", count(number)) }
}

fn mark(is_match: bool) -> &'static str {
    if is_match { ">" } else { " " }
}

fn write_name(name: Option<&str>, text: &mut String) -> std::fmt::Result {
    name.map_or(Ok(()), |name| writeln!(text, "           name {name}"))
}

fn write_chapter(chapter: &Chapter, text: &mut String) -> std::fmt::Result {
    let state = match chapter.state {
        "open" => "open, in memory",
        "closed" => "closed, still in memory",
        "dense" => "on the volume",
        "sparse" => "on the volume, sparse",
        _ => "not in the index any more",
    };
    writeln!(text, "\nChapter {}  {state}", count(chapter.chapter))?;
    writeln!(text, "  slot       {}", count(chapter.slot.into()))?;
    if let Some(memory) = &chapter.memory {
        write_memory(memory, text)?;
    }
    if let Some(cached) = &chapter.cached_index {
        let says = cached
            .record_page
            .map_or("it does not have the name".to_owned(), |page| format!("record page {page}"));
        writeln!(text, "  index      in the sparse cache: {says}")?;
    }
    chapter.pages.as_ref().map_or(Ok(()), |pages| write_pages(pages, text))
}

fn write_memory(memory: &Memory, text: &mut String) -> std::fmt::Result {
    let (records, slots) = (counted(memory.records, "record"), counted(memory.slots, "slot"));
    writeln!(text, "  table      {records} in {slots}")?;
    for probe in memory.probes.iter().take(SHOWN) {
        let deleted = if probe.is_deleted { " deleted" } else { "" };
        let name = probe.name.as_deref().unwrap_or("empty");
        writeln!(text, "    slot {:>8} {name}{deleted}", probe.slot)?;
    }
    if memory.probe_count > SHOWN as u64 {
        writeln!(text, "    ... {} in all", counted(memory.probe_count, "slot"))?;
    }
    writeln!(text, "  {}", if memory.is_found { "the name is there" } else { "no such name" })
}

fn write_pages(pages: &Pages, text: &mut String) -> std::fmt::Result {
    if !pages.is_held {
        return writeln!(text, "  its slot does not have it any more");
    }
    if let Some(page) = &pages.index_page {
        write_index_page(page, text)?;
    }
    pages.record_page.as_ref().map_or(Ok(()), |page| write_record_page(page, text))
}

fn place(offset: u64, is_cached: bool) -> String {
    let from = if is_cached { ", cached" } else { "" };
    format!("at byte {}{from}", count(offset))
}

fn write_index_page(page: &IndexPage, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n  Index page {} {}", page.page, place(page.offset, page.is_cached))?;
    let last = (page.first_list + page.list_count).saturating_sub(1);
    writeln!(text, "    lists    {} to {last}, by the page map", page.first_list)?;
    let Some(chapter) = page.chapter else {
        return writeln!(text, "    unusable: see below");
    };
    writeln!(text, "    chapter  {}", count(chapter))?;
    writeln!(
        text,
        "    list {:<4} {} in {}",
        page.list,
        entries(page.entries.into()),
        counted(page.list_bits.into(), "bit")
    )?;
    if !page.around.is_empty() {
        writeln!(text, "      no.      key      delta   record page")?;
    }
    for shown in &page.around {
        writeln!(
            text,
            "  {} {:>4} {} {:>10} {:>13}",
            mark(shown.is_match),
            shown.position,
            hex(shown.key),
            count(shown.delta.into()),
            shown.record_page,
        )?;
        write_name(shown.name.as_deref(), text)?;
    }
    match (page.record_page, page.matched_by) {
        (None, _) => writeln!(text, "    no entry has the address {}", hex(page.address)),
        (Some(number), Some("name")) => {
            writeln!(text, "    matched by the whole name: record page {number}")
        }
        (Some(number), _) => writeln!(text, "    matched by the address: record page {number}"),
    }
}

fn write_record_page(page: &RecordPage, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n  Record page {} {}", page.page, place(page.offset, page.is_cached))?;
    writeln!(text, "    the way through its tree:")?;
    for node in &page.path {
        writeln!(text, "    node {:>6}  {}", node.node, node.name)?;
    }
    writeln!(text, "    {}", if page.is_found { "the name is there" } else { "no such name" })
}

fn write_cache(cache: &Cache, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\nSparse cache")?;
    for cached in &cache.chapters {
        let skipped = if cached.is_skipped { ", passed by" } else { "" };
        writeln!(text, "  chapter {}{skipped}", count(cached.chapter))?;
    }
    match (cache.hit_chapter, cache.hit_record_page) {
        (Some(chapter), Some(page)) => {
            writeln!(text, "  chapter {} has it on record page {page}", count(chapter))?;
        }
        _ if cache.chapters.is_empty() => writeln!(text, "  empty")?,
        _ => writeln!(text, "  none of these has the name")?,
    }
    cache.pages.as_ref().map_or(Ok(()), |pages| write_pages(pages, text))
}

fn write_copies(copies: &[CopyReport], text: &mut String) -> std::fmt::Result {
    writeln!(text, "\nCopies on the volume")?;
    if copies.is_empty() {
        return writeln!(text, "  none");
    }
    for copy in copies {
        let chapter = copy.chapter.map_or_else(
            || format!("slot {}", copy.slot),
            |chapter| format!("chapter {}", count(chapter)),
        );
        let standing = match copy.standing {
            "current" => "found by queries",
            "superseded" => "superseded by a newer one",
            "forgotten" => "its chapter is forgotten",
            "needs_company" => "found in company of a sample",
            "unreachable" => "nothing leads to it",
            _ => "not known what leads to it",
        };
        writeln!(text, "  {chapter}: {standing}")?;
        let (page, offset) = (copy.record_page, count(copy.offset));
        writeln!(text, "    record page {page} at byte {offset}, node {}", copy.node)?;
        writeln!(text, "    data {}", copy.data)?;
        if !copy.is_indexed {
            writeln!(text, "    the index of its chapter is damaged")?;
        }
    }
    Ok(())
}

/// What came of it, and why.
fn write_outcome(report: &Report, text: &mut String) -> std::fmt::Result {
    if let (Some(location), Some(data)) = (report.location, &report.data) {
        let place = match location {
            "open" => "in the open chapter",
            "sparse" => "in a sparse chapter",
            _ => "in a dense chapter",
        };
        return writeln!(text, "FOUND {place}\n  data {data}");
    }
    if let Some(error) = &report.error {
        writeln!(text, "FAILED")?;
        text.push_str(&indented(error, 2));
        return Ok(());
    }
    writeln!(text, "NOT FOUND")?;
    let Some(steps) = &report.explanation else { return Ok(()) };
    let chapter = count(steps.outcome_chapter.unwrap_or_default());
    let why = match steps.outcome {
        // What is sparse is in the index, but not in this part of the volume index.
        "expired" if steps.outcome_chapter >= Some(steps.oldest_chapter) => format!(
            "It was in chapter {chapter}, or another name with its address was: that chapter is \
             sparse now, and the volume index knows only its samples."
        ),
        "expired" => format!(
            "It was in chapter {chapter}, or another name with its address was: that chapter has \
             been forgotten."
        ),
        "forgotten" => format!("Its entry names chapter {chapter}, which has been forgotten."),
        "other_name" => format!(
            "The entry with its address names chapter {chapter}, which does not have it: it is \
             another name's."
        ),
        "lost" => format!(
            "The volume index has it in chapter {chapter}, but the index of that chapter has no \
             room for it, or has lost it."
        ),
        _ => "The volume index does not know it.".to_owned(),
    };
    text.push_str(&indented(&why, 2));
    if steps.needs_company {
        let sparse = count(steps.newest_sparse_chapter.unwrap_or_default());
        let company = format!(
            "It is no sample. In a sparse chapter, up to {sparse}, it is found only after a sample \
             of the same chapter, which brings the chapter's index into the sparse cache; \
             --everywhere looks there."
        );
        text.push_str(&indented(&company, 2));
    }
    Ok(())
}

/// The end of the output: nothing for one name, which has said it all.
pub(super) fn summary(counts: &Counts) -> String {
    let mut text = String::new();
    if let Some(chapters) = counts.chapters_searched {
        let _ = writeln!(text, "\nSearched {}", counted(chapters, "chapter"));
    }
    if !counts.damaged_slots.is_empty() {
        let slots: Vec<String> = counts.damaged_slots.iter().map(u32::to_string).collect();
        let what = format!("damaged: slots {}; copies there may be missing", slots.join(", "));
        text.push_str(&indented(&what, 0));
    }
    if counts.asked > 1 {
        let failed = match counts.failed {
            0 => String::new(),
            failed => format!(", {} failed", count(failed)),
        };
        let names = counted(counts.asked, "name");
        let _ = writeln!(text, "\n{} of {names} found{failed}", count(counts.found));
    }
    text
}
