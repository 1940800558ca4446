//! Zones that look names up through searchers while readers read, chapters are forgotten and pages
//! are slow, fail or panic (reliability C33, C34).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use uds_geometry::{
    Configuration, CustomConfiguration, Geometry, RecordPageNumber, VirtualChapter, ZoneCount,
    ZoneId,
};
use uds_volume::{
    FinishedRead, Lookup, MemoryStorage, Progress, ReadCompletion, Searcher, Storage, StorageError,
    Volume, VolumeError,
};

use crate::parts::AtHand;
use crate::support::{
    chapter, open, record, reopen, scratch, small_geometry, storage_bytes, write,
};

/// Longer than anything here takes, unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Sends what comes back to its zone.
#[derive(Debug)]
struct Inbox(Vec<Mutex<Sender<FinishedRead>>>);

impl ReadCompletion for Inbox {
    fn finished(&self, reads: &mut Vec<FinishedRead>) {
        for read in reads.drain(..) {
            let sender = self.0[usize::from(read.zone.get())].lock().unwrap();
            // A test that has what it wants may be gone.
            let _ = sender.send(read);
        }
    }
}

pub(crate) fn inbox(zones: u8) -> (Arc<dyn ReadCompletion>, Vec<Receiver<FinishedRead>>) {
    let (senders, receivers) =
        (0..zones).map(|_| channel()).map(|(sender, inbox)| (Mutex::new(sender), inbox)).unzip();
    (Arc::new(Inbox(senders)), receivers)
}

fn zones(count: u8) -> impl Iterator<Item = ZoneId> {
    ZoneCount::new(count).unwrap().zones()
}

/// A storage whose reads of some pages wait, fail or panic.
#[derive(Debug)]
struct Odd {
    inner: MemoryStorage,
    behaviour: Mutex<(HashSet<u64>, Behaviour)>,
    change: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    Normal,
    Wait,
    Panic,
}

impl Odd {
    fn new(bytes: u64) -> Arc<Self> {
        let behaviour = Mutex::new((HashSet::new(), Behaviour::Normal));
        Arc::new(Self { inner: MemoryStorage::new(bytes), behaviour, change: Condvar::new() })
    }

    /// What reads at these offsets do; at all offsets where there are none.
    fn set(&self, offsets: &[u64], behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = (offsets.iter().copied().collect(), behaviour);
        self.change.notify_all();
    }
}

impl Storage for Odd {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        let mut state = self.behaviour.lock().unwrap();
        loop {
            let is_meant = state.0.is_empty() || state.0.contains(&offset);
            match state.1 {
                Behaviour::Wait if is_meant => state = self.change.wait(state).unwrap(),
                Behaviour::Panic if is_meant => {
                    drop(state);
                    panic!("a storage that panics, on purpose");
                }
                _ => break,
            }
        }
        drop(state);
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.inner.write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// Looks a record up to the end, following what comes back. `None` where it is not there.
pub(crate) fn find(
    searcher: &mut Searcher,
    inbox: &Receiver<FinishedRead>,
    number: VirtualChapter,
    index: u32,
) -> Result<bool, Arc<VolumeError>> {
    let record = record(number, index);
    let mut known = None;
    loop {
        let found = match searcher.look_up(number, &record.name, known, 7).unwrap() {
            Lookup::Found(data) => Some(data),
            Lookup::Absent => return Ok(false),
            Lookup::Queued => {
                let read = inbox.recv_timeout(LIMIT).expect("a request comes back");
                assert_eq!((read.token, read.chapter), (7, number));
                known = None;
                match read.outcome? {
                    Progress::RecordPage(page) => {
                        known = Some(page);
                        continue;
                    }
                    Progress::Again => continue,
                    Progress::Absent => return Ok(false),
                    Progress::Found(data) => Some(data),
                }
            }
        };
        assert_eq!(found, Some(record.data), "{number:?} {index}");
        return Ok(true);
    }
}

// C33. Guards against stale pages, lost requests and readers that stop: zones with threads of
// their own look up at random while chapters are forgotten and rewritten at random.
#[test]
fn zones_find_records_while_chapters_come_and_go() {
    let custom = CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: 2,
        chapters_per_volume: 16,
        cache_chapters: 2,
        ..CustomConfiguration::default()
    };
    let geometry = Configuration::custom(&custom).unwrap().geometry();
    for (count, declines_one_in) in [(1_u8, 0), (1, 1), (4, 1), (4, 5)] {
        let storage = Arc::new(AtHand::new(storage_bytes(&geometry), declines_one_in));
        let volume = Arc::new(open(storage, &geometry));
        let mut scratch = scratch(&geometry);
        (0..16).for_each(|number| write(&volume, chapter(number), &mut scratch));
        let (completion, inboxes) = inbox(count);
        let readers = volume.start_readers(3, &completion).unwrap();
        std::thread::scope(|scope| {
            for (zone, inbox) in zones(count).zip(inboxes) {
                let mut searcher = readers.searcher(zone).unwrap();
                let records = geometry.records_per_chapter();
                scope.spawn(move || {
                    let mut step = u32::from(zone.get());
                    let mut found = 0;
                    for _ in 0..25_600 / u32::from(count) {
                        step = step.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        // Chapters that are there for long, and such as come and go.
                        let number = VirtualChapter::new(u64::from(step >> 8) % 40);
                        let index = (step >> 14) % records;
                        let is_there = find(&mut searcher, &inbox, number, index).unwrap();
                        let is_lasting = (4..16).contains(&number.get());
                        assert!(is_there || !is_lasting, "{number:?} is gone");
                        found += u32::from(is_there);
                    }
                    assert!(found > 0);
                });
            }
            for round in 0..100_u64 {
                // Slots 0 to 3 change hands, among 0..4, 16..20 and 32..36.
                let number = round % 4 + 16 * (round / 4 % 3);
                volume.forget_chapter(VirtualChapter::new((number + 32) % 48));
                write(&volume, chapter(number), &mut scratch);
            }
        });
    }
}

/// A volume with so many chapters and nothing cached, whose storage does as it is told.
fn written(geometry: &Geometry, chapters: u64) -> (Arc<Odd>, Arc<Volume>) {
    let storage = Odd::new(storage_bytes(geometry));
    let volume = open(storage.clone(), geometry);
    let mut scratch = scratch(geometry);
    (0..chapters).for_each(|number| write(&volume, chapter(number), &mut scratch));
    let fresh = reopen(storage.clone(), &volume);
    (storage, Arc::new(fresh))
}

// C33. Guards the ends of the read queue: 4095 pages wait in it, and who comes with another waits
// for a place and is not lost.
#[test]
fn a_full_read_queue_makes_searchers_wait() {
    let custom = CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: 16,
        chapters_per_volume: 256,
        ..CustomConfiguration::default()
    };
    let geometry = Configuration::custom(&custom).unwrap().geometry();
    let (storage, volume) = written(&geometry, 1);
    let (completion, inboxes) = inbox(1);
    let readers = volume.start_readers(2, &completion).unwrap();
    let mut searcher = readers.searcher(ZoneId::ZERO).unwrap();
    storage.set(&[], Behaviour::Wait);
    // Record pages can be asked for whether or not chapters are there.
    let pages = (0..256).flat_map(|number| (0..16).map(move |page| (number, page))).take(4096);
    let name = record(chapter(0), 0).name;
    let (counter, counted) = channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for (token, (number, page)) in (0..).zip(pages) {
                let page = Some(RecordPageNumber::new(page));
                let lookup = searcher.look_up(VirtualChapter::new(number), &name, page, token);
                assert_eq!(lookup.unwrap(), Lookup::Queued);
                counter.send(token).unwrap();
            }
        });
        for _ in 0..4095 {
            counted.recv_timeout(LIMIT).unwrap();
        }
        assert!(counted.recv_timeout(Duration::from_millis(50)).is_err(), "4095 pages fit");
        storage.set(&[], Behaviour::Normal);
        counted.recv_timeout(LIMIT).expect("there is room again");
    });
    let tokens: HashSet<u64> =
        (0..4096).map(|_| inboxes[0].recv_timeout(LIMIT).unwrap().token).collect();
    assert_eq!(tokens.len(), 4096, "each comes back once");
}

// C34. Guards the end of a chapter whose pages are queued or being read: the request comes back,
// nothing old is found or cached, and the volume goes on.
#[test]
fn a_chapter_that_goes_while_it_is_read_is_not_found() {
    let geometry = small_geometry(2, 4);
    let (storage, volume) = written(&geometry, 4);
    let (completion, inboxes) = inbox(1);
    let readers = volume.start_readers(1, &completion).unwrap();
    let mut searcher = readers.searcher(ZoneId::ZERO).unwrap();
    storage.set(&[], Behaviour::Wait);
    // The first is being read, the second is queued behind it.
    for token in [1, 2] {
        let number = chapter(token);
        let lookup = searcher.look_up(number, &record(number, 3).name, None, token).unwrap();
        assert_eq!(lookup, Lookup::Queued);
        volume.forget_chapter(number);
    }
    storage.set(&[], Behaviour::Normal);
    for _ in 0..2 {
        let read = inboxes[0].recv_timeout(LIMIT).unwrap();
        assert_eq!(read.outcome.unwrap(), Progress::Again);
        let again = searcher.look_up(read.chapter, &record(read.chapter, 3).name, None, 9);
        assert_eq!(again.unwrap(), Lookup::Absent);
    }
    let mut scratch = scratch(&geometry);
    for number in [5, 6] {
        write(&volume, chapter(number), &mut scratch);
        assert!(find(&mut searcher, &inboxes[0], chapter(number), 3).unwrap());
    }
    assert!(find(&mut searcher, &inboxes[0], chapter(3), 3).unwrap());
}

// Guards everybody else against a page that is slow: look-ups of other pages go on.
#[test]
fn a_slow_page_holds_up_nobody_else() {
    let geometry = small_geometry(2, 4);
    let (storage, volume) = written(&geometry, 4);
    let (completion, inboxes) = inbox(2);
    let readers = volume.start_readers(2, &completion).unwrap();
    let mut searchers = zones(2).map(|zone| readers.searcher(zone).unwrap());
    let (mut slow, mut other) = (searchers.next().unwrap(), searchers.next().unwrap());
    let name = record(chapter(0), 0).name;
    let first = RecordPageNumber::new(0);
    let offset = volume
        .place(geometry.physical_chapter(chapter(0)), uds_geometry::ChapterPage::Record(first))
        .offset;
    storage.set(&[offset], Behaviour::Wait);
    assert_eq!(slow.look_up(chapter(0), &name, Some(first), 1).unwrap(), Lookup::Queued);
    for number in 1..4 {
        for index in 0..geometry.records_per_chapter() {
            assert!(find(&mut other, &inboxes[1], chapter(number), index).unwrap());
        }
    }
    assert!(inboxes[0].try_recv().is_err());
    storage.set(&[], Behaviour::Normal);
    assert_eq!(inboxes[0].recv_timeout(LIMIT).unwrap().token, 1);
}

// Guards the readers against a storage that panics: the requests for that page fail and say which
// it is; the reader lives, and the page can be read again.
#[test]
fn a_storage_that_panics_fails_its_page_only() {
    let geometry = small_geometry(2, 4);
    let (storage, volume) = written(&geometry, 4);
    let (completion, inboxes) = inbox(1);
    let readers = volume.start_readers(1, &completion).unwrap();
    let mut searcher = readers.searcher(ZoneId::ZERO).unwrap();
    for _ in 0..20 {
        storage.set(&[], Behaviour::Panic);
        let error = find(&mut searcher, &inboxes[0], chapter(2), 5).unwrap_err();
        assert!(matches!(*error, VolumeError::Panicked { .. }), "{error}");
        assert!(error.to_string().contains("index page"), "{error}");
    }
    storage.set(&[], Behaviour::Normal);
    assert!(find(&mut searcher, &inboxes[0], chapter(2), 5).unwrap());
}

/// A completion that counts, and panics.
#[derive(Debug, Default)]
struct Panicking(Mutex<HashMap<u64, u32>>);

impl ReadCompletion for Panicking {
    fn finished(&self, reads: &mut Vec<FinishedRead>) {
        for read in reads.drain(..) {
            *self.0.lock().unwrap().entry(read.token).or_default() += 1;
        }
        panic!("a completion that panics, on purpose");
    }
}

// Guards the end of readers: what is queued comes back once, also past completions that panic; then
// nothing can be queued, and everything can begin anew.
#[test]
fn readers_hand_everything_back_before_they_end() {
    let geometry = small_geometry(2, 8);
    let (storage, volume) = written(&geometry, 8);
    let completion = Arc::new(Panicking::default());
    let shared: Arc<dyn ReadCompletion> = completion.clone();
    let readers = volume.start_readers(2, &shared).unwrap();
    assert!(matches!(volume.start_readers(1, &shared), Err(VolumeError::HasReaders)));
    let mut searcher = readers.searcher(ZoneId::ZERO).unwrap();
    assert!(matches!(readers.searcher(ZoneId::ZERO), Err(VolumeError::ZoneTaken { zone: 0 })));
    storage.set(&[], Behaviour::Wait);
    let name = |number| record(chapter(number), 0).name;
    for number in 0..8 {
        let lookup = searcher.look_up(chapter(number), &name(number), None, number).unwrap();
        assert_eq!(lookup, Lookup::Queued);
    }
    storage.set(&[], Behaviour::Normal);
    drop(readers);
    let counts = std::mem::take(&mut *completion.0.lock().unwrap());
    assert_eq!(counts, (0..8).map(|token| (token, 1)).collect());
    volume.forget_chapter(chapter(7));
    let error = searcher.look_up(chapter(6), &name(6), Some(RecordPageNumber::new(1)), 1);
    assert!(matches!(error, Err(VolumeError::NoReaders)), "{error:?}");
    drop(searcher);
    let (completion, inboxes) = inbox(1);
    let readers = volume.start_readers(1, &completion).unwrap();
    let mut searcher = readers.searcher(ZoneId::ZERO).unwrap();
    assert!(find(&mut searcher, &inboxes[0], chapter(6), 9).unwrap());
}
