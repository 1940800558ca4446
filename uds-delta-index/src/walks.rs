//! Walks along several delta lists side by side.
//!
//! Where an entry of a list is depends on the one before it, so a walk along a list spends its time
//! waiting for itself; and before that, for memory. Walks along different lists do not wait for
//! each other: several of them, a step of each in turn, take hardly longer than one.
//!
//! Steps over *plain* entries are taken for all walks at once where the processor can (`avx2`);
//! all others, and all on other processors, one by one, here.
//!
//! Invariants:
//! 1. What a walk comes to does not depend on the processor, nor on the walks beside it.
//! 2. No walk trusts the bits of its list: each step goes at least one bit forward, and where bits
//!    make no sense the walk stops and says so.

#[cfg(target_arch = "x86_64")]
mod avx2;

use crate::coding::{EntryCoding, NAME_BITS};

/// Walks side by side.
pub(crate) const LANES: usize = 8;
/// One word a lane.
type Words = [u64; LANES];

/// A walk along a list, to a key, or to entries of certain values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walk {
    /// The bit where the list starts.
    pub(crate) start: u64,
    /// The bit after the list.
    pub(crate) end: u64,
    /// The bit where the next entry starts.
    pub(crate) place: u64,
    /// The bit where the walk ends: the end of the list, or of a part of it.
    pub(crate) until: u64,
    /// The key of the entry before the next one.
    pub(crate) key: u32,
    /// The walk stops at an entry with this key or a larger one.
    pub(crate) target: u64,
    /// The walk stops at entries whose value, counted from `base` modulo the values there are, is
    /// below `expired`.
    pub(crate) base: u32,
    pub(crate) expired: u64,
    /// What the caller knows the walk by.
    pub(crate) slot: usize,
}

impl Walk {
    /// A walk along a whole list, from bit `start` to `end`, that stops at nothing.
    pub(crate) fn along(start: u64, end: u64) -> Self {
        // No key is as large as that.
        Self { start, end, place: start, until: end, target: u64::MAX >> 1, ..Self::default() }
    }
}

/// Where a walk has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// An entry that it was to stop at.
    At(Entry),
    /// Its end.
    End {
        /// The bit where it ended, from the start of the list. Behind the end where the last entry
        /// reaches over it.
        offset: u32,
        /// The key of the last entry.
        key: u64,
        /// The smallest value of an entry passed, counted from `base`.
        oldest: u64,
    },
    /// Bits that make no sense.
    Odd,
}

/// An entry that a walk has stopped at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The bit where it starts, from the start of the list.
    pub(crate) offset: u32,
    pub(crate) key: u64,
    pub(crate) delta: u32,
    /// Its bits, with those of its name.
    pub(crate) bits: u32,
    pub(crate) is_collision: bool,
}

/// Walks that are under way. Lanes without a walk are not live.
struct Walks {
    place: Words,
    until: Words,
    key: Words,
    target: Words,
    base: Words,
    expired: Words,
    /// The smallest value passed.
    oldest: Words,
    /// All ones for a lane that has a walk, or zero.
    live: Words,
    /// For each lane, what only steps one by one need.
    walks: [Walk; LANES],
}

/// Walks along lists in `memory`, as many as `next` gives, and tells `stopped` where each has come
/// to, by its slot. A walk goes on behind the entry where it stopped if `stopped` says so.
pub(crate) fn run(
    memory: &[u8],
    coding: &EntryCoding,
    mut next: impl FnMut() -> Option<Walk>,
    mut stopped: impl FnMut(usize, &Stop) -> bool,
) {
    // A copy: its fields stay in registers.
    let coding = *coding;
    let mut walks = Walks::new();
    let mut live = 0;
    for lane in 0..LANES {
        live += usize::from(walks.start(lane, next()));
    }
    while live > 0 {
        let mut due = walks.pass_plain(memory, &coding);
        while due != 0 {
            let lane = due.trailing_zeros() as usize % LANES;
            due &= due - 1;
            let Some(stop) = walks.step(lane, memory, &coding) else { continue };
            let goes_on = stopped(walks.walks[lane].slot, &stop);
            match stop {
                Stop::At(entry) if goes_on => walks.pass(lane, &entry),
                _ => live -= usize::from(!walks.start(lane, next())),
            }
        }
    }
}

impl Walks {
    fn new() -> Self {
        let none = [0; LANES];
        Self {
            place: none,
            until: none,
            key: none,
            target: none,
            base: none,
            expired: none,
            oldest: none,
            live: none,
            walks: [Walk::default(); LANES],
        }
    }

    /// Gives a lane another walk, or none. Says whether it has one.
    fn start(&mut self, lane: usize, walk: Option<Walk>) -> bool {
        let Some(walk) = walk else {
            self.live[lane] = 0;
            return false;
        };
        self.place[lane] = walk.place;
        self.until[lane] = walk.until;
        self.key[lane] = walk.key.into();
        self.target[lane] = walk.target;
        self.base[lane] = walk.base.into();
        self.expired[lane] = walk.expired;
        self.oldest[lane] = u32::MAX.into();
        self.live[lane] = u64::MAX;
        self.walks[lane] = walk;
        true
    }

    /// Takes steps over plain entries, until at least one walk has come to one that is not. Returns
    /// these walks: a bit for each lane.
    #[inline]
    fn pass_plain(&mut self, memory: &[u8], coding: &EntryCoding) -> u32 {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = avx2::Avx2::detect(coding) {
            return avx2.pass_plain(self, memory, coding);
        }
        let _ = (memory, coding);
        let lanes = self.live.iter().enumerate();
        lanes.fold(0, |due, (lane, live)| due | (*live as u32 & 1) << lane)
    }

    /// Takes a step of one walk. Where that walk stops, it is still in front of the entry.
    #[inline]
    fn step(&mut self, lane: usize, memory: &[u8], coding: &EntryCoding) -> Option<Stop> {
        let Walk { start, end, .. } = self.walks[lane];
        let place = self.place[lane];
        let offset = (place - start) as u32;
        if place >= self.until[lane] {
            let (key, oldest) = (self.key[lane], self.oldest[lane]);
            return Some(Stop::End { offset, key, oldest });
        }
        let Some((value, entry)) = coding.decode_with_value(memory, place, end) else {
            return Some(Stop::Odd);
        };
        let is_collision = entry.delta == 0 && place > start;
        let bits = entry.bits + if is_collision { NAME_BITS } else { 0 };
        let key = self.key[lane] + u64::from(entry.delta);
        let relative = coding.value_from(value, self.base[lane]);
        if key >= self.target[lane] || relative < self.expired[lane] {
            let delta = entry.delta;
            return Some(Stop::At(Entry { offset, key, delta, bits, is_collision }));
        }
        self.place[lane] = place + u64::from(bits);
        self.key[lane] = key;
        self.oldest[lane] = self.oldest[lane].min(relative);
        None
    }

    /// Goes on behind an entry where a walk has stopped.
    fn pass(&mut self, lane: usize, entry: &Entry) {
        self.place[lane] += u64::from(entry.bits);
        self.key[lane] = entry.key;
    }
}

#[cfg(test)]
mod tests;
