//! Which chapter each slot holds, as far as this process knows.
//!
//! | state | meaning | leaves by |
//! |---|---|---|
//! | unknown | as it was found; its index pages tell | `vacate`, `forget` |
//! | vacant | forgotten, being written, or only half written | `hold`, `forget_all` |
//! | holds `v` | chapter `v` was written and synced | `vacate`, `forget`, `forget_all` |
//!
//! A look-up reads the state three times:
//!
//! - before its work, to see whether the chapter may be there at all;
//! - when it is about to load a page, after the cache has noted that. A writer first vacates the
//!   slot and then has the cache forget its pages. So either the writer finds the load noted
//!   and voids it, or, by the cache's mutex, the look-up sees the new state and gives up. Nothing
//!   that was read from under a writer stays in the cache;
//! - after its work. If the state has not changed, no write had begun when the last page was
//!   read: `vacate` comes before the first write.
//!
//! All accesses are `SeqCst`, so that they are ordered with the storage's reads and writes however
//! a storage orders these.

use uds_geometry::{Geometry, PhysicalChapter, VirtualChapter};

use crate::sync::atomic::{AtomicU64, Ordering};

/// Codes beside the numbers of chapters, which never grow so large.
const UNKNOWN: u64 = u64::MAX;
const VACANT: u64 = u64::MAX - 1;

/// The states of all slots. Callers pass slots that exist.
pub(super) struct Slots(Box<[AtomicU64]>);

/// The state of a slot at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotState(u64);

impl SlotState {
    /// Whether `chapter` may be in the slot.
    pub(super) const fn may_hold(self, chapter: VirtualChapter) -> bool {
        self.0 == UNKNOWN || self.0 == chapter.get()
    }
}

impl Slots {
    pub(super) fn new(geometry: &Geometry) -> Self {
        Self((0..geometry.chapters_per_volume()).map(|_| AtomicU64::new(UNKNOWN)).collect())
    }

    pub(super) fn state(&self, slot: PhysicalChapter) -> SlotState {
        SlotState(self.of(slot).load(Ordering::SeqCst))
    }

    /// Nothing is in the slot from now on.
    pub(super) fn vacate(&self, slot: PhysicalChapter) {
        self.of(slot).store(VACANT, Ordering::SeqCst);
    }

    /// `chapter` is in the slot from now on.
    pub(super) fn hold(&self, slot: PhysicalChapter, chapter: VirtualChapter) {
        self.of(slot).store(chapter.get(), Ordering::SeqCst);
    }

    /// Vacates the slot unless it holds another chapter already. Says whether it did.
    pub(super) fn forget(&self, slot: PhysicalChapter, chapter: VirtualChapter) -> bool {
        let vacant = |state| SlotState(state).may_hold(chapter).then_some(VACANT);
        self.of(slot).fetch_update(Ordering::SeqCst, Ordering::SeqCst, vacant).is_ok()
    }

    /// Every slot is as it was found.
    pub(super) fn forget_all(&self) {
        self.0.iter().for_each(|slot| slot.store(UNKNOWN, Ordering::SeqCst));
    }

    fn of(&self, slot: PhysicalChapter) -> &AtomicU64 {
        &self.0[slot.get() as usize]
    }
}
