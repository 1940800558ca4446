//! What `uds info` prints.
//!
//! # Invariants
//!
//! 1. No line of the text is wider than 60 columns, the path and single words excepted.
//! 2. What the index does not say is absent (`null`), never guessed: without a usable save, how
//!    full the index is would have to be found by reading its volume.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use uds_geometry::{
    BLOCK_BYTES, Geometry, LayoutSizes, RECORD_BYTES, SAVE_SLOTS, VolumeIndexParameters,
};
use uds_index::{IndexInfo, SaveState, SavedState};

use crate::output::SCHEMA_VERSION;
use crate::units;

const WIDTH: usize = 60;

/// What an index lies on.
#[derive(Clone, Copy, Debug)]
pub(super) struct StorageFacts {
    pub(super) bytes: u64,
    pub(super) is_device: bool,
}

/// The JSON object.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema_version: u32,
    path: String,
    memory: Option<String>,
    sparse: bool,
    reduced: bool,
    /// About what a process needs for the open index, in bytes.
    memory_needed_bytes: u64,
    window_records: u64,
    window_bytes: u64,
    geometry: Shape,
    client_nonce: String,
    volume_nonce: String,
    super_version: u32,
    clean: bool,
    /// Why the index is not clean.
    unclean: Option<String>,
    /// The save slots whose headers are damaged. What only they had is lost.
    damaged_slots: Vec<u8>,
    /// The last save, which is all that is known of an index that is not clean.
    saved: Option<Saved>,
    offset_blocks: u64,
    index_bytes: u64,
    file_bytes: u64,
    #[serde(skip)]
    is_device: bool,
    regions: Vec<Region>,
}

#[derive(Debug, Serialize)]
struct Shape {
    chapters: u32,
    sparse_chapters: u32,
    records_per_chapter: u32,
    page_bytes: u32,
    index_pages_per_chapter: u32,
    record_pages_per_chapter: u32,
    delta_lists: u32,
}

/// What the last save says.
#[derive(Debug, Serialize)]
struct Saved {
    at_unix_ms: u64,
    slot: u8,
    zones: u8,
    oldest_chapter: u64,
    newest_chapter: u64,
    closed_chapters: u64,
    open_chapter_records: u64,
    records: u64,
}

#[derive(Debug, Serialize)]
struct Region {
    name: &'static str,
    start_block: u64,
    blocks: u64,
}

impl Report {
    pub(super) fn new(path: &Path, info: &IndexInfo, storage: &StorageFacts) -> Self {
        let geometry = info.configuration.geometry();
        let (unclean, saved) = match &info.save {
            SaveState::Clean(saved) => (None, Some(saved)),
            SaveState::Unclean { last, reason } => (Some(units::chain(reason)), last.as_ref()),
            _ => (Some("its state is unknown to this version of uds".into()), None),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            path: path.display().to_string(),
            memory: info.configuration.memory_size().map(|memory| memory.to_string()),
            sparse: geometry.is_sparse(),
            reduced: geometry.is_reduced(),
            memory_needed_bytes: memory_needed(&geometry),
            window_records: geometry.records_per_volume(),
            window_bytes: geometry.records_per_volume() * u64::from(BLOCK_BYTES),
            geometry: Shape::new(&geometry),
            client_nonce: info.client_nonce.to_string(),
            volume_nonce: info.volume_nonce.to_string(),
            super_version: info.super_version,
            clean: unclean.is_none(),
            unclean,
            damaged_slots: info.damaged_slots.clone(),
            saved: saved.map(|saved| Saved::new(saved, &geometry)),
            offset_blocks: info.offset_blocks,
            index_bytes: info.sizes.total_bytes(),
            file_bytes: storage.bytes,
            is_device: storage.is_device,
            regions: regions(&info.sizes, info.offset_blocks),
        }
    }

    /// Whether nothing about the index has to be told as a problem.
    pub(super) fn is_sound(&self) -> bool {
        self.clean && self.damaged_slots.is_empty()
    }

    /// The text for people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n\n", units::path(Path::new(&self.path)));
        // Writing to a string cannot fail.
        let _ = self.write_sizes(&mut text);
        let _ = self.write_state(&mut text);
        let _ = self.write_layout(&mut text);
        let _ = self.write_problem(&mut text);
        text
    }

    fn write_problem(&self, text: &mut String) -> std::fmt::Result {
        for slot in &self.damaged_slots {
            let problem = format!(
                "PROBLEM: save slot {slot}: its header is damaged; if the latest save was in it, \
                 what came after the one before is lost."
            );
            write!(text, "\n{}", units::wrapped(&problem, WIDTH))?;
        }
        let Some(reason) = &self.unclean else { return Ok(()) };
        let problem = if self.saved.is_some() {
            format!("PROBLEM: the index was not closed cleanly: {reason}.")
        } else {
            format!("PROBLEM: the index cannot be opened: {reason}.")
        };
        write!(text, "\n{}", units::wrapped(&problem, WIDTH))?;
        text.push_str("What is on its volume is not lost: uds rebuild\n");
        Ok(())
    }

    fn write_sizes(&self, text: &mut String) -> std::fmt::Result {
        let shape = &self.geometry;
        let kind = if self.sparse { "sparse" } else { "dense" };
        let reduced = if self.reduced { ", reduced" } else { "" };
        writeln!(
            text,
            "Index      {kind}{reduced}, memory {}",
            self.memory.as_deref().unwrap_or("of no named size")
        )?;
        writeln!(text, "Needs      about {} of memory", units::bytes(self.memory_needed_bytes))?;
        writeln!(text, "Window     {} records", units::count(self.window_records))?;
        writeln!(text, "           {} in blocks of 4 KiB", units::bytes(self.window_bytes))?;
        writeln!(
            text,
            "Chapters   {} of {} records",
            units::count(u64::from(shape.chapters)),
            units::count(u64::from(shape.records_per_chapter))
        )?;
        if self.sparse {
            writeln!(text, "  sparse   {}", units::count(u64::from(shape.sparse_chapters)))?;
        }
        writeln!(
            text,
            "  pages    {} index, {} record, of {} each",
            shape.index_pages_per_chapter,
            shape.record_pages_per_chapter,
            units::bytes(u64::from(shape.page_bytes))
        )?;
        writeln!(text, "  lists    {} delta lists", units::count(u64::from(shape.delta_lists)))?;
        writeln!(text, "Nonce      {}", self.client_nonce)?;
        writeln!(text, "  volume   {}", self.volume_nonce)?;
        let converted = if self.super_version == 7 { ", converted for LVM" } else { "" };
        writeln!(text, "Version    super block {}{converted}", self.super_version)
    }

    fn write_state(&self, text: &mut String) -> std::fmt::Result {
        let state = match (self.clean, &self.saved) {
            (true, _) => "closed cleanly",
            (false, Some(_)) => "NOT CLOSED CLEANLY; at the last save:",
            (false, None) => "NEVER SAVED",
        };
        writeln!(text, "\nState      {state}")?;
        let Some(saved) = &self.saved else { return Ok(()) };
        writeln!(text, "  saved    {}", units::utc(saved.at_unix_ms))?;
        writeln!(
            text,
            "  slot     {}, {}",
            saved.slot,
            units::counted(u64::from(saved.zones), "zone")
        )?;
        writeln!(
            text,
            "Holds      {} records, {} full",
            units::count(saved.records),
            units::share(saved.records, self.window_records)
        )?;
        writeln!(
            text,
            "  closed   {} of {} chapters",
            units::count(saved.closed_chapters),
            units::count(u64::from(self.geometry.chapters))
        )?;
        writeln!(
            text,
            "  open     chapter {}, {}",
            units::count(saved.newest_chapter),
            units::counted(saved.open_chapter_records, "record")
        )?;
        writeln!(text, "  oldest   chapter {}", units::count(saved.oldest_chapter))
    }

    fn write_layout(&self, text: &mut String) -> std::fmt::Result {
        let size = units::bytes(self.index_bytes);
        let place = if self.is_device { "on a device" } else { "in a file" };
        writeln!(text, "\nLayout     {size} {place} of {}", units::bytes(self.file_bytes))?;
        if self.offset_blocks > 0 {
            writeln!(text, "           from block {} on", units::count(self.offset_blocks))?;
        }
        writeln!(text, "{:<22} {:>17} {:>17}", "  region", "first block", "blocks")?;
        for region in &self.regions {
            writeln!(
                text,
                "  {:<20} {:>17} {:>17}",
                region.name,
                units::count(region.start_block),
                units::count(region.blocks)
            )?;
        }
        Ok(())
    }
}

impl Shape {
    fn new(geometry: &Geometry) -> Self {
        Self {
            chapters: geometry.chapters_per_volume(),
            sparse_chapters: geometry.sparse_chapters_per_volume(),
            records_per_chapter: geometry.records_per_chapter(),
            page_bytes: geometry.bytes_per_page(),
            index_pages_per_chapter: geometry.index_pages_per_chapter(),
            record_pages_per_chapter: geometry.record_pages_per_chapter(),
            delta_lists: geometry.delta_lists_per_chapter(),
        }
    }
}

impl Saved {
    fn new(saved: &SavedState, geometry: &Geometry) -> Self {
        let (oldest, newest) = (saved.oldest_chapter.get(), saved.newest_chapter.get());
        let closed = newest.saturating_sub(oldest);
        let closed_records = closed.saturating_mul(u64::from(geometry.records_per_chapter()));
        Self {
            at_unix_ms: saved.saved_at_ms,
            slot: saved.slot,
            zones: saved.zones.get(),
            oldest_chapter: oldest,
            newest_chapter: newest,
            closed_chapters: closed,
            open_chapter_records: saved.open_chapter_records,
            records: closed_records.saturating_add(saved.open_chapter_records),
        }
    }
}

/// The regions of an index at block `offset`, in order (specification, section 10.1).
fn regions(sizes: &LayoutSizes, offset: u64) -> Vec<Region> {
    let mut next = offset;
    let mut region = |name, blocks| {
        let start_block = next;
        next += blocks;
        Region { name, start_block, blocks }
    };
    let mut regions = vec![
        region("super block", 1),
        region("configuration", 1),
        region("volume", sizes.volume_blocks),
    ];
    for slot in 0..SAVE_SLOTS {
        let name = if slot == 0 { "save slot 0" } else { "save slot 1" };
        regions.push(region(name, sizes.save_blocks()));
    }
    regions.push(region("seal", 1));
    regions
}

/// What an open index keeps in memory: the delta lists and their headers, the page cache, the
/// index page map, and two chapters' records, of which one is written while the other fills.
fn memory_needed(geometry: &Geometry) -> u64 {
    /// Bytes that a delta list takes besides its entries, its search hints included.
    const LIST_OVERHEAD: u64 = 24;
    let lists = VolumeIndexParameters::new(geometry).map_or(0, |parameters| {
        let all = [Some(&parameters.non_hook), parameters.hook.as_ref()];
        let bytes = all
            .into_iter()
            .flatten()
            .map(|part| part.memory_bytes + u64::from(part.list_count) * LIST_OVERHEAD);
        bytes.sum()
    });
    let pages = u64::from(geometry.cache_slots()) * u64::from(geometry.bytes_per_page());
    let chapter = u64::from(geometry.records_per_chapter()) * RECORD_BYTES as u64;
    lists + pages + uds_geometry::page_map_bytes(geometry) + 2 * chapter
}
