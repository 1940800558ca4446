//! Reading the records of all chapters, and sorting their names by place.
//!
//! Readers take *groups* of chapters in turn. A group is read wholly, its names are sorted by their
//! places in the volume index, and it is handed to the zones, group after group in the order of
//! the chapters. Where a group comes too early its reader waits, so that there are never more
//! groups than readers and one.

use std::ops::Range;
use uds_geometry::{Geometry, RecordName, RecordPageNumber, VirtualChapter, bits_per};
use uds_volume::records_of_page;

use super::control::Working;
use super::fill::fill;
use super::survey::Survey;
use super::{Recovery, RecoveryPhase};
use crate::IndexError;
use crate::sync::counter::{AtomicUsize, Ordering};
use crate::sync::mpsc::{SyncSender, sync_channel};
use crate::sync::{Arc, Condvar, Mutex, lock, wait};
use crate::volume_index::VolumeIndexZone;

/// Bytes of all groups together.
const GROUPS_BYTES: usize = 48 << 20;
/// Into how many parts the lists of a sub-index zone are divided to sort their names: as many
/// as fit the processor's cache one by one.
const BUCKETS: usize = 128;
/// Names of a page that are looked up in the chapter's index, to see whether the page is the one
/// that the index describes.
const NAMES_CHECKED: usize = 8;

/// What was read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scanned {
    pub(super) records: u64,
    pub(super) unreadable_pages: u64,
    pub(super) stale_pages: u64,
}

impl Scanned {
    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.unreadable_pages += other.unreadable_pages;
        self.stale_pages += other.stale_pages;
    }
}

/// A name of a chapter: where it belongs, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Placed {
    pub(super) list: u32,
    pub(super) key: u32,
    /// The number of the chapter in its group, then that of the record in the chapter: names with
    /// the same place come in the order of the chapters.
    locator: u32,
}

/// Some chapters that follow one another, and their names by place.
pub(super) struct Group {
    chapters: Vec<VirtualChapter>,
    record_bits: u32,
    records_per_page: u32,
    /// For each zone, the names that are no samples, and those that are: bucket by bucket.
    lanes: Vec<[Vec<Vec<Placed>>; 2]>,
}

impl Group {
    /// The chapter of a name.
    pub(super) fn chapter_of(&self, placed: Placed) -> VirtualChapter {
        self.chapters[(placed.locator >> self.record_bits) as usize]
    }

    /// The page of the chapter that has the name, and the node there.
    pub(super) fn place_of(&self, placed: Placed) -> (RecordPageNumber, u32) {
        let record = placed.locator & ((1 << self.record_bits) - 1);
        let page = RecordPageNumber::new(record / self.records_per_page);
        (page, record % self.records_per_page)
    }

    /// The names of a zone in order of place.
    pub(super) fn names(&self, zone: usize, is_hook: bool) -> impl Iterator<Item = Placed> + '_ {
        self.lanes[zone][usize::from(is_hook)].iter().flatten().copied()
    }
}

/// The groups' turns.
#[derive(Default)]
struct Turns {
    state: Mutex<Turn>,
    changed: Condvar,
}

#[derive(Default)]
struct Turn {
    /// The group that is handed over next.
    next: usize,
    /// Somebody has failed: nobody waits any more.
    is_over: bool,
}

impl Turns {
    /// Waits for a group's turn. Says whether there is one.
    fn wait_for(&self, group: usize) -> bool {
        let mut turn = lock(&self.state);
        while turn.next != group && !turn.is_over {
            turn = wait(&self.changed, turn);
        }
        !turn.is_over
    }

    fn pass(&self) {
        lock(&self.state).next += 1;
        self.changed.notify_all();
    }

    fn give_up(&self) {
        lock(&self.state).is_over = true;
        self.changed.notify_all();
    }
}

/// Ends all waiting when a thread ends that has not said that all is well.
struct GiveUp<'a>(Option<&'a Turns>);

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        if let Some(turns) = self.0 {
            turns.give_up();
        }
    }
}

/// Reads the records of all chapters, and puts them into the zones.
pub(super) fn run(
    recovery: &Recovery<'_>,
    survey: &Survey,
    zones: &mut [VolumeIndexZone],
) -> Result<Scanned, IndexError> {
    recovery.control.enter_phase(RecoveryPhase::Reading, survey.chapters.len() as u64);
    let readers = recovery.reader_count();
    let size = group_size(recovery.volume.geometry(), readers + 1);
    let reading = Reading {
        recovery,
        range: survey.range.clone(),
        groups: survey.chapters.chunks(size).collect(),
        taken: AtomicUsize::new(0),
        turns: Turns::default(),
    };
    std::thread::scope(|scope| {
        let mut senders = Vec::new();
        let mut fillers = Vec::new();
        for (number, zone) in zones.iter_mut().enumerate() {
            // Rendezvous: a group that waits in a queue is memory that somebody pays for.
            let (sender, receiver) = sync_channel::<Arc<Group>>(0);
            senders.push(sender);
            fillers.push(scope.spawn(move || {
                receiver.iter().try_for_each(|group| fill(recovery, &group, number, zone))
            }));
        }
        let senders: Arc<[SyncSender<Arc<Group>>]> = senders.into();
        let read = || {
            let (reading, senders) = (&reading, Arc::clone(&senders));
            scope.spawn(move || reading.read(&senders))
        };
        let threads: Vec<_> = (0..readers).map(|_| read()).collect();
        drop(senders);
        let mut all = Scanned::default();
        let mut outcome = Ok(());
        for thread in threads {
            match thread.join().unwrap_or(Err(IndexError::Panicked)) {
                Ok(scanned) => all.add(&scanned),
                Err(error) => outcome = Err(error),
            }
        }
        // If a zone has failed, the readers have only found that it is gone.
        for filler in fillers {
            filler.join().unwrap_or(Err(IndexError::Panicked))?;
        }
        outcome.map(|()| all)
    })
}

/// How many chapters there are in a group, if there may be so many groups.
fn group_size(geometry: &Geometry, groups: usize) -> usize {
    let bytes = geometry.records_per_chapter() as usize * size_of::<Placed>();
    let most = 1_usize << (32 - record_bits(geometry)).min(20);
    (GROUPS_BYTES / groups / bytes).clamp(1, most)
}

fn record_bits(geometry: &Geometry) -> u32 {
    bits_per(u64::from(geometry.records_per_chapter()) - 1)
}

/// What the readers share.
struct Reading<'a> {
    recovery: &'a Recovery<'a>,
    range: Range<VirtualChapter>,
    groups: Vec<&'a [VirtualChapter]>,
    /// How many groups have been taken.
    taken: AtomicUsize,
    turns: Turns,
}

impl Reading<'_> {
    /// Reads groups until there are none left.
    fn read(&self, zones: &[SyncSender<Arc<Group>>]) -> Result<Scanned, IndexError> {
        let mut give_up = GiveUp(Some(&self.turns));
        let mut working = self.recovery.control.work()?;
        let mut buffers = Buffers::default();
        let mut scanned = Scanned::default();
        loop {
            let number = self.taken.fetch_add(1, Ordering::Relaxed);
            let Some(chapters) = self.groups.get(number) else { break };
            let group = self.read_group(chapters, &mut working, &mut buffers, &mut scanned)?;
            let group = Arc::new(group);
            let is_sent = working.aside(|| {
                let is_sent = self.turns.wait_for(number)
                    && zones.iter().all(|zone| zone.send(Arc::clone(&group)).is_ok());
                self.turns.pass();
                is_sent
            })?;
            if !is_sent {
                // Whoever made an end of it says why.
                break;
            }
        }
        give_up.0 = None;
        Ok(scanned)
    }

    fn read_group(
        &self,
        chapters: &[VirtualChapter],
        working: &mut Working<'_>,
        buffers: &mut Buffers,
        scanned: &mut Scanned,
    ) -> Result<Group, IndexError> {
        let geometry = self.recovery.volume.geometry();
        let zones = usize::from(self.recovery.zones.get());
        // A little more than the names are if they are spread evenly.
        let parameters = self.recovery.parameters;
        let names = chapters.len() * geometry.records_per_chapter() as usize;
        let expected = names / zones / BUCKETS;
        let capacity = expected + expected / 16 + 8;
        let samples = parameters.sample_rate as usize;
        let bucket = |capacity| move || Vec::with_capacity(capacity);
        let lane = || {
            let hooks = capacity.checked_div(samples).unwrap_or(0);
            [
                (0..BUCKETS).map(|_| bucket(capacity)()).collect::<Vec<_>>(),
                (0..BUCKETS).map(|_| bucket(hooks)()).collect::<Vec<_>>(),
            ]
        };
        let mut group = Group {
            chapters: chapters.to_vec(),
            record_bits: record_bits(geometry),
            records_per_page: geometry.records_per_page(),
            lanes: (0..zones).map(|_| lane()).collect(),
        };
        for (number, &chapter) in (0..).zip(chapters) {
            working.pass()?;
            self.read_chapter(number, chapter, &mut group, buffers, scanned);
            self.recovery.control.step();
        }
        for buckets in group.lanes.iter_mut().flatten() {
            buckets.iter_mut().for_each(|bucket| bucket.sort_unstable());
        }
        Ok(group)
    }

    /// Reads the records of a chapter. Pages that cannot be read are left out.
    fn read_chapter(
        &self,
        number: u32,
        chapter: VirtualChapter,
        group: &mut Group,
        buffers: &mut Buffers,
        scanned: &mut Scanned,
    ) {
        let volume = self.recovery.volume;
        let geometry = volume.geometry();
        let slot = geometry.physical_chapter(chapter);
        // A chapter that was probed has an index; if it cannot be read any more, nothing in it can
        // be found either.
        let Ok(Some(headers)) = volume.read_chapter_index(chapter, &mut buffers.index) else {
            scanned.unreadable_pages += u64::from(geometry.record_pages_per_chapter());
            return;
        };
        let bytes = geometry.bytes_per_page() as usize;
        let is_whole = volume.read_record_pages(slot, &mut buffers.records).is_ok();
        let newest = self.range.end;
        let is_sparse = geometry.is_chapter_sparse(self.range.start, newest, chapter);
        for (page_number, page) in (0..).zip(buffers.records.chunks_exact_mut(bytes)) {
            let page_number = RecordPageNumber::new(page_number);
            if !is_whole && volume.read_record_page(slot, page_number, page).is_err() {
                scanned.unreadable_pages += 1;
                continue;
            }
            let is_named =
                |name: &RecordName| volume.index_names(&headers, &buffers.index, name, page_number);
            if !records_of_page(page).take(NAMES_CHECKED).any(|record| is_named(&record.name)) {
                scanned.stale_pages += 1;
                continue;
            }
            let first = page_number.get() * group.records_per_page;
            let locator = number << group.record_bits | first;
            for (locator, record) in (locator..).zip(records_of_page(page)) {
                if !is_sparse || geometry.is_sample(&record.name) {
                    self.place(group, &record.name, locator);
                }
            }
            scanned.records += u64::from(group.records_per_page);
        }
    }

    fn place(&self, group: &mut Group, name: &RecordName, locator: u32) {
        let parameters = self.recovery.parameters;
        let hook = parameters.hook_of(name);
        let part = hook.unwrap_or(&parameters.non_hook);
        let (list, key) = part.locate(name);
        let per_zone = part.lists_per_zone(self.recovery.zones);
        let (zone, within) = (list.get() / per_zone, list.get() % per_zone);
        let bucket = (u64::from(within) * BUCKETS as u64 / u64::from(per_zone)) as usize;
        let lane = &mut group.lanes[zone as usize][usize::from(hook.is_some())];
        lane[bucket].push(Placed { list: list.get(), key: key.get(), locator });
    }
}

/// Room for the pages of a chapter.
#[derive(Default)]
struct Buffers {
    index: Vec<u8>,
    records: Vec<u8>,
}
