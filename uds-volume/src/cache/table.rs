//! Which slot of the cache has which page, and the protocol by which zones look into slots without
//! a lock (specification, section 12.3).
//!
//! Each zone has a *pin*: one word that only it writes, with the page that it may be reading.
//!
//! | state of a pin | sequence | meaning | leaves by |
//! |---|---|---|---|
//! | idle | even | the zone holds no cached page | [`Pin::pin`] |
//! | pinned(p) | odd | the zone may be reading p's buffer | the end of [`Pinned`] |
//!
//! `Pin::pin` stores (p, sequence + 1), makes a full fence, and reads the index. The end of
//! `Pinned` stores (p, sequence + 1) with release. Who evicts a page holds the cache's mutex, which
//! the [`Custody`] stands for, and goes through these steps in [`PageTable::retire`]:
//!
//! | step | what |
//! |---|---|
//! | E1 | store "absent" in the index |
//! | E2 | full fence |
//! | E3 | read every zone's pin once |
//! | E4 | for each that is odd, with this page: wait until it changes at all |
//! | E5 | use the buffer |
//!
//! | fence or ordering | partner | without it |
//! |---|---|---|
//! | full fence in `Pin::pin` | E2 | a zone reads the old entry, who evicts an idle pin |
//! | E2 in `retire` | the fence in `Pin::pin` | the same |
//! | release store, end of `Pinned` | acquire loads of E3, E4 | reads go on in a reused buffer |
//! | release store in `publish` | acquire load of the index | a slot is seen before its page |
//!
//! # Invariants
//!
//! 1. `index[p]` names slot `s` exactly if the custody has page `p` for slot `s`. Both change only
//!    under the custody, of which each table has one.
//! 2. A slot that no index entry names, and no pin of its last page covers since E4, is *private*:
//!    only the owner of the custody reaches its cell.
//! 3. A slot that an index entry names is only read, whoever reaches it.
//!
//! # Why `unsafe`
//!
//! Two threads that find cached records at the same time take 1.7 us each where they search under
//! the cache's mutex, and 0.6 us with pins; one alone takes 0.4 us (bench `chapters`).
#![expect(unsafe_code, reason = "cells are shared by a protocol that the compiler cannot see")]

use std::fmt;

use crossbeam_utils::CachePadded;
use uds_delta_index::IndexPageHeader;
use uds_geometry::{MAX_ZONES, PhysicalPage, ZoneId};

use crate::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering, fence};
use crate::sync::{Arc, Mutant, UnsafeCell, is_model_failing, is_mutated, spin};

/// The index entry of a page that is not in the cache. Slots have smaller numbers.
const ABSENT: u16 = 0x7fff;
/// Set in the index entry of a page that is queued to be read; the rest is its queue position.
const QUEUED: u16 = 0x8000;

/// A page's bytes, and what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// A page; nothing before the first use.
    pub(crate) bytes: Vec<u8>,
    pub(crate) header: Option<IndexPageHeader>,
}

/// What the index says of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Absent,
    /// To be read: the position in the read queue.
    Queued(u16),
    /// In this slot.
    Cached(usize),
}

/// The shared part of the cache.
pub(crate) struct PageTable {
    /// For each page of the volume, the header page included, an [`Entry`]. Written under the
    /// custody (release where a page is published), read by zones (acquire).
    index: Box<[AtomicU16]>,
    cells: Box<[UnsafeCell<Page>]>,
    /// One word a zone: the page below, the sequence above. Written by the zone, read by who
    /// evicts; orderings above.
    pins: Box<[CachePadded<AtomicU64>]>,
    /// Whether a pin has an owner. Written by owners, past and to come; the acquire and release of
    /// `claim` and of `Pin`'s end hand the word over.
    claims: Box<[AtomicBool]>,
}

// SAFETY: the cells are the only part that is not `Sync`. They are written only while private
// (invariant 2), by the owner of the one custody, and otherwise only read (invariant 3).
unsafe impl Sync for PageTable {}
// SAFETY: `Page` is `Send`.
unsafe impl Send for PageTable {}

/// The right to change the table. Each table has one, and it lives in the cache's mutex.
#[derive(Debug)]
pub(crate) struct Custody {
    /// The page that the index has for each slot.
    pages: Vec<Option<PhysicalPage>>,
}

impl PageTable {
    /// A table with a page in the hands of each slot, and the right to change it.
    pub(crate) fn new(page_count: usize, pages: impl Iterator<Item = Page>) -> (Self, Custody) {
        let cells: Box<[_]> = pages.map(UnsafeCell::new).collect();
        assert!(cells.len() <= usize::from(ABSENT), "slots have numbers below {ABSENT}");
        let custody = Custody { pages: vec![None; cells.len()] };
        let index = (0..page_count).map(|_| AtomicU16::new(ABSENT)).collect();
        let pins = (0..MAX_ZONES).map(|_| CachePadded::new(AtomicU64::new(0))).collect();
        let claims = (0..MAX_ZONES).map(|_| AtomicBool::new(false)).collect();
        (Self { index, cells, pins, claims }, custody)
    }

    /// How many pages the index has.
    pub(crate) fn page_count(&self) -> usize {
        self.index.len()
    }

    /// The pin of a zone, unless somebody has it.
    pub(crate) fn claim(self: &Arc<Self>, zone: ZoneId) -> Option<Pin> {
        let zone = usize::from(zone.get());
        let is_free = !self.claims[zone].swap(true, Ordering::AcqRel);
        is_free.then(|| Pin { table: Arc::clone(self), zone })
    }

    /// What the index says of a page. One load, for all that is decided by it.
    pub(crate) fn entry(&self, page: PhysicalPage) -> Entry {
        let order = if is_mutated(Mutant::IndexLoadRelaxed) {
            Ordering::Relaxed
        } else {
            Ordering::Acquire
        };
        let Some(entry) = self.index.get(page.get() as usize) else { return Entry::Absent };
        match entry.load(order) {
            ABSENT => Entry::Absent,
            entry if entry & QUEUED != 0 => Entry::Queued(entry & !QUEUED),
            slot => Entry::Cached(usize::from(slot)),
        }
    }

    /// Notes that a page that is not cached is queued, or is not any more.
    pub(crate) fn set_queued(&self, _: &mut Custody, page: PhysicalPage, position: Option<u16>) {
        assert!(!matches!(self.entry(page), Entry::Cached(_)), "{page:?} is cached");
        let entry = position.map_or(ABSENT, |position| QUEUED | position);
        self.index[page.get() as usize].store(entry, Ordering::Release);
    }

    /// Takes the page out of a slot, which is private then. Waits until no zone reads it.
    pub(crate) fn retire(&self, custody: &mut Custody, slot: usize) -> Page {
        if let Some(page) = custody.pages[slot].take() {
            // E1
            self.index[page.get() as usize].store(ABSENT, Ordering::Release);
            if !is_mutated(Mutant::NoFenceInRetire) {
                // E2. Partner: `Pin::pin`.
                fence(Ordering::SeqCst);
            }
            for pin in &self.pins {
                wait_while_pinned(pin, page);
            }
        }
        // SAFETY: the slot is private (invariant 2): its index entry is gone since E1, if it had
        // one, and no pin that could have seen it is left since E4. `custody` is the table's only.
        self.cells[slot].with_mut(|page| std::mem::take(unsafe { &mut *page }))
    }

    /// Puts a page into a private slot, and nothing in the index.
    pub(crate) fn keep(&self, custody: &mut Custody, slot: usize, page: Page) {
        assert!(custody.pages[slot].is_none(), "slot {slot} is not private");
        // SAFETY: as in `retire`; the assertion is invariant 1.
        self.cells[slot].with_mut(|cell| unsafe { *cell = page });
    }

    /// Puts a page into a private slot, and lets everybody find it there.
    pub(crate) fn publish(
        &self,
        custody: &mut Custody,
        slot: usize,
        number: PhysicalPage,
        page: Page,
    ) {
        // Two slots with one page would leave one of them without index entry (trap 30b).
        assert!(!matches!(self.entry(number), Entry::Cached(_)), "{number:?} is cached");
        self.keep(custody, slot, page);
        custody.pages[slot] = Some(number);
        let order =
            if is_mutated(Mutant::PublishRelaxed) { Ordering::Relaxed } else { Ordering::Release };
        self.index[number.get() as usize].store(slot as u16, order);
    }

    /// Looks into a slot, which nobody can change meanwhile.
    pub(crate) fn look<T>(
        &self,
        _: &mut Custody,
        slot: usize,
        search: impl FnOnce(&Page) -> T,
    ) -> T {
        // SAFETY: cells change only with the custody, which is borrowed meanwhile.
        self.cells[slot].with(|page| search(unsafe { &*page }))
    }
}

impl fmt::Debug for PageTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageTable").finish_non_exhaustive()
    }
}

/// E3 and E4: reads a pin once, and where it covers `page` waits until it changes at all.
fn wait_while_pinned(pin: &AtomicU64, page: PhysicalPage) {
    let seen = pin.load(Ordering::Acquire);
    let is_pinned = seen >> 32 & 1 == 1 && seen as u32 == page.get();
    while is_pinned && pin.load(Ordering::Acquire) == seen {
        spin();
    }
}

/// A zone's pin. Each has one owner.
#[derive(Debug)]
pub(crate) struct Pin {
    table: Arc<PageTable>,
    zone: usize,
}

/// A page that stays where it is while this exists.
pub(crate) struct Pinned<'a> {
    pin: &'a mut Pin,
    slot: usize,
    word: u64,
}

impl Pin {
    /// Whether this is zone 0's.
    pub(crate) fn is_of_first_zone(&self) -> bool {
        self.zone == 0
    }

    /// Pins a page, if it is cached.
    pub(crate) fn pin(&mut self, page: PhysicalPage) -> Option<Pinned<'_>> {
        let word = self.table.pins[self.zone].load(Ordering::Relaxed);
        let sequence = (word >> 32).wrapping_add(1) as u32;
        let word = u64::from(sequence) << 32 | u64::from(page.get());
        self.table.pins[self.zone].store(word, Ordering::Relaxed);
        if !is_mutated(Mutant::NoFenceInPin) {
            // Partner: E2 in `PageTable::retire`.
            fence(Ordering::SeqCst);
        }
        let entry = self.table.entry(page);
        // Dropping this ends the pin, cached or not.
        let mut pinned = Pinned { pin: self, slot: 0, word };
        let Entry::Cached(slot) = entry else { return None };
        pinned.slot = slot;
        Some(pinned)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if is_model_failing() {
            return;
        }
        self.table.claims[self.zone].store(false, Ordering::Release);
    }
}

impl Pinned<'_> {
    /// The slot that the page is in.
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// Looks into the page.
    pub(crate) fn look<T>(&self, search: impl FnOnce(&Page) -> T) -> T {
        // SAFETY: the index named the slot after the pin was stored and fenced, so who retires it
        // sees the pin and waits for it before the slot is private (invariant 2). Until then it is
        // only read (invariant 3).
        self.pin.table.cells[self.slot].with(|page| search(unsafe { &*page }))
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        if is_model_failing() {
            return;
        }
        let sequence = (self.word >> 32).wrapping_add(1) as u32;
        let word = u64::from(sequence) << 32 | self.word & u64::from(u32::MAX);
        let order = if is_mutated(Mutant::UnpinRelaxed) {
            Ordering::Relaxed
        } else {
            // Partner: the loads of `wait_while_pinned`.
            Ordering::Release
        };
        self.pin.table.pins[self.pin.zone].store(word, order);
    }
}
