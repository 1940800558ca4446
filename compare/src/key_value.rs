//! A key-value store as the subject of the phases.
//!
//! Invariants:
//! 1. A batch is one transaction, or what the store has instead. A post looks the name up and
//!    stores the record if nothing is there.
//! 2. In the transaction that stores new records beyond the capacity, the oldest are deleted, as
//!    many as were stored: each store pays for its forgetting.
//! 3. One post at a time: what is the oldest is known to one caller only.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uds_bench::{Ending, Maker, Operation, Subject, Window};
use uds_geometry::{Record, RecordData};

use crate::error::StoreError;
use crate::folder;
use crate::queue::Queue;

/// How many of the last records count as recent: four chapters of a 256M index. Of a small store
/// it is a quarter, because half as many are posted before the unclean opening, and what is recent
/// must not be forgotten for them.
const RECENT: u64 = 4 * 65_536;

/// What all stores are given.
#[derive(Clone, Debug)]
pub struct Setting {
    /// A folder of its own, which exists and is empty.
    pub folder: PathBuf,
    /// Memory for caches and write buffers, in bytes.
    pub memory: usize,
    /// Records that the store may hold.
    pub records: u64,
}

/// A store of keys and values.
pub(crate) trait KeyValue: Send + Sync + Sized {
    /// Its name, as its authors write it.
    const NAME: &'static str;

    /// Opens it, and makes it if it does not exist.
    fn open(setting: &Setting) -> Result<Self, StoreError>;

    /// Looks each record's name up, and stores the record if there is nothing; then deletes what
    /// the queue says. The answers are what was there.
    fn post(
        &self,
        records: &[Record],
        answers: &mut [Option<RecordData>],
        queue: &mut Queue,
    ) -> Result<(), StoreError>;

    /// Looks each record's name up.
    fn query(
        &self,
        records: &[Record],
        answers: &mut [Option<RecordData>],
    ) -> Result<(), StoreError>;

    /// Makes everything durable and closes it.
    fn close(self) -> Result<(), StoreError>;

    /// Leaves it as a kill of the process would, as nearly as it can be had within the process.
    fn abandon(self) -> Result<(), StoreError>;
}

/// Makes a store of one kind.
#[derive(Debug)]
pub(crate) struct KeyValueMaker<S> {
    setting: Setting,
    queue: Arc<Mutex<Queue>>,
    store: std::marker::PhantomData<fn() -> S>,
}

impl<S> KeyValueMaker<S> {
    pub(crate) fn new(setting: Setting) -> Self {
        let queue = Arc::new(Mutex::new(Queue::new(setting.records)));
        Self { setting, queue, store: std::marker::PhantomData }
    }

    fn folder(&self) -> &Path {
        &self.setting.folder
    }
}

impl<S: KeyValue> Maker for KeyValueMaker<S> {
    type Error = StoreError;
    type Subject = KeyValueSubject<S>;

    fn create(&self) -> Result<Self::Subject, StoreError> {
        Ok(KeyValueSubject { store: S::open(&self.setting)?, queue: Arc::clone(&self.queue) })
    }

    fn open(&self, _ending: Ending) -> Result<Self::Subject, StoreError> {
        self.create()
    }

    fn abandon(&self, subject: Self::Subject) -> Result<(), StoreError> {
        subject.store.abandon()
    }

    fn bytes_on_storage(&self) -> u64 {
        folder::bytes(self.folder())
    }
}

/// A store, and what of its content is the oldest.
#[derive(Debug)]
pub(crate) struct KeyValueSubject<S> {
    store: S,
    queue: Arc<Mutex<Queue>>,
}

/// Requests and their answers.
#[derive(Debug)]
pub(crate) struct Requests {
    operation: Operation,
    records: Vec<Record>,
    answers: Vec<Option<RecordData>>,
}

impl<S> KeyValueSubject<S> {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A caller that panicked ends the run anyway.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: KeyValue> Subject for KeyValueSubject<S> {
    type Batch = Requests;
    type Error = StoreError;

    fn batch(&self) -> Requests {
        Requests { operation: Operation::Query, records: Vec::new(), answers: Vec::new() }
    }

    fn fill(&self, batch: &mut Requests, operation: Operation, records: &[Record]) {
        batch.operation = operation;
        batch.records.clear();
        batch.records.extend_from_slice(records);
        batch.answers.clear();
        batch.answers.resize(records.len(), None);
    }

    fn run(&self, batch: &mut Requests) -> Result<(), StoreError> {
        let Requests { operation, records, answers } = batch;
        match operation {
            Operation::Post => self.store.post(records, answers, &mut self.queue()),
            Operation::Query => self.store.query(records, answers),
        }
    }

    fn found(&self, batch: &Requests, records: &[Record]) -> Result<u64, StoreError> {
        let mut found = 0;
        for (answer, record) in batch.answers.iter().zip(records) {
            let Some(data) = answer else { continue };
            if *data != record.data {
                let wrong = WrongData { found: *data, wanted: record.data };
                return Err(StoreError::of(S::NAME, "answer a request")(wrong));
            }
            found += 1;
        }
        Ok(found)
    }

    fn window(&self) -> Window {
        let queue = self.queue();
        let (oldest, end) = (queue.oldest(), queue.end());
        Window { oldest, end, recent: RECENT.min((end - oldest) / 4) }
    }

    fn close(self) -> Result<(), StoreError> {
        self.store.close()
    }
}

/// A store gave what was stored for another name.
#[derive(Debug, thiserror::Error)]
#[error("it gave {found:?}, where {wanted:?} was stored")]
struct WrongData {
    found: RecordData,
    wanted: RecordData,
}
