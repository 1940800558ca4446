//! The page cache: the volume's pages in memory (specification, section 7.3).
//!
//! | state of a page | its index entry | its slot |
//! |---|---|---|
//! | absent | 0 | none |
//! | loading | slot + 1 | pending, without buffer; a [`Loading`] holds that |
//! | cached | slot + 1 | not pending, with the page's buffer |
//!
//! A page is searched while it is [`Pinned`]. A pin is a share of the buffer: eviction takes the
//! page out of the cache at once, and a pinned buffer lives on until its last pin is gone. The
//! slot then gets another buffer.
//!
//! # Invariants
//!
//! 1. A page has at most one slot: publishing a page that has one already cannot be written.
//! 2. A slot that is pending is no victim, and belongs to just one `Loading`.
//! 3. A `Loading` that ends without [`publish`](Loading::publish), by an error or a panic,
//!    leaves its page absent and its slot free.
//! 4. What is loaded while its page is forgotten is not cached.
//!
//! # Threads
//!
//! One mutex guards everything but the bytes of pages, which are read and filled outside it. A
//! thread waits for another's load of the same page, or for any load where all slots are
//! pending; so that loads always end, a thread with a `Loading` asks for no other page.

use std::ops::Range;

use uds_geometry::{Geometry, PhysicalPage};

use crate::sync::{Arc, Condvar, Mutex, lock, wait};

/// The cache of a volume's pages. `H` is what is known of a page besides its bytes.
pub(crate) struct PageCache<H> {
    page_bytes: usize,
    state: Mutex<State<H>>,
    /// Signalled whenever a slot stops being pending.
    load_ended: Condvar,
}

struct State<H> {
    /// For each page of the volume, the header page included: its slot + 1, or 0 if it has none.
    index: Vec<u16>,
    slots: Box<[Slot<H>]>,
    /// Moves with every touch; see `touch`.
    clock: u64,
}

struct Slot<H> {
    page: Option<PhysicalPage>,
    pending: bool,
    /// The clock at the latest touch; 0 for a slot without page.
    last_used: u64,
    /// The page's buffer; in a free slot, one for the next page; `None` while that is being filled.
    buffer: Option<Arc<Buffer<H>>>,
}

struct Buffer<H> {
    /// A page; nothing before the first use.
    bytes: Vec<u8>,
    header: Option<H>,
}

/// A page that can be searched, whatever the cache does meanwhile.
pub(crate) struct Pinned<H>(Arc<Buffer<H>>);

/// A page that is being brought into the cache by this thread.
pub(crate) struct Loading<'a, H> {
    cache: &'a PageCache<H>,
    page: PhysicalPage,
    slot: usize,
    /// The slot's last buffer, if it had one; replaced on first use where it is still pinned.
    buffer: Option<Arc<Buffer<H>>>,
    is_published: bool,
}

/// What the cache has of a page.
pub(crate) enum Access<'a, H> {
    /// The page.
    Cached(Pinned<H>),
    /// Nothing: the caller is to load it.
    Missing(Loading<'a, H>),
}

impl<H> Buffer<H> {
    fn new(page_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(page_bytes), header: None }
    }
}

impl<H> PageCache<H> {
    /// An empty cache of the size that the geometry asks for.
    ///
    /// All buffers come from the thread that makes the cache, and are not touched before their
    /// first use. Were each allocated by the thread that first needs it, allocators with an arena
    /// a thread would keep those of a closed index in the arenas of dead threads.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let page_bytes = geometry.bytes_per_page() as usize;
        let slots = (0..geometry.cache_slots())
            .map(|_| Slot {
                page: None,
                pending: false,
                last_used: 0,
                buffer: Some(Arc::new(Buffer::new(page_bytes))),
            })
            .collect();
        // Zeroed memory of which only the parts in use are ever touched.
        let index = vec![0; geometry.pages_per_volume() as usize + 1];
        Self {
            page_bytes,
            state: Mutex::new(State { index, slots, clock: 1 }),
            load_ended: Condvar::new(),
        }
    }

    /// Bytes of memory set aside for pages and the index of them.
    pub(crate) fn memory_bytes(&self) -> usize {
        let state = lock(&self.state);
        state.index.capacity() * size_of::<u16>()
            + state.slots.len() * (size_of::<Slot<H>>() + self.page_bytes)
    }

    /// The page, if the cache has it; otherwise the caller's task to load it. Waits while another
    /// thread loads it.
    pub(crate) fn access(&self, page: PhysicalPage) -> Access<'_, H> {
        let mut state = lock(&self.state);
        loop {
            match state.slot_of(page) {
                Some(slot) if state.slots[slot].pending => state = wait(&self.load_ended, state),
                Some(slot) => {
                    state.touch(slot);
                    if let Some(buffer) = &state.slots[slot].buffer {
                        return Access::Cached(Pinned(Arc::clone(buffer)));
                    }
                    state.release(slot);
                }
                None => match self.begin(&mut state, page) {
                    Some(loading) => return Access::Missing(loading),
                    None => state = wait(&self.load_ended, state),
                },
            }
        }
    }

    /// A slot for new content of `page`, for a caller that has it. What the cache had is forgotten.
    pub(crate) fn replace(&self, page: PhysicalPage) -> Loading<'_, H> {
        let mut state = lock(&self.state);
        loop {
            state.forget(page);
            match self.begin(&mut state, page) {
                Some(loading) => return loading,
                None => state = wait(&self.load_ended, state),
            }
        }
    }

    /// Forgets the pages of a range. Loads under way will not be cached.
    pub(crate) fn forget(&self, pages: Range<PhysicalPage>) {
        let mut state = lock(&self.state);
        for page in pages.start.get()..pages.end.get() {
            state.forget(PhysicalPage::new(page));
        }
    }

    /// Makes a slot pending for an absent page. `None` where all slots are pending already.
    fn begin<'a>(&'a self, state: &mut State<H>, page: PhysicalPage) -> Option<Loading<'a, H>> {
        let slot = state.victim()?;
        state.release(slot);
        state.index[page.get() as usize] = slot as u16 + 1;
        let entry = &mut state.slots[slot];
        entry.page = Some(page);
        entry.pending = true;
        let buffer = entry.buffer.take();
        Some(Loading { cache: self, page, slot, buffer, is_published: false })
    }
}

impl<H> State<H> {
    fn slot_of(&self, page: PhysicalPage) -> Option<usize> {
        let entry = *self.index.get(page.get() as usize)?;
        entry.checked_sub(1).map(usize::from)
    }

    fn touch(&mut self, slot: usize) {
        let slot = &mut self.slots[slot];
        if slot.last_used != self.clock {
            self.clock += 1;
            slot.last_used = self.clock;
        }
    }

    /// The slot that was not used for longest; of several the one with the highest number.
    fn victim(&self) -> Option<usize> {
        let slots = self.slots.iter().enumerate().rev();
        let free = slots.filter(|(_, slot)| !slot.pending);
        free.min_by_key(|(_, slot)| slot.last_used).map(|(number, _)| number)
    }

    /// Takes a page out of a slot. The slot keeps its buffer.
    fn release(&mut self, slot: usize) {
        let slot = &mut self.slots[slot];
        slot.last_used = 0;
        if let Some(page) = slot.page.take() {
            self.index[page.get() as usize] = 0;
        }
    }

    fn forget(&mut self, page: PhysicalPage) {
        if let Some(slot) = self.slot_of(page) {
            self.release(slot);
        }
    }
}

impl<H> Loading<'_, H> {
    /// The bytes of the page, for the caller to fill. What they hold before is unspecified.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer_mut().bytes
    }

    /// Puts the page into the cache, unless it was forgotten meanwhile, and pins it.
    pub(crate) fn publish(mut self, header: Option<H>) -> Pinned<H> {
        self.buffer_mut().header = header;
        let buffer = self.buffer.take().expect("buffer_mut made one");
        let mut state = lock(&self.cache.state);
        if state.slots[self.slot].page == Some(self.page) {
            state.touch(self.slot);
            state.slots[self.slot].buffer = Some(Arc::clone(&buffer));
            self.is_published = true;
        }
        // The end of `self` frees the slot for others.
        drop(state);
        Pinned(buffer)
    }

    fn buffer_mut(&mut self) -> &mut Buffer<H> {
        if self.buffer.as_mut().is_none_or(|buffer| Arc::get_mut(buffer).is_none()) {
            self.buffer = Some(Arc::new(Buffer::new(self.cache.page_bytes)));
        }
        let buffer = self.buffer.as_mut().and_then(Arc::get_mut);
        let buffer = buffer.expect("the buffer is new or shared with nobody");
        buffer.bytes.resize(self.cache.page_bytes, 0);
        buffer
    }
}

impl<H> Drop for Loading<'_, H> {
    /// Ends the load: whatever was not published is absent (invariant 3).
    fn drop(&mut self) {
        let mut state = lock(&self.cache.state);
        state.slots[self.slot].pending = false;
        if !self.is_published {
            state.release(self.slot);
            state.slots[self.slot].buffer = self.buffer.take();
        }
        drop(state);
        self.cache.load_ended.notify_all();
    }
}

impl<H> Pinned<H> {
    /// The bytes of the page.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// What was published with them.
    pub(crate) fn header(&self) -> Option<&H> {
        self.0.header.as_ref()
    }
}

#[cfg(test)]
mod tests;
