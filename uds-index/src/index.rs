//! The index as a program holds it: shared by threads, with batches in flight.
//!
//! # Invariants
//!
//! 1. Requests for one name are carried out in the order in which they were handed over, whatever
//!    batches and calls they come in: they pass the same zone's port, first in, first out.
//! 2. A bounded number of requests is in flight, or one larger batch: who hands over more waits.
//!    (Only a completion's own calls do not wait: they could wait for themselves.)
//! 3. A blocking call does its work itself, as far as nobody else has the zones that it needs.
//!    That changes no answer.

use std::fmt;

use uds_geometry::{Configuration, Geometry, Nonce, RecordData, RecordName};
use uds_volume::Storage;

use crate::census::{Census, SurveyControl};
use crate::engine::{Engine, Manning, Threads};
use crate::flight::{Ending, Ticket};
use crate::gate::Pass;
use crate::layout::{Expected, Layout};
use crate::recovery::{RecoveryControl, RecoveryReport};
use crate::request::{Answer, Batch, Operation};
use crate::statistics::Statistics;
use crate::switch::Switch;
use crate::sync::Arc;
use crate::{CreateOptions, Explanation, IndexError, OpenOptions, SuspendMode};

/// A deduplication index: a map from names to data that forgets its oldest records.
///
/// All methods take `&self`; share an index among threads by reference or in an [`Arc`].
///
/// An index that is dropped without [`close`](Self::close) is not saved. If no chapter was filled
/// since the last save, it is as it was at that save when it is opened again; otherwise it has to
/// be recovered from its volume, and lacks the records of its open chapter.
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
    threads: Threads,
    configuration: Configuration,
    nonce: Nonce,
    geometry: Arc<Geometry>,
    recovery: Option<RecoveryReport>,
}

impl Index {
    /// Creates an index on `storage`, over whatever is there, and opens it.
    ///
    /// What the storage holds beside the index's own blocks is left alone. The volume is not
    /// written: a new index costs a few blocks.
    ///
    /// # Errors
    ///
    /// [`IndexError::TooSmall`] and [`IndexError::OutOfMemory`] before anything is written, and
    /// whatever the storage gives.
    pub fn create(
        storage: Arc<dyn Storage>,
        configuration: &Configuration,
        options: &CreateOptions,
    ) -> Result<Self, IndexError> {
        let storage = Arc::new(Switch::new(storage));
        let layout = Layout::plan(storage.clone(), configuration, options)?;
        // All that can fail without the storage comes before the first write.
        let (zones, read_threads) = (options.zones, options.read_threads);
        let manning = Manning { zones, read_threads, storage };
        let nonce = layout.client_nonce();
        let threads = Engine::create(layout, manning)?;
        let index = Self::new(configuration.clone(), nonce, threads, None);
        index.threads.engine().format()?;
        Ok(index)
    }

    /// Opens the index on `storage`. One that was not closed cleanly is recovered first, unless
    /// the options say otherwise, which takes some seconds for each ten gigabytes.
    ///
    /// Nothing is written before the first chapter is full.
    ///
    /// # Errors
    ///
    /// [`IndexError::NotSavedCleanly`] where the index would have to be recovered and must not be;
    /// [`IndexError::kind`] tells the others apart. The storage is unchanged after each of them.
    pub fn open(storage: Arc<dyn Storage>, options: &OpenOptions) -> Result<Self, IndexError> {
        Self::open_controlled(storage, options, &RecoveryControl::new())
    }

    /// Opens the index as [`open`](Self::open) does. Other threads can watch, suspend or abandon
    /// its recovery by clones of `control`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`IndexError::Abandoned`].
    pub fn open_controlled(
        storage: Arc<dyn Storage>,
        options: &OpenOptions,
        control: &RecoveryControl,
    ) -> Result<Self, IndexError> {
        let expected =
            Expected { configuration: options.configuration.clone(), nonce: options.nonce };
        let storage = Arc::new(Switch::new(storage));
        let layout = Layout::load(storage.clone(), options.offset_blocks, &expected)?;
        let (zones, read_threads) = (options.zones, options.read_threads);
        let manning = Manning { zones, read_threads, storage };
        let (configuration, nonce) = (layout.configuration().clone(), layout.client_nonce());
        let (threads, recovery) = Engine::load(layout, manning, options.mode, control)?;
        Ok(Self::new(configuration, nonce, threads, recovery))
    }

    fn new(
        configuration: Configuration,
        nonce: Nonce,
        threads: Threads,
        recovery: Option<RecoveryReport>,
    ) -> Self {
        let geometry = Arc::clone(threads.engine().geometry());
        Self { threads, configuration, nonce, geometry, recovery }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.threads.engine()
    }

    /// What was recovered when the index was opened, if it was not closed cleanly before.
    #[must_use]
    pub fn recovery(&self) -> Option<&RecoveryReport> {
        self.recovery.as_ref()
    }

    /// Carries out all requests of a batch, in order, and returns when each has its answer.
    ///
    /// # Errors
    ///
    /// [`IndexError::RequestsFailed`] where requests have no answer; each says why, and the
    /// others have theirs. A failed look-up leaves the index usable;
    /// [`IndexError::Poisoned`] says that it takes no more changes. With
    /// [`IndexError::Suspended`] and [`IndexError::Closed`] the batch is as it was.
    pub fn run(&self, batch: &mut Batch) -> Result<(), IndexError> {
        let pass = self.admit(batch)?;
        let taken = std::mem::take(batch);
        *batch = self.threads.engine().launch(taken, Ending::Owner, pass, true).wait();
        batch.first_failure().map_or(Ok(()), Err)
    }

    /// Hands over a batch, and returns before it is carried out. Waits while too many
    /// requests are under way.
    ///
    /// # Errors
    ///
    /// [`IndexError::Suspended`] while the index is [suspended](Self::suspend), and
    /// [`IndexError::Closed`] after [`shut_down`](Self::shut_down), or where a completion calls
    /// this while the index is being dropped. The batch is dropped then.
    pub fn submit(&self, batch: Batch) -> Result<Ticket, IndexError> {
        let pass = self.admit(&batch)?;
        Ok(Ticket::new(self.threads.engine().launch(batch, Ending::Owner, pass, false)))
    }

    /// Hands over a batch as [`submit`](Self::submit) does, and calls `completion` with it when
    /// all its requests have been carried out.
    ///
    /// The call comes from a thread of the index that does nothing else, one call at a time, in the
    /// order in which the batches were done, which need not be that of handing over. It may submit
    /// and run batches, which never waits for room. As long as calls have not returned, their
    /// requests count as being in flight. A panic in one is caught and reported as an event.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit). `completion` is not called then.
    pub fn submit_with(
        &self,
        batch: Batch,
        completion: impl FnOnce(Batch) + Send + 'static,
    ) -> Result<(), IndexError> {
        let pass = self.admit(&batch)?;
        let ending = Ending::Call(Box::new(completion));
        self.threads.engine().launch(batch, ending, pass, false);
        Ok(())
    }

    /// Lets a batch in, as soon as there is room.
    fn admit(&self, batch: &Batch) -> Result<Pass, IndexError> {
        self.threads.engine().admit(batch.len(), self.threads.caller())
    }

    fn run_one(
        &self,
        operation: Operation,
        name: RecordName,
        data: RecordData,
    ) -> Result<Answer, IndexError> {
        let mut batch = Batch::new();
        batch.push(operation, name, data);
        let outcome = self.run(&mut batch);
        if !batch.is_answered() {
            outcome?;
        } else {
            // It shares the failure with the answer, which is to have it alone.
            drop(outcome);
        }
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

    /// Looks a name up as [`query_no_update`](Self::query_no_update) does, and tells each step:
    /// which list and which entry of the volume index, which chapter, which pages, what was found
    /// there, and where the trail ends. Changes nothing, caches nothing and counts nothing.
    ///
    /// Waits until the batches handed over before have been carried out. An open chapter that is
    /// full is still open here; the next request closes it.
    ///
    /// # Errors
    ///
    /// [`IndexError::Suspended`], [`IndexError::Closed`] and want of memory. What is wrong with
    /// the index or its storage is part of the explanation: see
    /// [`Outcome::Failed`](crate::Outcome::Failed).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use uds_geometry::{Configuration, LayoutSizes, RecordData, RecordName};
    /// use uds_index::{ChapterState, CreateOptions, EntryMatch, Index};
    /// # use uds_volume::MemoryStorage;
    /// # let configuration = Configuration::tiny(false);
    /// # let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    /// # let storage = Arc::new(MemoryStorage::new(bytes));
    /// # let index = Index::create(storage.clone(), &configuration, &CreateOptions::default())?;
    /// let name = RecordName::of_block(b"the block's bytes");
    /// index.post(name, RecordData::new([7; 16]))?;
    /// let explanation = index.explain(&name)?;
    /// assert_eq!(explanation.entry.matched, EntryMatch::Key);
    /// let chapter = explanation.chapter.as_ref().expect("there is an entry");
    /// assert_eq!(chapter.state, ChapterState::Open);
    /// assert!(explanation.answer().is_ok_and(|answer| answer.is_found()));
    /// # Ok::<(), uds_index::IndexError>(())
    /// ```
    pub fn explain(&self, name: &RecordName) -> Result<Explanation, IndexError> {
        self.threads.engine().explain(name, self.threads.caller())
    }

    /// Waits until every batch handed over before has been carried out and every chapter that
    /// they filled is durable. The open chapter stays in memory: only [`save`](Self::save) and
    /// [`close`](Self::close) keep it.
    ///
    /// # Errors
    ///
    /// [`IndexError::Poisoned`] where a write failed.
    pub fn flush(&self) -> Result<(), IndexError> {
        self.threads.engine().flush(self.threads.caller())
    }

    /// Flushes, and saves the state of the index, so that it could be opened again as it is now.
    /// The index stays open; the save stands until the next chapter is full.
    ///
    /// # Errors
    ///
    /// [`IndexError::Poisoned`] where a write failed, now or earlier, [`IndexError::Suspended`] and
    /// [`IndexError::Closed`].
    pub fn save(&self) -> Result<(), IndexError> {
        self.threads.engine().save(self.threads.caller())
    }

    /// Saves the index and closes it. Does not write where nothing has changed.
    ///
    /// # Errors
    ///
    /// As [`save`](Self::save). The index is closed all the same; it has to be rebuilt if chapters
    /// were written since it was opened. One that is suspended is not saved:
    /// [resume](Self::resume) it before.
    pub fn close(self) -> Result<(), IndexError> {
        self.shut_down()
    }

    /// Saves the index, and takes no more requests: what [`close`](Self::close) does, for an index
    /// that several threads share. Memory and storage are given back when the index is dropped.
    ///
    /// Requests in flight are carried out; those that come later, also in other threads, are
    /// answered with [`IndexError::Closed`].
    ///
    /// # Errors
    ///
    /// As [`save`](Self::save): with [`IndexError::Suspended`] nothing has happened, with all
    /// others the index is shut down all the same. [`IndexError::Closed`] where it was before.
    pub fn shut_down(&self) -> Result<(), IndexError> {
        self.threads.engine().shut_down(self.threads.caller())
    }

    /// Takes no more requests until [`resume`](Self::resume), and keeps off the storage: it can be
    /// copied, or replaced.
    ///
    /// Requests in flight are carried out, and the chapters that they filled are written. Those
    /// that come later, or wait for room, are answered with [`IndexError::Suspended`]. An index
    /// that is suspended already stays so, and is not saved again.
    ///
    /// # Errors
    ///
    /// [`IndexError::Poisoned`] where a write failed, now or earlier: the index is suspended all
    /// the same. [`IndexError::Suspended`] where another thread suspends or resumes it just now,
    /// and [`IndexError::Closed`].
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use uds_geometry::{Configuration, LayoutSizes, RecordData, RecordName};
    /// use uds_index::{CreateOptions, Index, SuspendMode};
    /// # use uds_volume::MemoryStorage;
    /// # let configuration = Configuration::tiny(false);
    /// # let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    /// # let storage = Arc::new(MemoryStorage::new(bytes));
    /// # let index = Index::create(storage.clone(), &configuration, &CreateOptions::default())?;
    /// let name = RecordName::of_block(b"the block's bytes");
    /// index.post(name, RecordData::new([7; 16]))?;
    /// index.suspend(SuspendMode::Save)?;
    /// let copy = Arc::new(MemoryStorage::from_bytes(&storage.to_vec()));
    /// index.resume_on(copy)?;
    /// assert!(index.query(name)?.is_found());
    /// # Ok::<(), uds_index::IndexError>(())
    /// ```
    pub fn suspend(&self, mode: SuspendMode) -> Result<(), IndexError> {
        self.threads.engine().suspend(mode, self.threads.caller())
    }

    /// Takes requests again. Does nothing where the index is not suspended.
    ///
    /// # Errors
    ///
    /// [`IndexError::Suspended`] where another thread suspends or resumes it just now, and
    /// [`IndexError::Closed`].
    pub fn resume(&self) -> Result<(), IndexError> {
        self.threads.engine().resume(self.threads.caller())
    }

    /// Takes requests again, and works on `storage` from now on: a copy, at the same offset, of
    /// what the index is on, made while it was suspended. The old storage is let go of as it is.
    ///
    /// # Errors
    ///
    /// As [`resume`](Self::resume), and [`IndexError::NotSuspended`]. Where `storage` cannot be
    /// read, or has not this very index with all chapters that were written, the index stays
    /// suspended, on the storage that it was on.
    pub fn resume_on(&self, storage: Arc<dyn Storage>) -> Result<(), IndexError> {
        self.threads.engine().resume_on(storage, self.threads.caller())
    }

    /// Whether the index is suspended, or about to be.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.threads.engine().is_suspended()
    }

    /// What the index has done since it was opened, and what it holds. At any time.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.threads.engine().statistics()
    }

    /// Counts the entries of the volume index, and how full its delta lists are. At any time:
    /// requests go on meanwhile, and wait for a millisecond now and then. Where they change the
    /// index, each list is counted as it is when its turn comes. Ten million records take some
    /// tenths of a second.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use uds_geometry::{Configuration, LayoutSizes, RecordData, RecordName};
    /// use uds_index::{CreateOptions, Index, SurveyControl};
    /// # use uds_volume::MemoryStorage;
    /// # let configuration = Configuration::tiny(false);
    /// # let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    /// # let storage = Arc::new(MemoryStorage::new(bytes));
    /// # let index = Index::create(storage, &configuration, &CreateOptions::default())?;
    /// index.post(RecordName::of_block(b"the block's bytes"), RecordData::new([7; 16]))?;
    /// let census = index.census(&SurveyControl::new())?;
    /// assert!(census.by_chapter().eq([1]));
    /// # Ok::<(), uds_index::IndexError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`IndexError::Abandoned`] where another thread has ended it through `control`.
    pub fn census(&self, control: &SurveyControl) -> Result<Census, IndexError> {
        self.threads.engine().census(control)
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
