//! What of that which was found is damage, and what a power cut, or the format, explains.

use std::collections::BTreeMap;
use std::ops::Range;

use uds_geometry::{BLOCK_BYTES, PhysicalChapter, VirtualChapter, ZoneId};
use uds_volume::{Volume, chapter_range};

use super::chapter::SlotReport;
use super::checked::Checked;
use super::deep::{Dangling, Outcome};
use super::finding::{Cause, Finding, Findings, Region, Severity};
use super::save::{LatestSave, cause};
use super::{FIRST_PAGE, Verifier};
use crate::IndexError;
use crate::layout::Layout;

/// Finds out which chapters there are in an index that was not closed cleanly, as a recovery does,
/// and takes over what was found in their slots.
///
/// One chapter was being written, perhaps: the newest one, or the one after that. Neither can tell
/// whether it is damaged or not complete.
pub(super) fn judge(
    volume: &Volume,
    reports: Vec<SlotReport>,
    findings: &mut Findings,
    checked: &mut Checked,
) -> Range<VirtualChapter> {
    let geometry = volume.geometry();
    let sound = reports.iter().filter(|report| report.is_sound);
    let numbers: Vec<VirtualChapter> = sound.filter_map(|report| report.chapter).collect();
    let range = chapter_range(geometry, &numbers);
    let end = range.end.get();
    // The slot of the chapter that comes next has been given up.
    let kept = u64::from(geometry.chapters_per_volume()) - 1;
    let expected: BTreeMap<PhysicalChapter, VirtualChapter> = (end.saturating_sub(kept)..end)
        .map(VirtualChapter::new)
        .map(|chapter| (geometry.physical_chapter(chapter), chapter))
        .collect();
    let next = geometry.physical_chapter(range.end);
    let mut window = range.clone();
    for report in reports {
        let is_next = report.slot == next;
        match expected.get(&report.slot).copied() {
            Some(chapter) if report.is_sound && report.chapter == Some(chapter) => {
                checked.add(&report.checked);
                findings.absorb(report.findings, chapter.next() == range.end);
            }
            Some(expected) => {
                window.start = window.start.min(expected);
                checked.add(&report.checked);
                if let Some(found) = report.chapter.filter(|_| report.is_sound) {
                    let offset = volume.place(report.slot, FIRST_PAGE).offset;
                    let (slot, chapter) = (report.slot, Some(expected));
                    let region = Region::Chapter { chapter, slot, page: FIRST_PAGE };
                    findings.damage(region, offset, Cause::OtherChapter { found, expected });
                } else {
                    findings.absorb(report.findings, false);
                }
            }
            None if report.is_ours && !report.is_sound => {
                findings.absorb(report.findings, is_next);
            }
            // Never written, or forgotten.
            None => {}
        }
    }
    window
}

/// Reports that the volume index of a save cannot be loaded.
pub(super) fn blame_save(
    layout: &Layout,
    latest: LatestSave,
    error: IndexError,
    findings: &mut Findings,
) {
    let place = layout.slot(latest.slot).volume_index(ZoneId::ZERO, latest.save.zones);
    let region = Region::VolumeIndex { slot: latest.slot as u8, zone: ZoneId::ZERO };
    findings.damage(region, place.start * u64::from(BLOCK_BYTES), cause(error));
}

/// Reports entries of the volume index for records that are not there.
///
/// There is one way for these to come about without damage: an index with a nearly full open
/// chapter is opened with more zones than it was saved with, and some records do not fit the parts
/// of theirs. They are dropped, and their entries stay. Such a chapter is closed before it is full:
/// copies of a record fill the places. So where there are not enough places for the records to have
/// been dropped from, the entries are damaged.
pub(super) fn judge_dangling(
    verifier: &Verifier<'_>,
    latest: LatestSave,
    outcome: &Outcome,
    reports: &[SlotReport],
    open_records: u64,
    findings: &mut Findings,
) {
    let per_chapter = u64::from(verifier.volume.geometry().records_per_chapter());
    for (&chapter, &Dangling { entries, is_hook, list }) in &outcome.dangling {
        let number = chapter.get().checked_sub(latest.save.oldest.get());
        let report = number.and_then(|number| reports.get(number as usize));
        let places = match report {
            Some(report) => report.checked.copies,
            None if chapter == latest.save.newest => per_chapter - open_records.min(per_chapter),
            None => 0,
        };
        let part = verifier.parameters.hook.as_ref().filter(|_| is_hook);
        let zones = latest.save.zones;
        let zone = part.unwrap_or(&verifier.parameters.non_hook).zone_of(list, zones);
        let place = verifier.layout.slot(latest.slot).volume_index(zone, zones);
        findings.push(Finding {
            severity: if entries > places { Severity::Damage } else { Severity::Note },
            region: Region::VolumeIndex { slot: latest.slot as u8, zone },
            offset: place.start * u64::from(BLOCK_BYTES),
            list: Some(list),
            cause: Cause::Dangling { chapter, entries },
        });
    }
}
