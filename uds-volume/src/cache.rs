//! The page cache: the volume's pages in memory, and those to be read (specification, sections 7.3
//! to 7.6).
//!
//! | state of a page | its index entry | its slot |
//! |---|---|---|
//! | absent | absent | none |
//! | queued | its position in the read queue | none |
//! | being loaded | as before | pending, without buffer; a [`Loading`] has that |
//! | cached | slot | not pending, with the page's buffer |
//!
//! Zones look at cached pages without a lock, by the protocol of [`table`]. Everything else is
//! done under one mutex, which nobody holds while a page is read.
//!
//! # Invariants
//!
//! 1. A page has at most one slot.
//! 2. A slot that is pending is no victim, and belongs to just one `Loading`.
//! 3. A `Loading` that ends without being published, by an error or a panic, leaves its slot
//!    free.
//! 4. What was loaded for a page that was forgotten meanwhile is not cached.
//! 5. Who waits for the mutex has no pin: who evicts waits for pins while holding it.
//!
//! # The clock
//!
//! Touching a page sets its stamp to the clock, which goes on by one, unless the page was the last
//! to be touched. Zone 0's hits do that. The other zones would fight for the clock's cache line, so
//! their hits only bring a page up to the present that has aged by an eighth of the cache. (In the
//! reference they do nothing, and pages that only other zones use age as if idle: trap 51.)

pub(crate) mod table;

use std::ops::Range;

use uds_delta_index::IndexPageHeader;
use uds_geometry::{Geometry, PhysicalPage, ZoneId};

use self::table::{Custody, Entry, Page, PageTable, Pin, Pinned};
use crate::read_queue::{ReadQueue, Reserved};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{
    Arc, Condvar, Mutant, Mutex, MutexGuard, is_model_failing, is_mutated, lock, wait,
};

/// The cache of a volume's pages, and the queue of those that `W` wait for.
pub(crate) struct PageCache<W> {
    page_bytes: usize,
    table: Arc<PageTable>,
    /// Moves with every touch. Written by whoever touches (relaxed): lost steps do no harm.
    clock: AtomicU64,
    /// For each slot the clock at its latest touch; 0 for a slot without page. As `clock`.
    stamps: Box<[AtomicU64]>,
    state: Mutex<State<W>>,
    /// Signalled when a page is queued, or the readers are to end; for the readers.
    work: Condvar,
    /// Signalled when a slot stops being pending, or the queue has room again.
    change: Condvar,
}

struct State<W> {
    custody: Custody,
    pending: Box<[bool]>,
    queue: ReadQueue<W>,
    readers: Readers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    None,
    Working,
    Stopping,
}

/// A page that is being brought into the cache by this thread.
pub(crate) struct Loading<'a, W> {
    cache: &'a PageCache<W>,
    number: PhysicalPage,
    slot: usize,
    /// `None` once it was published.
    page: Option<Page>,
}

/// What the cache has of a page.
pub(crate) enum Access<'a, W, T> {
    /// What the search in the page gave.
    Found(T),
    /// Nothing: the caller is to load it.
    Missing(Loading<'a, W>),
}

/// What became of a request for a page.
pub(crate) enum Asked<'a> {
    /// The page is there after all.
    Cached(Pinned<'a>),
    /// It will be read.
    Queued,
    /// There are no readers, or no more.
    NoReaders,
}

/// A page of the queue, in the hands of a reader.
pub(crate) struct Job<'a, W> {
    pub(crate) loading: Loading<'a, W>,
    reserved: Option<Reserved>,
}

/// What a reader is to do next.
pub(crate) enum Turn<'a, W> {
    /// Read a page.
    Read(Job<'a, W>),
    /// Hand these back, to be run again.
    HandBack(Vec<W>),
    /// End.
    End,
}

impl<W> PageCache<W> {
    /// An empty cache of the size that the geometry asks for.
    ///
    /// All buffers come from the thread that makes the cache, and are not touched before their
    /// first use. Were each allocated by the thread that first needs it, allocators with an arena
    /// a thread would keep those of a closed index in the arenas of dead threads.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let slots = geometry.cache_slots() as usize;
        let page_bytes = geometry.bytes_per_page() as usize;
        Self::with_slots(geometry.pages_per_volume() as usize + 1, slots, page_bytes)
    }

    fn with_slots(pages: usize, slots: usize, page_bytes: usize) -> Self {
        let buffers =
            (0..slots).map(|_| Page { bytes: Vec::with_capacity(page_bytes), header: None });
        let (table, custody) = PageTable::new(pages, buffers);
        let state = State {
            custody,
            pending: vec![false; slots].into(),
            queue: ReadQueue::new(),
            readers: Readers::None,
        };
        Self {
            page_bytes,
            table: Arc::new(table),
            clock: AtomicU64::new(1),
            stamps: (0..slots).map(|_| AtomicU64::new(0)).collect(),
            state: Mutex::new(state),
            work: Condvar::new(),
            change: Condvar::new(),
        }
    }

    /// Bytes of memory set aside for pages and the index of them.
    pub(crate) fn memory_bytes(&self) -> usize {
        let slot = self.page_bytes + size_of::<Page>() + size_of::<u64>();
        self.table.page_count() * size_of::<u16>() + self.stamps.len() * slot
    }

    /// The pin of a zone, unless somebody has it.
    pub(crate) fn claim_pin(&self, zone: ZoneId) -> Option<Pin> {
        self.table.claim(zone)
    }

    /// Pins a page, if it is cached. For zones.
    pub(crate) fn pin<'a>(&self, pin: &'a mut Pin, page: PhysicalPage) -> Option<Pinned<'a>> {
        let touches = pin.is_of_first_zone();
        let pinned = pin.pin(page)?;
        if touches {
            self.touch(pinned.slot());
        } else {
            self.freshen(pinned.slot());
        }
        Some(pinned)
    }

    /// Searches a page under the mutex, if it is cached; otherwise it is the caller's task to load
    /// it, whoever else may be doing so. For threads without a pin.
    pub(crate) fn access<T>(
        &self,
        page: PhysicalPage,
        search: impl FnOnce(&Page) -> T,
    ) -> Access<'_, W, T> {
        let mut state = lock(&self.state);
        loop {
            if let Entry::Cached(slot) = self.table.entry(page) {
                self.touch(slot);
                return Access::Found(self.table.look(&mut state.custody, slot, search));
            }
            if let Some(loading) = self.begin(&mut state, page) {
                return Access::Missing(loading);
            }
            state = wait(&self.change, state);
        }
    }

    /// Looks at a page under the mutex, if it is cached. Does not count as a use of it.
    pub(crate) fn peek<T>(&self, page: PhysicalPage, look: impl FnOnce(&Page) -> T) -> Option<T> {
        let mut state = lock(&self.state);
        match self.table.entry(page) {
            Entry::Cached(slot) => Some(self.table.look(&mut state.custody, slot, look)),
            _ => None,
        }
    }

    /// A slot for new content of `page`, for a caller that has it. What the cache had is forgotten.
    pub(crate) fn replace(&self, page: PhysicalPage) -> Loading<'_, W> {
        let mut state = lock(&self.state);
        loop {
            self.forget_page(&mut state, page);
            if let Some(loading) = self.begin(&mut state, page) {
                return loading;
            }
            state = wait(&self.change, state);
        }
    }

    /// Forgets the pages of a range. What is being loaded for them will not be cached, as long as
    /// who publishes it is told so (see [`Loading::publish_if`]).
    pub(crate) fn forget(&self, pages: Range<PhysicalPage>) {
        let mut state = lock(&self.state);
        for page in pages.start.get()..pages.end.get() {
            self.forget_page(&mut state, PhysicalPage::new(page));
        }
    }

    fn forget_page(&self, state: &mut State<W>, page: PhysicalPage) {
        match self.table.entry(page) {
            Entry::Cached(slot) => {
                let buffer = self.table.retire(&mut state.custody, slot);
                self.table.keep(&mut state.custody, slot, buffer);
                self.stamps[slot].store(0, Ordering::Relaxed);
            }
            Entry::Queued(position) => {
                self.table.set_queued(&mut state.custody, page, None);
                if !is_mutated(Mutant::ForgetOnlyIndex) {
                    state.queue.at(position).is_invalid = true;
                }
            }
            Entry::Absent => {}
        }
    }

    /// Takes a slot for a page. `None` where all slots are pending already.
    fn begin(&self, state: &mut State<W>, number: PhysicalPage) -> Option<Loading<'_, W>> {
        let slot = self.victim(state)?;
        let page = self.table.retire(&mut state.custody, slot);
        self.stamps[slot].store(0, Ordering::Relaxed);
        state.pending[slot] = true;
        Some(Loading { cache: self, number, slot, page: Some(page) })
    }

    /// The slot that was not used for longest; of several the one with the highest number. Never
    /// one that is pending (trap 46).
    fn victim(&self, state: &State<W>) -> Option<usize> {
        let slots = self.stamps.iter().zip(&state.pending).enumerate().rev();
        let free = slots.filter(|(_, (_, is_pending))| !**is_pending);
        free.min_by_key(|(_, (stamp, _))| stamp.load(Ordering::Relaxed)).map(|(slot, _)| slot)
    }

    fn touch(&self, slot: usize) {
        let now = self.clock.load(Ordering::Relaxed);
        let stamp = &self.stamps[slot];
        if stamp.load(Ordering::Relaxed) != now {
            self.clock.store(now + 1, Ordering::Relaxed);
            stamp.store(now + 1, Ordering::Relaxed);
        }
    }

    /// Brings a page that is used, but has aged, up to the present.
    fn freshen(&self, slot: usize) {
        let now = self.clock.load(Ordering::Relaxed);
        let stamp = &self.stamps[slot];
        if now.saturating_sub(stamp.load(Ordering::Relaxed)) > self.stamps.len() as u64 / 8 {
            stamp.store(now, Ordering::Relaxed);
        }
    }

    /// Queues a page to be read for `waiter`, if it is not there. Waits while the queue is full.
    /// The caller has no pin, which is why it lends it.
    pub(crate) fn ask<'a>(&self, pin: &'a mut Pin, page: PhysicalPage, waiter: W) -> Asked<'a> {
        let mut state = lock(&self.state);
        loop {
            match self.table.entry(page) {
                Entry::Cached(_) => {
                    // Pinned before the mutex is unlocked, so that it stays.
                    let pinned = pin.pin(page).expect("pages leave the index under the mutex");
                    return Asked::Cached(pinned);
                }
                _ if state.readers != Readers::Working => return Asked::NoReaders,
                Entry::Queued(position) => {
                    state.queue.at(position).waiters.push(waiter);
                    return Asked::Queued;
                }
                Entry::Absent if state.queue.is_full() => state = wait(&self.change, state),
                Entry::Absent => {
                    let position = state.queue.push(page, waiter);
                    self.table.set_queued(&mut state.custody, page, Some(position));
                    if !is_mutated(Mutant::EnqueueWakesNobody) {
                        self.work.notify_one();
                    }
                    return Asked::Queued;
                }
            }
        }
    }

    /// Something of the first of those who wait for a job's page. `None` where nobody does.
    pub(crate) fn first_waiter<T>(
        &self,
        job: &mut Job<'_, W>,
        part: impl FnOnce(&W) -> T,
    ) -> Option<T> {
        let mut state = lock(&self.state);
        state.queue.entry(job.reserved.as_ref()?).waiters.first().map(part)
    }

    /// Lets pages be queued. Says whether they could not be before.
    pub(crate) fn open_queue(&self) -> bool {
        let mut state = lock(&self.state);
        let is_closed = state.readers == Readers::None;
        if is_closed {
            state.readers = Readers::Working;
        }
        is_closed
    }

    /// Lets the readers end when they have read what is queued. Nothing more can be queued.
    pub(crate) fn stop_readers(&self) {
        lock(&self.state).readers = Readers::Stopping;
        if !is_mutated(Mutant::StopWakesNobody) {
            self.work.notify_all();
        }
        // Whoever waits for room in the queue must not wait any longer.
        self.change.notify_all();
    }

    /// Says that the readers have ended.
    pub(crate) fn close_queue(&self) {
        lock(&self.state).readers = Readers::None;
    }

    /// What a reader is to do next; waits for something.
    pub(crate) fn next_turn(&self) -> Turn<'_, W> {
        let mut state = lock(&self.state);
        loop {
            let Some(reserved) = state.queue.take() else {
                if state.readers == Readers::Stopping {
                    return Turn::End;
                }
                state = wait(&self.work, state);
                continue;
            };
            let position = reserved.position();
            let entry = state.queue.entry(&reserved);
            let number = entry.page;
            // A thread without a pin may have read the page meanwhile.
            let is_wanted =
                !entry.is_invalid && self.table.entry(number) == Entry::Queued(position);
            if !is_wanted {
                return Turn::HandBack(self.end_entry(&mut state, reserved));
            }
            loop {
                if let Some(loading) = self.begin(&mut state, number) {
                    return Turn::Read(Job { loading, reserved: Some(reserved) });
                }
                state = wait(&self.change, state);
            }
        }
    }

    /// Ends an entry of the queue. Its page is no longer queued.
    fn end_entry(&self, state: &mut State<W>, reserved: Reserved) -> Vec<W> {
        let position = reserved.position();
        let page = state.queue.entry(&reserved).page;
        if self.table.entry(page) == Entry::Queued(position) {
            self.table.set_queued(&mut state.custody, page, None);
        }
        let waiters = state.queue.finish(reserved);
        self.change.notify_all();
        waiters
    }
}

impl<W> Loading<'_, W> {
    /// The bytes of the page, for the caller to fill. What they hold before is unspecified.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let page_bytes = self.cache.page_bytes;
        let page = self.page_mut();
        page.bytes.resize(page_bytes, 0);
        &mut page.bytes
    }

    /// Says what is known of the page besides its bytes.
    pub(crate) fn set_header(&mut self, header: Option<IndexPageHeader>) {
        self.page_mut().header = header;
    }

    fn page_mut(&mut self) -> &mut Page {
        self.page.as_mut().expect("a loading that was published is gone")
    }

    /// The page as it will be published.
    pub(crate) fn page(&self) -> &Page {
        self.page.as_ref().expect("a loading that was published is gone")
    }

    /// Puts the page into the cache if `is_valid`, which is asked under the mutex, and unless
    /// somebody else was faster.
    pub(crate) fn publish_if(mut self, is_valid: impl FnOnce() -> bool) {
        let cache = self.cache;
        let mut state = lock(&cache.state);
        if is_valid() {
            self.publish(&mut state);
        }
        // The end of `self` takes the mutex.
        drop(state);
    }

    fn publish(&mut self, state: &mut State<W>) {
        let cache = self.cache;
        if matches!(cache.table.entry(self.number), Entry::Cached(_)) {
            return;
        }
        if let Some(page) = self.page.take() {
            cache.table.publish(&mut state.custody, self.slot, self.number, page);
            cache.touch(self.slot);
            state.pending[self.slot] = false;
        }
    }
}

impl<W> Drop for Loading<'_, W> {
    /// Ends the load: what was not published leaves its slot free (invariant 3).
    fn drop(&mut self) {
        if is_model_failing() {
            return;
        }
        if let Some(page) = self.page.take() {
            let mut state = lock(&self.cache.state);
            self.cache.table.keep(&mut state.custody, self.slot, page);
            state.pending[self.slot] = false;
        }
        self.cache.change.notify_all();
    }
}

impl<W> Job<'_, W> {
    /// Those that wait for the page, to be served from the reader's own buffer. `None`
    /// when there are none left: the page was then published if `is_valid`, and the job is over.
    ///
    /// Whoever comes later finds the page in the cache. Nobody can be starved by eviction.
    pub(crate) fn next_waiters(&mut self, is_valid: impl FnOnce() -> bool) -> Option<Vec<W>> {
        let cache = self.loading.cache;
        let mut state = lock(&cache.state);
        let reserved = self.reserved.as_ref()?;
        let entry = state.queue.entry(reserved);
        let is_invalid = entry.is_invalid && !is_mutated(Mutant::PublishForgotten);
        let waiters = std::mem::take(&mut entry.waiters);
        if !waiters.is_empty() {
            return Some(waiters);
        }
        if !is_invalid && is_valid() {
            self.publish(&mut state);
        }
        self.end(&mut state);
        None
    }

    /// Whether the page was forgotten while it was read.
    pub(crate) fn is_invalid(&self) -> bool {
        let mut state = lock(&self.loading.cache.state);
        let reserved = self.reserved.as_ref();
        reserved.is_none_or(|reserved| state.queue.entry(reserved).is_invalid)
    }

    /// Gives the job up: the page could not be read, or is not wanted. Returns those that wait.
    pub(crate) fn give_up(mut self) -> Vec<W> {
        let cache = self.loading.cache;
        let mut state = lock(&cache.state);
        self.end(&mut state)
    }

    fn publish(&mut self, state: &mut State<W>) {
        self.loading.publish(state);
    }

    fn end(&mut self, state: &mut MutexGuard<'_, State<W>>) -> Vec<W> {
        let reserved = self.reserved.take();
        reserved.map_or_else(Vec::new, |reserved| self.loading.cache.end_entry(state, reserved))
    }
}

#[cfg(test)]
#[cfg(uds_loom)]
mod models;
#[cfg(test)]
#[cfg(not(uds_loom))]
mod tests;
