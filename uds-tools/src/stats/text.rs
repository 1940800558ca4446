//! What `uds stats` prints for people.
//!
//! # Invariants
//!
//! 1. No line is wider than 60 columns, the path excepted.
//! 2. Of the counters, those are left out that say nothing of an index at rest.

use std::fmt::{Result, Write};
use std::path::Path;

use uds_index::SaveState;

use super::report::{Report, SubIndex, Summary};
use crate::look::Look;
use crate::units::{self, count, counted, share};

/// The text.
pub(super) fn of(report: &Report, look: &Look) -> String {
    let mut text = format!("{}\n\n", units::path(Path::new(&report.path)));
    // Writing to a string cannot fail.
    let _ = write_index(&mut text, report, look);
    let _ = write_records(&mut text, report, look);
    for part in &report.volume_index {
        let _ = write_part(&mut text, part, look);
    }
    let _ = write_chapter_indexes(&mut text, report);
    let _ = write_advice(&mut text, report, look);
    text
}

fn write_index(text: &mut String, report: &Report, look: &Look) -> Result {
    writeln!(text, "Index      {}", look.kind())?;
    let state = match &look.info.save {
        SaveState::Clean(_) if look.recovery.is_none() => "closed cleanly",
        _ => "not closed cleanly; this is after a recovery",
    };
    writeln!(text, "State      {state}")?;
    let statistics = &look.statistics;
    writeln!(text, "Memory     {}", units::bytes(statistics.memory_used))?;
    let closed = report.newest_chapter - report.oldest_chapter;
    let from = format!(", from {}", count(report.oldest_chapter));
    let from = if closed > 0 { &from } else { "" };
    writeln!(text, "Chapters   {} closed{from}", count(closed))?;
    let held = counted(report.open_chapter.held, "record");
    writeln!(text, "  open     {}, with {held}", count(report.newest_chapter))?;
    if statistics.chapters_forgotten > 0 {
        let forgotten = counted(statistics.chapters_forgotten, "chapter");
        writeln!(text, "  gone     {forgotten}")?;
        let records = count(statistics.records_forgotten);
        writeln!(text, "           with places for {records} records")?;
    }
    Ok(())
}

/// How many records of the closed chapters are the current ones.
fn write_records(text: &mut String, report: &Report, look: &Look) -> Result {
    let all: u64 = look.census.by_chapter().sum();
    let what = if report.sparse { "known to the volume index" } else { "can be found" };
    writeln!(text, "Records    {} {what}", count(all))?;
    let live: Vec<u64> = report.chapters.iter().map(|chapter| chapter.records).collect();
    if live.is_empty() {
        return Ok(());
    }
    writeln!(text, "  of a closed chapter's {}", count(report.records_per_chapter.into()))?;
    writeln!(text, "  {:<12}{:>12}{:>12}{:>12}", "", "min", "median", "max")?;
    let places = report.records_per_chapter.into();
    let mut line = |name: &str, mut live: Vec<u64>, places: u64| {
        live.sort_unstable();
        let (Some(&min), Some(&max)) = (live.first(), live.last()) else { return Ok(()) };
        let all = [min, live[(live.len() - 1) / 2], max];
        let [min, median, max] = all.map(count);
        writeln!(text, "  {name:<12}{min:>12}{median:>12}{max:>12}")?;
        let [min, median, max] = all.map(|live| share(live, places));
        writeln!(text, "  {:<12}{min:>12}{median:>12}{max:>12}", "")
    };
    if !report.sparse {
        return line("", live, places);
    }
    // The open chapter is one of the dense ones.
    let geometry = look.info.configuration.geometry();
    let dense = geometry.dense_chapters_per_volume() as usize - 1;
    let (sparse, dense) = live.split_at(live.len().saturating_sub(dense));
    line("dense", dense.to_vec(), places)?;
    line("sparse", sparse.to_vec(), places)
}

fn write_part(text: &mut String, part: &SubIndex, look: &Look) -> Result {
    let name = match part.part {
        "non_hook" => ": names that are no samples".into(),
        "hook" => {
            let rate = look.info.configuration.geometry().sample_rate();
            format!(": samples, one name in {rate}")
        }
        _ => String::new(),
    };
    let entries = part.live + part.expired + part.stray;
    writeln!(text, "\nVolume index{name}")?;
    let mut line = |what: &str, number: u64, of: &str| {
        let line = format!("  {what:<12}{:>14} {of}", count(number));
        writeln!(text, "{}", line.trim_end())
    };
    line("entries", entries, "")?;
    line("  live", part.live, "")?;
    line("  expired", part.expired, "not yet removed")?;
    if part.stray > 0 {
        line("  stray", part.stray, "of no chapter: damage")?;
    }
    line("collisions", part.collisions, "with whole names")?;
    line("lists", part.lists, "")?;
    line("  full", part.full_lists, "with no room for another entry")?;
    if part.damaged_lists > 0 {
        line("  damaged", part.damaged_lists, "")?;
    }
    write_summaries(text, &part.list_entries, &part.list_bits)?;
    let longest = u64::from(part.list_bits.max.unwrap_or(0));
    let max = u64::from(part.max_list_bits);
    let of_room = share(longest, max);
    writeln!(text, "  the longest list has {of_room} of {} bits", count(max))?;
    writeln!(text, "  {:<6}{:>12}{:>12}{:>8}{:>18}", "zone", "used", "of", "", "expires early at")?;
    for zone in &part.zones {
        let (used, memory) = (zone.used_bits, zone.memory_bits);
        writeln!(
            text,
            "  {:<6}{:>12}{:>12}{:>8}{:>18}",
            zone.zone,
            units::bytes(used / 8),
            units::bytes(memory / 8),
            share(used, memory),
            share(zone.early_expiry_bits, memory)
        )?;
    }
    Ok(())
}

/// A table of what a list has.
fn write_summaries(text: &mut String, entries: &Summary, bits: &Summary) -> Result {
    writeln!(
        text,
        "  {:<12}{:>11}{:>11}{:>11}{:>11}",
        "a list has", "mean", "median", "99%", "max"
    )?;
    for (name, summary) in [("  entries", entries), ("  bits", bits)] {
        let number = |number: Option<u32>| number.map_or("-".into(), |number| count(number.into()));
        let mean = summary.mean.map_or("-".into(), tenths);
        let (median, p99, max) = (summary.median, summary.p99, summary.max);
        let [median, p99, max] = [median, p99, max].map(number);
        writeln!(text, "  {name:<12}{mean:>11}{median:>11}{p99:>11}{max:>11}")?;
    }
    Ok(())
}

/// A number with one decimal, its digits in groups.
fn tenths(number: f64) -> String {
    let tenths = (number * 10.0).round() as u64;
    format!("{}.{}", count(tenths / 10), tenths % 10)
}

fn write_chapter_indexes(text: &mut String, report: &Report) -> Result {
    let indexes = &report.chapter_indexes;
    if report.chapters.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nChapter indexes")?;
    let mut line = |what: &str, number: u64, of: &str| {
        let line = format!("  {what:<12}{:>14} {of}", count(number));
        writeln!(text, "{}", line.trim_end())
    };
    line("entries", indexes.entries, "")?;
    line("copies", indexes.copies, "that fill places, without entry")?;
    line("unnamed", indexes.unnamed, "records there was no room for")?;
    if indexes.damaged_pages > 0 {
        line("damaged", indexes.damaged_pages, "pages, not counted")?;
    }
    write_summaries(text, &indexes.list_entries, &indexes.list_bits)?;
    writeln!(
        text,
        "  {:<8}{:>12}{:>12}{:>12}{:>12}",
        "page", "least full", "mean", "fullest", "no list"
    )?;
    for page in &indexes.pages {
        let of_page =
            |bits: Option<u64>| bits.map_or("-".into(), |bits| share(bits, indexes.page_bits));
        // A bit more or less is not seen.
        let mean = page.mean_used_bits.map(|bits| bits.round() as u64);
        let all = [page.min_used_bits, mean, page.max_used_bits];
        let [min, mean, max] = all.map(of_page);
        let without = match page.without_lists {
            0 => String::new(),
            number => count(number),
        };
        let line = format!("  {:<8}{min:>12}{mean:>12}{max:>12}{without:>12}", page.page);
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(())
}

fn write_advice(text: &mut String, report: &Report, look: &Look) -> Result {
    if look.is_damaged() {
        let path = units::path(Path::new(&report.path));
        writeln!(text, "\nDAMAGED: what is damaged is not counted. See which it is:")?;
        writeln!(text, "  uds verify {path}")?;
    }
    Ok(())
}
