//! Reading the records of all chapters, and sorting their names by place.
//!
//! Readers take *groups* of chapters in turn. A group is read wholly, its names are sorted by their
//! places in the volume index, and it is handed to the zones, group after group in the order of
//! the chapters. Where a group comes too early its reader waits, so that there are never more
//! groups than readers and one.

use std::ops::Range;
use uds_geometry::{
    Geometry, RecordName, RecordPageNumber, SubIndexParameters, VirtualChapter, ZoneCount, ZoneId,
    bits_per,
};
use uds_volume::{records_of_page, search_record_page};

use super::control::Working;
use super::fill::Filler;
use super::survey::Survey;
use super::{Recovery, RecoveryPhase};
use crate::IndexError;
use crate::sync::counter::{AtomicUsize, Ordering};
use crate::sync::mpsc::{SyncSender, sync_channel};
use crate::sync::{Arc, Condvar, Mutex, lock, wait};
use crate::volume_index::VolumeIndexZone;

/// Bytes of all groups together.
const GROUPS_BYTES: usize = 54 << 20;
/// Into how many parts the lists of a sub-index zone are divided to sort their names: as many
/// as fit the processor's cache one by one.
const BUCKETS: u32 = 64;
/// Names of a page, spread over it, that are looked up in the chapter's index, to see whether the
/// page is the one that the index describes.
const NAMES_CHECKED: usize = 4;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) list: u32,
    pub(super) key: u32,
    /// The number of the chapter in its group, then that of the record in the chapter.
    pub(super) locator: u32,
}

/// The names of some neighbouring lists, each packed into 64 bits: the list's number among them,
/// then the key, then the locator. In the order of these numbers, names with the same place come
/// in the order of the chapters.
#[derive(Default)]
struct Bucket {
    first_list: u32,
    names: Vec<u64>,
}

/// How the names of a sub-index are packed.
#[derive(Clone, Copy, Debug)]
struct Packing {
    lists_per_zone: u32,
    lists_per_bucket: u32,
    key_bits: u32,
    locator_bits: u32,
}

impl Packing {
    fn new(parameters: &SubIndexParameters, zones: ZoneCount) -> Self {
        let lists_per_zone = parameters.lists_per_zone(zones);
        let lists_per_bucket = lists_per_zone.div_ceil(BUCKETS);
        let key_bits = parameters.address_bits;
        let list_bits = bits_per(u64::from(lists_per_bucket) - 1);
        let locator_bits = 64 - key_bits - list_bits;
        Self { lists_per_zone, lists_per_bucket, key_bits, locator_bits: locator_bits.min(32) }
    }

    fn pack(self, placed: Placed, first_list: u32) -> u64 {
        let list = u64::from(placed.list - first_list) << self.key_bits | u64::from(placed.key);
        list << self.locator_bits | u64::from(placed.locator)
    }

    fn unpack(self, packed: u64, first_list: u32) -> Placed {
        let low = |number: u64, bits: u32| (number & ((1 << bits) - 1)) as u32;
        let place = packed >> self.locator_bits;
        Placed {
            list: first_list + (place >> self.key_bits) as u32,
            key: low(place, self.key_bits),
            locator: low(packed, self.locator_bits),
        }
    }
}

/// Some chapters that follow one another, and their names by place.
pub(super) struct Group {
    chapters: Vec<VirtualChapter>,
    record_bits: u32,
    records_per_page: u32,
    /// How the names that are no samples are packed, and those that are.
    packings: [Packing; 2],
    /// For each zone the same two, bucket by bucket.
    lanes: Vec<[Vec<Bucket>; 2]>,
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
        let packing = self.packings[usize::from(is_hook)];
        self.lanes[zone][usize::from(is_hook)].iter().flat_map(move |bucket| {
            let unpack = move |&packed| packing.unpack(packed, bucket.first_list);
            bucket.names.iter().map(unpack)
        })
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
    let threads = recovery.thread_count();
    // Reading takes less time than filling, and every reader has a group in hand: the fewer there
    // are, the larger can groups be, and the less often is each list walked.
    let readers = threads.div_ceil(2);
    let size = group_size(recovery, readers + 1);
    let reading = Reading {
        recovery,
        range: survey.range.clone(),
        groups: survey.chapters.chunks(size).collect(),
        taken: AtomicUsize::new(0),
        turns: Turns::default(),
    };
    let mut shares: Vec<Vec<(usize, &mut VolumeIndexZone)>> = Vec::new();
    shares.resize_with(threads, Vec::new);
    for (number, zone) in zones.iter_mut().enumerate() {
        shares[number % threads].push((number, zone));
    }
    std::thread::scope(|scope| {
        let mut senders = Vec::new();
        let mut fillers = Vec::new();
        for mut share in shares {
            // Rendezvous: a group that waits in a queue is memory that somebody pays for.
            let (sender, receiver) = sync_channel::<Arc<Group>>(0);
            senders.push(sender);
            fillers.push(scope.spawn(move || {
                let mut filler = Filler::new(recovery);
                receiver.iter().try_for_each(|group| filler.fill(&group, &mut share))
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
fn group_size(recovery: &Recovery<'_>, groups: usize) -> usize {
    let geometry = recovery.volume.geometry();
    let bytes = geometry.records_per_chapter() as usize * size_of::<u64>();
    let locator_bits = packings(recovery).map(|packing| packing.locator_bits);
    let [a, b] = locator_bits.map(|bits| bits.saturating_sub(record_bits(geometry)));
    (GROUPS_BYTES / groups / bytes).clamp(1, 1 << a.min(b).min(20))
}

/// How the names that are no samples are packed, and those that are.
fn packings(recovery: &Recovery<'_>) -> [Packing; 2] {
    let zones = recovery.filled_zones();
    let packing = |part| Packing::new(part, zones);
    let non_hook = packing(&recovery.parameters.non_hook);
    [non_hook, recovery.parameters.hook.as_ref().map_or(non_hook, packing)]
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
        let packings = packings(self.recovery);
        let filled = self.recovery.filled_zones();
        let mut group = Group {
            chapters: chapters.to_vec(),
            record_bits: record_bits(geometry),
            records_per_page: geometry.records_per_page(),
            packings,
            lanes: filled.zones().map(|zone| self.lane(zone, chapters.len())).collect(),
        };
        for (number, &chapter) in (0..).zip(chapters) {
            working.pass()?;
            self.read_chapter(number, chapter, &mut group, buffers, scanned);
            self.recovery.control.step();
        }
        for buckets in group.lanes.iter_mut().flatten() {
            buckets.iter_mut().for_each(|bucket| bucket.names.sort_unstable());
        }
        Ok(group)
    }

    /// Reads the records of a chapter. Pages that cannot be read are left out.
    ///
    /// A power cut can leave the index of the newest chapter beside sectors of older record pages.
    /// What cannot be found there must not hide copies in other chapters: so of that chapter, and
    /// wherever a page does not seem to belong, only those records count that the index names and
    /// that a search of their page comes to.
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
            let step = records_of_page(page).len().div_ceil(NAMES_CHECKED).max(1);
            let mut checked = records_of_page(page).step_by(step);
            let is_trusted =
                chapter.next() != newest && checked.all(|record| is_named(&record.name));
            let first = page_number.get() * group.records_per_page;
            let locator = number << group.record_bits | first;
            let mut count = 0;
            for (locator, record) in (locator..).zip(records_of_page(page)) {
                let can_be_found = || {
                    is_named(&record.name)
                        && search_record_page(page, &record.name) == Some(record.data)
                };
                if !is_trusted && !can_be_found() {
                    continue;
                }
                count += 1;
                if !is_sparse || geometry.is_sample(&record.name) {
                    self.place(group, &record.name, locator);
                }
            }
            scanned.stale_pages += u64::from(count == 0);
            scanned.records += count;
        }
    }

    fn place(&self, group: &mut Group, name: &RecordName, locator: u32) {
        let parameters = self.recovery.parameters;
        let hook = parameters.hook_of(name);
        let (list, key) = hook.unwrap_or(&parameters.non_hook).locate(name);
        let packing = group.packings[usize::from(hook.is_some())];
        let (zone, within) =
            (list.get() / packing.lists_per_zone, list.get() % packing.lists_per_zone);
        let lane = &mut group.lanes[zone as usize][usize::from(hook.is_some())];
        let bucket = &mut lane[(within / packing.lists_per_bucket) as usize];
        let placed = Placed { list: list.get(), key: key.get(), locator };
        bucket.names.push(packing.pack(placed, bucket.first_list));
    }

    /// Room for the names of so many chapters in a zone: a little more than there are if they
    /// are spread evenly.
    fn lane(&self, zone: ZoneId, chapters: usize) -> [Vec<Bucket>; 2] {
        let geometry = self.recovery.volume.geometry();
        let parameters = self.recovery.parameters;
        let names = chapters as u64 * u64::from(geometry.records_per_chapter());
        let packings = packings(self.recovery);
        let samples = names.checked_div(parameters.sample_rate.into());
        let counts = [names, samples.unwrap_or(0)];
        let lists = [Some(&parameters.non_hook), parameters.hook.as_ref()];
        std::array::from_fn(|part| {
            let (packing, Some(parameters)) = (packings[part], lists[part]) else {
                return Vec::new();
            };
            let share = u64::from(packing.lists_per_bucket) * counts[part];
            let expected = share / u64::from(parameters.list_count);
            let capacity = (expected + expected / 16 + 8) as usize;
            let first = u32::from(zone.get()) * packing.lists_per_zone;
            let bucket = |number| Bucket {
                first_list: first + number * packing.lists_per_bucket,
                names: Vec::with_capacity(capacity),
            };
            (0..BUCKETS).map(bucket).collect()
        })
    }
}

/// Room for the pages of a chapter.
#[derive(Default)]
struct Buffers {
    index: Vec<u8>,
    records: Vec<u8>,
}
