//! Pages that take long to read, or cannot be read, while everybody else goes on.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use uds_geometry::RecordName;
use uds_index::{Batch, ErrorKind, Index, OpenOptions, Ticket};
use uds_volume::{MemoryStorage, Storage, StorageError};

use crate::common::{
    assert_holds, bytes_of, create_in, data, memory, name, open_in, post_singly, small, story,
};

/// Longer than anything here takes, unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);
const RECORDS: u64 = 3000;

/// A storage whose reads of some bytes wait until they may go on.
#[derive(Debug)]
struct Gated {
    inner: MemoryStorage,
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The bytes whose reads wait.
    closed: Range<u64>,
    /// How many reads wait.
    waiting: usize,
    /// The offsets of all reads of one page.
    reads: Vec<u64>,
}

impl Gated {
    fn new(image: &[u8]) -> Arc<Self> {
        let inner = MemoryStorage::from_bytes(image);
        Arc::new(Self { inner, state: Mutex::default(), change: Condvar::new() })
    }

    fn close(&self, bytes: Range<u64>) {
        self.state.lock().unwrap().closed = bytes;
    }

    fn open(&self) {
        self.state.lock().unwrap().closed = 0..0;
        self.change.notify_all();
    }

    /// The offsets of the pages that were read since the last call.
    fn take_reads(&self) -> Vec<u64> {
        std::mem::take(&mut self.state.lock().unwrap().reads)
    }

    fn wait_for_a_reader(&self) {
        let start = Instant::now();
        while self.state.lock().unwrap().waiting == 0 {
            assert!(start.elapsed() < LIMIT, "nobody has read the page");
            std::thread::yield_now();
        }
    }
}

impl Storage for Gated {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        let mut state = self.state.lock().unwrap();
        if buffer.len() == 4096 {
            state.reads.push(offset);
        }
        state.waiting += 1;
        while state.closed.contains(&offset) {
            state = self.change.wait(state).unwrap();
        }
        state.waiting -= 1;
        drop(state);
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.inner.write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.inner.sync()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }
}

/// An index with [`RECORDS`] records, most of them in closed chapters of two record pages each.
fn image(zones: u8) -> Vec<u8> {
    let configuration = small(2, 16);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(zones)).unwrap();
    post_singly(&index, 0..RECORDS);
    assert_eq!(index.statistics().oldest_chapter.get(), 0, "nothing was forgotten");
    index.close().unwrap();
    assert_eq!(storage.len(), bytes_of(&configuration));
    storage.to_vec()
}

fn open(storage: &Arc<Gated>, zones: u8) -> Index {
    let options = OpenOptions { read_threads: 2, ..open_in(zones) };
    let index = Index::open(storage.clone(), &options).unwrap();
    storage.take_reads();
    index
}

/// The pages that a query for one name reads, in an index that has nothing cached.
fn pages_of(image: &[u8], zones: u8, counter: u64) -> Vec<u64> {
    let storage = Gated::new(image);
    let index = open(&storage, zones);
    assert!(index.query_no_update(name(counter)).unwrap().is_found());
    storage.take_reads()
}

fn query(counter: u64) -> Batch {
    let mut batch = Batch::new();
    batch.query_no_update(name(counter));
    batch
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "in vain: {what}");
        std::thread::yield_now();
    }
}

// Guards against a slow page that holds up what does not need it: other requests of other batches,
// posts of new names, and whoever asks for what is cached; in one zone and in several.
#[test]
fn a_slow_page_holds_up_only_who_needs_it() {
    for zones in [1, 3] {
        let image = image(zones);
        let slow = pages_of(&image, zones, 0);
        let [index_page, record_page] = slow[..] else { panic!("two pages, not {slow:?}") };
        for page in [index_page, record_page] {
            let storage = Gated::new(&image);
            let index = open(&storage, zones);
            storage.close(page..page + 1);
            let blocked = index.submit(query(0)).unwrap();
            storage.wait_for_a_reader();
            // One request a batch tells which of them need the page.
            let tickets: Vec<(u64, Ticket)> = (1..RECORDS)
                .map(|counter| (counter, index.submit(query(counter)).unwrap()))
                .collect();
            std::thread::scope(|scope| {
                for caller in 0..2 {
                    let index = &index;
                    scope.spawn(move || {
                        for counter in (0..300).map(|step| RECORDS + 300 * caller + step) {
                            assert!(
                                !index.post(name(counter), data(counter, 0)).unwrap().is_found()
                            );
                        }
                    });
                }
            });
            // A chapter has 256 records.
            let waiting = || tickets.iter().filter(|(_, ticket)| !ticket.is_ready()).count();
            wait_until("all but those of the page are done", || waiting() < 256);
            assert!(!blocked.is_ready());
            storage.open();
            assert_eq!(blocked.wait().answers().flatten().flatten().count(), 1);
            for (counter, ticket) in tickets {
                let batch = ticket.wait();
                let answer = batch.answers().next().flatten().unwrap().as_ref().unwrap();
                assert_eq!(answer.data(), Some(data(counter, 0)));
            }
            assert_holds(&index, 0..RECORDS + 600, RECORDS + 700);
        }
    }
}

// Guards the order of requests for one name: those behind one that waits for a page wait too, and
// find what it has left.
#[test]
fn requests_for_a_name_wait_for_each_other() {
    for zones in [1, 3] {
        let image = image(zones);
        let page = pages_of(&image, zones, 0)[1];
        let storage = Gated::new(&image);
        let index = open(&storage, zones);
        storage.close(page..page + 1);
        let mut batch = Batch::new();
        let changes: Vec<u64> = (1..40).collect();
        for &version in &changes {
            batch.update(name(0), data(0, version));
            batch.query(name(0));
            // The page is in no way needed for these.
            batch.post(name(RECORDS + version), data(RECORDS + version, 0));
        }
        batch.delete(name(0));
        batch.query(name(0));
        let first = index.submit(batch).unwrap();
        let second = index.submit(query(0)).unwrap();
        storage.wait_for_a_reader();
        wait_until("posts pass the requests that wait", || {
            index.query_no_update(name(RECORDS + 1)).unwrap().is_found()
        });
        assert!(!first.is_ready() && !second.is_ready());
        storage.open();
        let batch = first.wait();
        let of_name: Vec<_> = batch
            .requests()
            .iter()
            .filter(|request| *request.name() == name(0))
            .map(|request| request.answer().unwrap().as_ref().unwrap().data())
            .collect();
        let mut expected = vec![Some(data(0, 0))];
        for &version in &changes {
            expected.extend([Some(data(0, version)); 2]);
        }
        expected.push(None);
        assert_eq!(of_name, expected);
        assert!(!second.wait().answers().flatten().flatten().next().unwrap().is_found());
    }
}

// Guards the others against a page that cannot be read: only the requests that need it fail, each
// saying which page it is, and the next to need it try again.
#[test]
fn a_page_that_fails_fails_only_who_needs_it() {
    use uds_volume::Operation;
    use uds_volume::sim::{Fault, SimDisk};
    for zones in [1, 3] {
        let image = image(zones);
        let page = pages_of(&image, zones, 0)[1];
        let disk = Arc::new(SimDisk::from_bytes(&image, 1));
        let index = Index::open(disk.clone(), &open_in(zones)).unwrap();
        disk.inject(Fault::of(Operation::Read).within(page..page + 4096).forever());
        let mut batch = Batch::new();
        for counter in 0..RECORDS {
            batch.query_no_update(name(counter));
        }
        let error = index.run(&mut batch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{}", story(&error));
        let mut failed = HashSet::<RecordName>::new();
        for (counter, request) in (0..).zip(batch.requests()) {
            match request.answer().unwrap() {
                Ok(answer) => assert_eq!(answer.data(), Some(data(counter, 0))),
                Err(error) => {
                    let story = story(&**error);
                    assert!(story.contains(&format!("byte {page} ")), "{story}");
                    assert!(story.contains("record page"), "{story}");
                    failed.insert(*request.name());
                }
            }
        }
        assert!(failed.contains(&name(0)) && failed.len() <= 128, "{} failed", failed.len());
        disk.clear_faults();
        assert_holds(&index, 0..RECORDS, RECORDS + 10);
        index.close().unwrap();
    }
}
