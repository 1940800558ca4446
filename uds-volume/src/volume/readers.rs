//! The threads that read pages for the zones (specification, section 7.4).
//!
//! A reader takes a page from the queue and reads it, whole, into a buffer of the cache that is
//! its own until the page is published. It looks up the names of all who wait for the page, before
//! the page can be evicted again, and hands them back.
//!
//! | what happens | what those who wait get |
//! |---|---|
//! | the page is read | what it says about their names |
//! | the storage fails, or the page is damaged | the error, all the same one |
//! | the search for one name fails | the error, that one alone |
//! | the page was forgotten before or while it was read | nothing: they are to look again |
//! | another thread has read the page meanwhile | the same |
//!
//! # Invariants
//!
//! 1. Each request that was queued is handed back once, also while the readers end.
//! 2. Requests are handed back with no lock held.
//! 3. A failed read takes nothing with it but its page's requests.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use uds_geometry::{ChapterPage, RecordData, RecordName, RecordPageNumber, VirtualChapter, ZoneId};

use super::Volume;
use super::look_up::Held;
use super::searcher::Searcher;
use crate::cache::{Job, Turn};
use crate::error::VolumeError;
use crate::record_page::search_record_page;
use crate::sync::Arc;

/// The most threads that read for one volume.
const MAX_THREADS: usize = 16;

/// How finished reads get back to whoever asked.
pub trait ReadCompletion: fmt::Debug + Send + Sync {
    /// Takes the requests that waited for one page. Called by a reader thread that holds no lock;
    /// while it is here it reads nothing. What is left in `reads` is dropped.
    fn finished(&self, reads: &mut Vec<FinishedRead>);
}

/// A request whose page was read, or could not be.
#[derive(Debug)]
pub struct FinishedRead {
    /// The zone whose searcher asked.
    pub zone: ZoneId,
    /// What it gave to know the request by.
    pub token: u64,
    /// The chapter that it asked about.
    pub chapter: VirtualChapter,
    /// What the page said, or what is wrong with it.
    pub outcome: Result<Progress, Arc<VolumeError>>,
}

/// What a page said about a name: facts about one chapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// By the chapter's index, the name may be on this record page.
    RecordPage(RecordPageNumber),
    /// The chapter has the name, with this data.
    Found(RecordData),
    /// The chapter does not have the name.
    Absent,
    /// Nothing is known: the read was dropped. Look again.
    Again,
}

/// A request that waits for a page.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(super) zone: ZoneId,
    pub(super) token: u64,
    pub(super) held: Held,
    pub(super) page: ChapterPage,
    pub(super) name: RecordName,
}

/// The reader threads of a volume. Dropping this lets them read what is queued, and ends them.
#[derive(Debug)]
pub struct Readers {
    volume: Arc<Volume>,
    threads: Vec<JoinHandle<()>>,
}

impl Volume {
    /// Starts threads that read pages for searchers, at least one and at most 16. They sleep while
    /// nothing is queued.
    ///
    /// # Errors
    ///
    /// [`VolumeError::HasReaders`], and [`VolumeError::Thread`] where no thread can be started.
    pub fn start_readers(
        self: &Arc<Self>,
        threads: usize,
        completion: &Arc<dyn ReadCompletion>,
    ) -> Result<Readers, VolumeError> {
        if !self.cache.open_queue() {
            return Err(VolumeError::HasReaders);
        }
        // Dropped on failure, this ends the threads that were started.
        let mut readers = Readers { volume: Arc::clone(self), threads: Vec::new() };
        for number in 0..threads.clamp(1, MAX_THREADS) {
            let (volume, completion) = (Arc::clone(self), Arc::clone(completion));
            let thread = std::thread::Builder::new()
                .name(format!("uds-reader-{number}"))
                .spawn(move || volume.read_until_stopped(&*completion))
                .map_err(|source| VolumeError::Thread { thread: "page reader", source })?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    fn read_until_stopped(&self, completion: &dyn ReadCompletion) {
        let mut finished = Vec::new();
        loop {
            match self.cache.next_turn() {
                Turn::Read(job) => self.read(job, &mut finished),
                Turn::HandBack(waiters) => {
                    hand_back(waiters, &mut finished, |_| Ok(Progress::Again));
                }
                Turn::End => return,
            }
            // The completion is somebody else's code; the other requests must not suffer from it.
            let hand_over = || completion.finished(&mut finished);
            if catch_unwind(AssertUnwindSafe(hand_over)).is_err() {
                // Nothing is left to tell it to. The panic's message was printed.
                finished.clear();
            }
            finished.clear();
        }
    }

    /// Reads a page, and finds out what those who wait for it want to know.
    fn read(&self, mut job: Job<'_, Waiter>, finished: &mut Vec<FinishedRead>) {
        let Some(first) = self.cache.first_waiter(&mut job, |waiter| (waiter.held, waiter.page))
        else {
            return hand_back(job.give_up(), finished, |_| Ok(Progress::Again));
        };
        let (held, page) = first;
        if !self.is_still(held) {
            return hand_back(job.give_up(), finished, |_| Ok(Progress::Again));
        }
        let load = || self.load(held, page, &mut job.loading);
        let loaded = catch_unwind(AssertUnwindSafe(load))
            .unwrap_or_else(|_| Err(VolumeError::Panicked { place: self.place(held.slot, page) }));
        if job.is_invalid() || !self.is_still(held) {
            return hand_back(job.give_up(), finished, |_| Ok(Progress::Again));
        }
        if let Err(error) = loaded {
            let error = Arc::new(error);
            return hand_back(job.give_up(), finished, |_| Err(Arc::clone(&error)));
        }
        // Those who come while the others are served are served too.
        while let Some(waiters) = job.next_waiters(|| self.is_still(held)) {
            hand_back(waiters, finished, |waiter| self.serve(waiter, &job));
        }
    }

    /// What the page in a reader's hands says about the name of one who waits for it.
    fn serve(&self, waiter: &Waiter, job: &Job<'_, Waiter>) -> Result<Progress, Arc<VolumeError>> {
        let content = job.loading.page();
        let search = || match waiter.page {
            ChapterPage::Index(_) => self
                .search_index_page(waiter.held, waiter.page, content, &waiter.name)
                .map(|found| found.map_or(Progress::Absent, Progress::RecordPage)),
            ChapterPage::Record(_) => {
                let found = search_record_page(&content.bytes, &waiter.name);
                Ok(found.map_or(Progress::Absent, Progress::Found))
            }
        };
        // Whatever happens, those who wait are handed back.
        let place = self.place(waiter.held.slot, waiter.page);
        let panicked = |_| Err(VolumeError::Panicked { place });
        let progress = catch_unwind(AssertUnwindSafe(search)).unwrap_or_else(panicked);
        // Void, whatever it was, if the chapter has left its slot.
        if self.is_still(waiter.held) { progress.map_err(Arc::new) } else { Ok(Progress::Again) }
    }
}

/// Adds requests to those that are handed back, each with its outcome.
fn hand_back(
    waiters: Vec<Waiter>,
    finished: &mut Vec<FinishedRead>,
    mut outcome: impl FnMut(&Waiter) -> Result<Progress, Arc<VolumeError>>,
) {
    finished.extend(waiters.into_iter().map(|waiter| FinishedRead {
        zone: waiter.zone,
        token: waiter.token,
        chapter: waiter.held.chapter,
        outcome: outcome(&waiter),
    }));
}

impl Readers {
    /// The searcher of a zone.
    ///
    /// # Errors
    ///
    /// [`VolumeError::ZoneTaken`] where the zone's searcher is still there.
    pub fn searcher(&self, zone: ZoneId) -> Result<Searcher, VolumeError> {
        Searcher::new(Arc::clone(&self.volume), zone)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.volume.cache.stop_readers();
        for thread in self.threads.drain(..) {
            // Panics of the storage and of the completion are caught.
            let _ = thread.join();
        }
        self.volume.cache.close_queue();
    }
}
