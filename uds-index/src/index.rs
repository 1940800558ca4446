//! The index as a program holds it: shared by threads, with batches in flight.
//!
//! # Threads
//!
//! - The engine is behind a mutex. With one zone the work is done by whoever holds it: the caller's
//!   own thread for a blocking call when nothing is queued, the worker otherwise.
//! - The worker takes submitted batches, first in, first out. It sleeps while there are none.
//! - The chapter writer belongs to the engine.
//!
//! # Invariants
//!
//! 1. Batches are carried out in the order in which they were handed over, blocking calls among
//!    them: a blocking call queues up behind batches that are waiting. (Only a completion's own
//!    calls do not wait: they could wait for themselves.)
//! 2. A bounded number of requests wait, or one larger batch: who submits more waits.
//! 3. No thread holds the queue's lock while it waits for the engine.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{JoinHandle, ThreadId};

use uds_geometry::{Configuration, Geometry, Nonce, RecordData, RecordName, ZoneCount};
use uds_volume::Storage;

use crate::IndexError;
use crate::engine::Engine;
use crate::layout::{Expected, Layout};
use crate::queue::{Caller, Completion, Queue, Ticket};
use crate::request::{Answer, Batch, Operation};
use crate::statistics::Statistics;
use crate::sync::{Arc, Mutex, MutexGuard, lock};

/// How to create an index.
///
/// The default is nonce 0, fresh nonce info, one zone, at the start of the storage.
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// A number that says to whom the index belongs. Whoever opens it can ask for it.
    pub nonce: Nonce,
    /// The unique bytes that the index's other nonces come from; `None` makes new ones.
    ///
    /// Two indexes with the same nonce info at the same offset, filled with the same requests in
    /// one zone, have the same chapters byte for byte. Never use the info of an index that was on
    /// the same storage before: its old chapters would be taken for new ones.
    pub nonce_info: Option<[u8; 32]>,
    /// The block of 4096 bytes where the index begins; what lies before it is left alone.
    pub offset_blocks: u64,
    /// Into how many zones the index is divided in memory. This changes which thread could do
    /// what, and how records are ordered within chapters; today all zones share one thread.
    pub zones: ZoneCount,
}

impl Default for CreateOptions {
    fn default() -> Self {
        Self { nonce: Nonce::default(), nonce_info: None, offset_blocks: 0, zones: ZoneCount::ONE }
    }
}

/// How to open an index.
///
/// The default takes the index at the start of the storage as it is, with one zone.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The configuration that the index must have; `None` accepts any.
    pub configuration: Option<Configuration>,
    /// The nonce that the index must have been created with; `None` accepts any.
    pub nonce: Option<Nonce>,
    /// The block of 4096 bytes where the index begins.
    pub offset_blocks: u64,
    /// Into how many zones the index is divided in memory; it can be another number than before.
    pub zones: ZoneCount,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { configuration: None, nonce: None, offset_blocks: 0, zones: ZoneCount::ONE }
    }
}

/// A deduplication index: a map from names to data that forgets its oldest records.
///
/// All methods take `&self`; share an index among threads by reference or in an [`Arc`].
///
/// An index that is dropped without [`close`](Self::close) is not saved: it can only be opened
/// again if no chapter was filled since the last save, and then is as it was at that save.
///
/// [`Arc`]: std::sync::Arc
///
/// ```
/// use std::sync::Arc;
/// use uds_geometry::{Configuration, LayoutSizes, RecordData, RecordName};
/// use uds_index::{CreateOptions, Index, OpenOptions};
/// use uds_volume::MemoryStorage;
///
/// let configuration = Configuration::tiny(false);
/// let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
/// let storage = Arc::new(MemoryStorage::new(bytes));
///
/// let index = Index::create(storage.clone(), &configuration, &CreateOptions::default())?;
/// let name = RecordName::of_block(b"the block's bytes");
/// assert!(!index.post(name, RecordData::new([7; 16]))?.is_found());
/// assert_eq!(index.query(name)?.data(), Some(RecordData::new([7; 16])));
/// index.close()?;
///
/// let index = Index::open(storage, &OpenOptions::default())?;
/// assert!(index.query(name)?.is_found());
/// # Ok::<(), uds_index::IndexError>(())
/// ```
pub struct Index {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
    worker_id: ThreadId,
    configuration: Configuration,
    nonce: Nonce,
    geometry: Arc<Geometry>,
}

#[derive(Debug)]
struct Shared {
    queue: Queue,
    engine: Mutex<Engine>,
}

impl Index {
    /// Creates an index on `storage`, over whatever is there, and opens it.
    ///
    /// What the storage holds beside the index's own blocks is left alone. The volume is not
    /// written: a new index costs a few blocks.
    ///
    /// # Errors
    ///
    /// [`IndexError::TooSmall`], [`IndexError::OutOfMemory`] and [`IndexError::Unsupported`] (for a
    /// sparse configuration) before anything is written, and whatever the storage gives.
    pub fn create(
        storage: Arc<dyn Storage>,
        configuration: &Configuration,
        options: &CreateOptions,
    ) -> Result<Self, IndexError> {
        if configuration.is_sparse() {
            return Err(IndexError::Unsupported { what: "a sparse index" });
        }
        let layout = Layout::plan(storage, configuration, options)?;
        // All that can fail without the storage comes before the first write.
        let index = Self::start(Engine::create(layout, options.zones)?)?;
        lock(&index.shared.engine).layout().format()?;
        Ok(index)
    }

    /// Opens the index on `storage`, which must have been closed cleanly.
    ///
    /// Nothing is written before the first chapter is full.
    ///
    /// # Errors
    ///
    /// [`IndexError::NotSavedCleanly`] where the index must be rebuilt first;
    /// [`IndexError::kind`] tells the others apart. The storage is unchanged after each of them.
    pub fn open(storage: Arc<dyn Storage>, options: &OpenOptions) -> Result<Self, IndexError> {
        let expected =
            Expected { configuration: options.configuration.clone(), nonce: options.nonce };
        let layout = Layout::load(storage, options.offset_blocks, &expected)?;
        Self::start(Engine::load(layout, options.zones)?)
    }

    fn start(engine: Engine) -> Result<Self, IndexError> {
        let configuration = engine.layout().configuration().clone();
        let nonce = engine.layout().client_nonce();
        let geometry = Arc::clone(engine.geometry());
        let shared = Arc::new(Shared { queue: Queue::default(), engine: Mutex::new(engine) });
        let worker = std::thread::Builder::new()
            .name("uds-worker".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.work_until_stopped()
            })
            .map_err(|source| IndexError::Thread { thread: "index", source })?;
        let worker_id = worker.thread().id();
        Ok(Self { shared, worker: Some(worker), worker_id, configuration, nonce, geometry })
    }

    /// Carries out all requests of a batch, in order, and returns when each has its answer.
    ///
    /// # Errors
    ///
    /// [`IndexError::RequestsFailed`] where requests have no answer; each says why, and the
    /// others have theirs. A failed look-up leaves the index usable;
    /// [`IndexError::Poisoned`] says that it takes no more changes.
    pub fn run(&self, batch: &mut Batch) -> Result<(), IndexError> {
        if self.shared.queue.lets_pass(self.caller()) {
            self.shared.run(batch);
        } else {
            *batch = self.submit(std::mem::take(batch))?.wait();
        }
        batch.first_failure().map_or(Ok(()), Err)
    }

    /// Hands over a batch, and returns before it is carried out. Waits while too many
    /// requests are under way.
    ///
    /// # Errors
    ///
    /// [`IndexError::Closed`] where a completion calls this while the index is being dropped.
    pub fn submit(&self, batch: Batch) -> Result<Ticket, IndexError> {
        let (ticket, completion) = Ticket::new();
        self.shared.queue.push(batch, completion, self.caller())?;
        Ok(ticket)
    }

    /// Hands over a batch as [`submit`](Self::submit) does, and calls `completion` with it when
    /// all its requests have been carried out.
    ///
    /// The call comes from a thread of the index, which does nothing else meanwhile: keep it
    /// short. It may submit and run batches; what it runs comes before the batches that wait.
    /// A panic in it is caught and reported as an event.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit). `completion` is not called then.
    pub fn submit_with(
        &self,
        batch: Batch,
        completion: impl FnOnce(Batch) + Send + 'static,
    ) -> Result<(), IndexError> {
        let completion = Completion::Call(Box::new(completion));
        self.shared.queue.push(batch, completion, self.caller())
    }

    fn caller(&self) -> Caller {
        let is_worker = std::thread::current().id() == self.worker_id;
        if is_worker { Caller::Worker } else { Caller::Other }
    }

    fn run_one(
        &self,
        operation: Operation,
        name: RecordName,
        data: RecordData,
    ) -> Result<Answer, IndexError> {
        let mut batch = Batch::new();
        batch.push(operation, name, data);
        let _ = self.run(&mut batch);
        batch.into_only_answer()
    }

    /// Looks a name up, and stores it with `data` if it is absent.
    ///
    /// # Errors
    ///
    /// Why there is no answer; nothing was stored then.
    pub fn post(&self, name: RecordName, data: RecordData) -> Result<Answer, IndexError> {
        self.run_one(Operation::Post, name, data)
    }

    /// Stores a name with `data`, whether it is there or not.
    ///
    /// # Errors
    ///
    /// Why there is no answer; nothing was stored then.
    pub fn update(&self, name: RecordName, data: RecordData) -> Result<Answer, IndexError> {
        self.run_one(Operation::Update, name, data)
    }

    /// Looks a name up. A record that is found counts as new again.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    pub fn query(&self, name: RecordName) -> Result<Answer, IndexError> {
        self.run_one(Operation::Query, name, RecordData::default())
    }

    /// Looks a name up and changes nothing.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    pub fn query_no_update(&self, name: RecordName) -> Result<Answer, IndexError> {
        self.run_one(Operation::QueryNoUpdate, name, RecordData::default())
    }

    /// Forgets a name. The answer has the data that it had.
    ///
    /// # Errors
    ///
    /// Why there is no answer; nothing was forgotten then.
    pub fn delete(&self, name: RecordName) -> Result<Answer, IndexError> {
        self.run_one(Operation::Delete, name, RecordData::default())
    }

    /// Waits until every batch handed over before has been carried out and every chapter that
    /// they filled is durable. The open chapter stays in memory: only [`save`](Self::save) and
    /// [`close`](Self::close) keep it.
    ///
    /// # Errors
    ///
    /// [`IndexError::Poisoned`] where a write failed.
    pub fn flush(&self) -> Result<(), IndexError> {
        self.drained().flush()
    }

    /// Flushes, and saves the state of the index, so that it could be opened again as it is now.
    /// The index stays open; the save stands until the next chapter is full.
    ///
    /// # Errors
    ///
    /// [`IndexError::Poisoned`] where a write failed, now or earlier.
    pub fn save(&self) -> Result<(), IndexError> {
        self.drained().save()
    }

    /// Saves the index and closes it. Does not write where nothing has changed.
    ///
    /// # Errors
    ///
    /// As [`save`](Self::save). The index is closed all the same; it has to be rebuilt if chapters
    /// were written since it was opened.
    pub fn close(self) -> Result<(), IndexError> {
        self.save()
    }

    /// The engine, once every batch handed over before has been carried out.
    fn drained(&self) -> MutexGuard<'_, Engine> {
        self.shared.queue.wait_for_those_before(self.caller());
        lock(&self.shared.engine)
    }

    /// What the index has done since it was opened, and what it holds. At any time.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        lock(&self.shared.engine).statistics()
    }

    /// The configuration of the index.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The geometry of the index.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The nonce that the index was created with.
    #[must_use]
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }
}

impl fmt::Debug for Index {
    /// What the index is. What it holds would fill gigabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("configuration", &self.configuration)
            .field("nonce", &self.nonce)
            .finish_non_exhaustive()
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.shared.queue.stop();
        // A completion that holds the last reference drops the index on the worker itself.
        if self.caller() == Caller::Other {
            if let Some(worker) = self.worker.take() {
                // The worker does not panic: it catches what requests and completions do.
                let _ = worker.join();
            }
        }
    }
}

impl Shared {
    fn run(&self, batch: &mut Batch) {
        lock(&self.engine).run(batch.requests_mut());
    }

    fn work_until_stopped(&self) {
        while let Some(mut job) = self.queue.pop() {
            // The engine remembers the panic and refuses what comes after.
            if catch_unwind(AssertUnwindSafe(|| self.run(&mut job.batch))).is_err() {
                job.batch.fail_unanswered();
            }
            job.complete();
        }
    }
}
