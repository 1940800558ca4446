//! Examining the headers and the save slots: what they say of the state of the index, and whether
//! the latest save can be used.

use std::io::Read;

use uds_geometry::{
    BLOCK_BYTES, RECORD_BYTES, Record, RecordName, Remapping, VirtualChapter,
    VolumeIndexParameters, ZoneId,
};
use uds_volume::{IndexPageMap, Volume, VolumeError};

use super::chapter::SlotReport;
use super::checked::Checked;
use super::finding::{Cause, Finding, Findings, Region, Severity};
use super::{MAX_OF_PART, VerifiedState, VerifyPhase};
use crate::IndexError;
use crate::control::Control;
use crate::engine::check_volume;
use crate::error::{Reading, UncleanReason};
use crate::layout::{Header, Layout, RegionReader, Save};
use crate::open_chapter::read_header;
use crate::volume_index::{Declared, Saved, WalkedList, chapter_of_value, walk};

/// The latest save, and where it is.
#[derive(Clone, Copy)]
pub(super) struct LatestSave {
    pub(super) slot: usize,
    pub(super) save: Save,
    /// Whether the index was converted: it forgets a chapter early, once, and its volume index
    /// later.
    pub(super) is_remapped: bool,
}

/// What the parts of the latest save hold.
pub(super) struct SaveReport {
    pub(super) findings: Findings,
    pub(super) checked: Checked,
    /// The names in the open chapter.
    pub(super) open_names: Vec<RecordName>,
    pub(super) page_map: Option<IndexPageMap>,
    /// Whether all of the save can be read, so that the index opens with it.
    pub(super) is_usable: bool,
}

/// Examines the header blocks, and takes into the layout what the save slots say.
pub(super) fn check_headers(layout: &mut Layout, findings: &mut Findings) {
    let block = u64::from(BLOCK_BYTES);
    for slot in 0..2 {
        if let Err(error) = layout.read_save(slot) {
            let offset = layout.slot(slot).first_block() * block;
            findings.damage(Region::SlotHeader { slot: slot as u8 }, offset, cause(error));
            continue;
        }
        note_oddity(layout, Header::Slot(slot), Region::SlotHeader { slot: slot as u8 }, findings);
    }
    note_oddity(layout, Header::SuperBlock, Region::SuperBlock, findings);
    note_oddity(layout, Header::Configuration, Region::Configuration, findings);
}

fn note_oddity(layout: &Layout, header: Header, region: Region, findings: &mut Findings) {
    // A block that cannot be read was told of before.
    if let Ok(Some(oddity)) = layout.first_oddity(header) {
        findings.push(Finding {
            severity: Severity::Note,
            region,
            offset: oddity.offset,
            list: None,
            cause: Cause::Unusual { found: oddity.found, wanted: oddity.wanted },
        });
    }
}

/// The cause that an error is.
pub(super) fn cause(error: IndexError) -> Cause {
    match error {
        IndexError::Storage(error)
        | IndexError::Volume(VolumeError::Storage { source: error, .. }) => {
            Cause::Unreadable(error)
        }
        IndexError::Volume(error) => Cause::PageMap(error),
        IndexError::VolumeIndex(error) => Cause::Lists(error),
        error => Cause::Index(error),
    }
}

/// Whether the index was closed cleanly, as whoever opens it decides, and what its save is.
pub(super) fn state(
    layout: &Layout,
    volume: &Volume,
    findings: &mut Findings,
) -> (VerifiedState, Option<LatestSave>) {
    let unclean = |reason| (VerifiedState::NeedsRecovery(reason), None);
    let Some((slot, save)) = layout.latest_save() else { return unclean(UncleanReason::NoSave) };
    let place = layout.slot(slot);
    let block = u64::from(BLOCK_BYTES);
    let region = Region::SlotHeader { slot: slot as u8 };
    if let Err(error) = save.check_window(volume.geometry(), place.first_block()) {
        findings.damage(region, place.first_block() * block, cause(error));
        return (VerifiedState::SaveUnusable, None);
    }
    let open = place.open_chapter(save.zones);
    // Damage there is told of with the rest of the save.
    let header = read_header(&mut RegionReader::new(&**layout.storage(), open), open.start);
    if let Err(IndexError::NotSavedCleanly { reason }) = header {
        return unclean(reason);
    }
    let is_remapped = volume.geometry().remapping() != Remapping::NONE;
    check_oldest(volume, &save, region, place.first_block(), findings);
    match check_volume(volume, &save) {
        Err(IndexError::NotSavedCleanly { reason: UncleanReason::WrittenSince }) => {
            unclean(UncleanReason::WrittenSince)
        }
        // The chapter that is missing will be told of.
        Err(IndexError::NotSavedCleanly { reason }) => {
            (VerifiedState::NeedsRecovery(reason), Some(LatestSave { slot, save, is_remapped }))
        }
        _ => (VerifiedState::Clean, Some(LatestSave { slot, save, is_remapped })),
    }
}

/// Checks which chapter a save says is the oldest: the open one must not need its place. Notes a
/// chapter that is on the volume, and older, although its place was not needed.
fn check_oldest(volume: &Volume, save: &Save, region: Region, block: u64, findings: &mut Findings) {
    let geometry = volume.geometry();
    let chapters = u64::from(geometry.chapters_per_volume());
    let offset = block * u64::from(BLOCK_BYTES);
    if save.newest.get() - save.oldest.get() >= chapters {
        let reading = Reading { structure: "saved state", block };
        let wanted = save.newest.get() + 1 - chapters;
        let error = reading.corrupt("oldest chapter", save.oldest.get(), wanted);
        findings.damage(region, offset, cause(error));
    }
    let Some(chapter) = save.oldest.previous() else { return };
    // A converted index forgets a chapter early, once, and leaves it where it is.
    if geometry.remapping() != Remapping::NONE || chapter.get() + chapters <= save.newest.get() {
        return;
    }
    let slot = geometry.physical_chapter(chapter);
    if volume.probe(slot, &mut Vec::new()).is_ok_and(|found| found.chapter == chapter) {
        findings.push(Finding {
            severity: Severity::Note,
            region,
            offset,
            list: None,
            cause: Cause::NotInWindow { chapter, oldest: save.oldest },
        });
    }
}

/// Examines the parts of the latest save.
pub(super) fn check(
    layout: &Layout,
    volume: &Volume,
    parameters: &VolumeIndexParameters,
    latest: LatestSave,
    control: &Control<VerifyPhase>,
) -> Result<SaveReport, IndexError> {
    let mut report = SaveReport {
        findings: Findings::new(MAX_OF_PART),
        checked: Checked::default(),
        open_names: Vec::new(),
        page_map: None,
        is_usable: true,
    };
    check_open_chapter(layout, volume, latest, &mut report);
    check_page_map(layout, volume, latest, &mut report);
    check_volume_index(layout, parameters, latest, control, &mut report)?;
    Ok(report)
}

impl SaveReport {
    fn unusable(&mut self, region: Region, block: u64, cause: Cause) {
        self.is_usable = false;
        self.findings.damage(region, block * u64::from(BLOCK_BYTES), cause);
    }
}

fn check_open_chapter(
    layout: &Layout,
    volume: &Volume,
    latest: LatestSave,
    report: &mut SaveReport,
) {
    let place = layout.slot(latest.slot).open_chapter(latest.save.zones);
    let region = Region::OpenChapter { slot: latest.slot as u8 };
    let mut input = RegionReader::new(&**layout.storage(), place);
    let most = volume.geometry().records_per_chapter();
    let mut read = || -> Result<Vec<RecordName>, IndexError> {
        let count = read_header(&mut input, place.start)?;
        if count > most {
            let reading = Reading { structure: "saved open chapter", block: place.start };
            return Err(reading.corrupt("record count", count.into(), most.into()));
        }
        let mut names = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let mut bytes = [0; RECORD_BYTES];
            input.read_exact(&mut bytes).map_err(IndexError::from_stream)?;
            names.push(Record::from_bytes(&bytes).name);
        }
        Ok(names)
    };
    match read() {
        Ok(names) => {
            report.checked.open_chapter_records = names.len() as u64;
            report.checked.bytes_read += (names.len() * RECORD_BYTES) as u64;
            let mut sorted = names.clone();
            sorted.sort_unstable();
            if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                let offset = place.start * u64::from(BLOCK_BYTES);
                report.findings.damage(region, offset, Cause::SavedTwice { name: twice[0] });
            }
            report.open_names = names;
        }
        Err(error) => report.unusable(region, place.start, cause(error)),
    }
}

fn check_page_map(layout: &Layout, volume: &Volume, latest: LatestSave, report: &mut SaveReport) {
    let place = layout.slot(latest.slot).page_map();
    let region = Region::PageMap { slot: latest.slot as u8 };
    let map = IndexPageMap::new(volume.geometry());
    match map.load(&mut RegionReader::new(&**layout.storage(), place)) {
        Ok(()) => {
            report.checked.bytes_read += map.saved_bytes();
            let found = map.last_update().get();
            let wanted = latest.save.newest.previous().unwrap_or_default().get();
            let reading = Reading { structure: "saved index page map", block: place.start };
            if let Err(error) = reading.check("chapter of the latest update", found, wanted) {
                let offset = place.start * u64::from(BLOCK_BYTES) + 8;
                report.findings.damage(region, offset, cause(error));
            }
            report.page_map = Some(map);
        }
        Err(error) => report.unusable(region, place.start, cause(error.into())),
    }
}

/// Compares the index page map with the pages of a chapter.
pub(super) fn compare_page_map(
    layout: &Layout,
    latest: LatestSave,
    map: &IndexPageMap,
    chapter: &SlotReport,
    findings: &mut Findings,
    checked: &mut Checked,
) {
    let place = layout.slot(latest.slot).page_map();
    let row = chapter.last_lists.len() as u64;
    for (number, last_list) in (0..).zip(&chapter.last_lists) {
        let page = uds_geometry::IndexPageNumber::new(number);
        let (Some(found), Ok(lists)) = (*last_list, map.lists_of(chapter.slot, page)) else {
            continue;
        };
        checked.page_map_entries += 1;
        let mapped = lists.end.get().saturating_sub(1);
        let Some(of) = chapter.chapter.filter(|_| mapped != found) else { continue };
        let entry = u64::from(chapter.slot.get()) * row + u64::from(number);
        let offset = place.start * u64::from(BLOCK_BYTES) + 16 + 2 * entry;
        let cause = Cause::MapDiffers { chapter: of, page, found, mapped };
        findings.damage(Region::PageMap { slot: latest.slot as u8 }, offset, cause);
    }
}

/// What has to be opened to read the volume index of a save.
pub(super) fn saved_index<'a>(layout: &'a Layout, latest: LatestSave) -> Saved<RegionReader<'a>> {
    let place = layout.slot(latest.slot);
    let zones = latest.save.zones;
    let stream = |zone| RegionReader::new(&**layout.storage(), place.volume_index(zone, zones));
    Saved {
        streams: zones.zones().map(stream).collect(),
        nonce: layout.volume_nonce(),
        newest: latest.save.newest,
        first_block: place.volume_index(ZoneId::ZERO, zones).start,
    }
}

/// Walks every list of the saved volume index.
fn check_volume_index(
    layout: &Layout,
    parameters: &VolumeIndexParameters,
    latest: LatestSave,
    control: &Control<VerifyPhase>,
    report: &mut SaveReport,
) -> Result<(), IndexError> {
    let LatestSave { slot, save, .. } = latest;
    let start_of = |zone| layout.slot(slot).volume_index(zone, save.zones).start;
    let region = |zone| Region::VolumeIndex { slot: slot as u8, zone };
    let high = save.newest.get();
    let mut seen = Seen::default();
    let findings = &mut report.findings;
    let walked = walk(&mut saved_index(layout, latest), parameters, |walked| {
        let (zone, list) = (walked.stream, walked.list);
        let block = start_of(zone);
        control.check()?;
        if let Err(cause) = check_list(walked, high, block, &mut seen) {
            seen.is_partial = true;
            findings.push(Finding {
                severity: Severity::Damage,
                region: region(zone),
                offset: block * u64::from(BLOCK_BYTES),
                list: Some(list),
                cause,
            });
        }
        Ok(())
    });
    report.checked.volume_index_entries = seen.entries;
    report.checked.volume_index_expired = seen.expired;
    match walked {
        Ok(declared) => {
            report.checked.volume_index_lists = declared.lists;
            report.checked.bytes_read += declared.bytes;
            check_declared(
                &declared,
                &seen,
                region(ZoneId::ZERO),
                start_of(ZoneId::ZERO),
                high,
                report,
            );
        }
        Err((_, error @ IndexError::Abandoned)) => return Err(error),
        Err((zone, error)) => report.unusable(region(zone), start_of(zone), cause(error)),
    }
    Ok(())
}

/// What a walk over all lists counts.
#[derive(Default)]
struct Seen {
    entries: u64,
    collisions: u64,
    /// Entries of chapters that have been forgotten.
    expired: u64,
    /// Whether there are lists that were not walked to their ends.
    is_partial: bool,
}

/// Checks what the heads of the streams say against what is in them.
fn check_declared(
    declared: &Declared,
    seen: &Seen,
    region: Region,
    block: u64,
    high: u64,
    report: &mut SaveReport,
) {
    let offset = block * u64::from(BLOCK_BYTES);
    let reading = Reading { structure: "saved volume index", block };
    let mut results = Vec::new();
    for window in &declared.windows {
        let low = window.low;
        let oldest_of = |chapters: u32| high.saturating_add(1).saturating_sub(chapters.into());
        let least = oldest_of(window.rounded_chapters);
        let wanted = oldest_of(window.chapters);
        if low < least {
            results.push(Err(reading.corrupt("oldest chapter", low, least)));
        } else if low > wanted {
            report.findings.push(Finding {
                severity: Severity::Note,
                region,
                offset,
                list: None,
                cause: Cause::ForgottenEarly { chapters: low - wanted },
            });
        }
    }
    let last = declared.last_flush_chapter;
    results.push(reading.check("last chapter of a list", last.max(high), high));
    // Lists that could not be walked to their ends were counted in part.
    if !seen.is_partial {
        results.push(reading.check("number of entries", declared.records, seen.entries));
        results.push(reading.check("number of collisions", declared.collisions, seen.collisions));
    }
    for error in results.into_iter().filter_map(Result::err) {
        report.findings.damage(region, offset, cause(error));
    }
}

/// Walks one list, and counts its entries.
fn check_list(walked: WalkedList<'_>, high: u64, block: u64, seen: &mut Seen) -> Result<(), Cause> {
    let WalkedList { parameters, low, flush_chapter, .. } = walked;
    let reading = Reading { structure: "saved volume index", block };
    let corrupt = |field, found, limit| Err(Cause::Index(reading.corrupt(field, found, limit)));
    if flush_chapter > high {
        return corrupt("oldest chapter of a list", flush_chapter, high);
    }
    let last_key = (1 << parameters.address_bits) - 1;
    for entry in walked.entries {
        let entry = entry.map_err(Cause::Lists)?;
        seen.entries += 1;
        seen.collisions += u64::from(entry.name.is_some());
        if entry.key.get() > last_key {
            return corrupt("key of an entry", entry.key.get().into(), last_key.into());
        }
        let chapter = chapter_of_value(parameters, low, flush_chapter, entry.value);
        if chapter > high {
            return corrupt("chapter of an entry", chapter, high);
        }
        if chapter < flush_chapter {
            return corrupt("chapter of an entry", chapter, flush_chapter);
        }
        seen.expired += u64::from(chapter < low);
    }
    Ok(())
}

/// The chapters that a save says the volume has.
pub(super) fn chapters_of(save: &Save) -> Vec<VirtualChapter> {
    (save.oldest.get()..save.newest.get()).map(VirtualChapter::new).collect()
}
