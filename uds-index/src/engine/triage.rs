//! Triage: before a batch goes to the zones of a sparse index, its samples are looked up, and the
//! zones are sent for the sparse chapters that they lead to (specification, sections 9.6 and 11.8).
//!
//! A request for a sample that is probably in a sparse chapter has a *barrier message* before it in
//! the parts of all zones. There each zone meets the others, and has the chapter in the sparse
//! cache when it comes to the requests that follow.
//!
//! # Invariants
//!
//! 1. All zones get the same barrier messages in the same order: whoever sends some holds the lock
//!    until every zone has its part. Otherwise two zones could wait for each other at two
//!    meetings.
//! 2. A message is left out only where the one sent last was for the same chapter, and not long
//!    ago: a run of samples of one chapter costs one message. After a while another is sent all
//!    the same, for a chapter that was of no use in between is passed by until somebody asks for
//!    it. Where a chapter could not be loaded, it is asked for again.

use uds_geometry::{VirtualChapter, VolumeIndexParameters, ZoneCount};

use super::Engine;
use crate::flight::BarrierMessage;
use crate::request::Batch;
use crate::sync::counter::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::volume_index::Hooks;

/// After so many requests a chapter is asked for again, although it was the last that was.
const REQUESTS_OF_A_RUN: u64 = 1024;

/// What triage works with. A dense index has none, nor has one of a single zone, which does
/// without barriers.
#[derive(Debug)]
pub(super) struct Triage {
    /// The samples of each zone.
    hooks: Box<[Hooks]>,
    /// What the zones were sent for last. Held while a batch with barrier messages is handed to
    /// the zones.
    last: Mutex<Option<Sent>>,
    /// How many requests there were. Orders nothing.
    requests: AtomicU64,
}

/// A barrier message that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    chapter: VirtualChapter,
    /// How many requests there were before it.
    at: u64,
}

impl Sent {
    /// Whether a message for the same chapter can be left out.
    fn covers(&self, chapter: VirtualChapter, at: u64) -> bool {
        self.chapter == chapter && at.saturating_sub(self.at) < REQUESTS_OF_A_RUN
    }
}

/// The right to hand parts with barrier messages to the zones, and the messages.
pub(super) struct Order<'a> {
    _last: Option<MutexGuard<'a, Option<Sent>>>,
    pub(super) barriers: Vec<BarrierMessage>,
}

impl Triage {
    /// For zones with these samples; `None` where there is nothing to do.
    pub(super) fn new(hooks: Vec<Hooks>) -> Option<Self> {
        let (last, requests) = (Mutex::new(None), AtomicU64::new(0));
        (hooks.len() > 1).then(|| Self { hooks: hooks.into(), last, requests })
    }

    /// Has the chapter asked for again, the next time it would be of use.
    pub(super) fn forget_last(&self) {
        *lock(&self.last) = None;
    }

    /// The sparse chapters that the requests of a batch lead to.
    fn messages(
        &self,
        batch: &Batch,
        parameters: &VolumeIndexParameters,
        zones: ZoneCount,
        is_sparse: impl Fn(VirtualChapter) -> bool,
    ) -> Vec<BarrierMessage> {
        let mut messages: Vec<BarrierMessage> = Vec::new();
        for (before, request) in batch.requests().iter().enumerate() {
            let name = request.name();
            let Some(hook) = parameters.hook_of(name) else { continue };
            let zone = hook.zone_of(hook.locate(name).0, zones);
            // What is wrong with the list, the request itself will tell.
            let Ok(Some(chapter)) = self.hooks[usize::from(zone.get())].peek(name) else {
                continue;
            };
            let is_run = messages.last().is_some_and(|last| {
                Sent { chapter: last.chapter, at: last.before as u64 }
                    .covers(chapter, before as u64)
            });
            if !is_run && is_sparse(chapter) {
                messages.push(BarrierMessage { before, chapter });
            }
        }
        messages
    }
}

impl Engine {
    /// The barrier messages of a batch. They are to be handed to the zones before the order is
    /// dropped.
    pub(super) fn triage(&self, batch: &Batch) -> Order<'_> {
        let Some(triage) = &self.triage else { return Order { _last: None, barriers: Vec::new() } };
        let newest = self.chapters.first_open();
        let dense = u64::from(self.geometry.dense_chapters_per_volume());
        // One that was just closed may not be written yet.
        let is_sparse =
            |chapter: VirtualChapter| chapter.later_by(dense) <= newest && chapter.next() < newest;
        let at = triage.requests.fetch_add(batch.len() as u64, Ordering::Relaxed);
        let mut barriers = triage.messages(batch, &self.parameters, self.zone_count, is_sparse);
        if barriers.is_empty() {
            return Order { _last: None, barriers };
        }
        let mut last = lock(&triage.last);
        let place = |message: &BarrierMessage| at + message.before as u64;
        let covers = |first: &BarrierMessage| {
            last.is_some_and(|last| last.covers(first.chapter, place(first)))
        };
        if barriers.first().is_some_and(covers) {
            barriers.remove(0);
        }
        if let Some(message) = barriers.last() {
            *last = Some(Sent { chapter: message.chapter, at: place(message) });
        }
        Order { _last: Some(last), barriers }
    }
}
