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
//! 2. A message is left out only where the one sent last was for the same chapter: a run of
//!    samples of one chapter costs one message. Where that chapter could not be loaded, it is
//!    asked for again.

use uds_geometry::{VirtualChapter, VolumeIndexParameters, ZoneCount};

use super::Engine;
use crate::flight::BarrierMessage;
use crate::request::Batch;
use crate::sync::{Mutex, MutexGuard, lock};
use crate::volume_index::Hooks;

/// What triage works with. A dense index has none, nor has one of a single zone, which does
/// without barriers.
#[derive(Debug)]
pub(super) struct Triage {
    /// The samples of each zone.
    hooks: Box<[Hooks]>,
    /// The chapter that the zones were sent for last. Held while a batch with barrier messages
    /// is handed to the zones.
    last: Mutex<Option<VirtualChapter>>,
}

/// The right to hand parts with barrier messages to the zones, and the messages.
pub(super) struct Order<'a> {
    _last: Option<MutexGuard<'a, Option<VirtualChapter>>>,
    pub(super) barriers: Vec<BarrierMessage>,
}

impl Triage {
    /// For zones with these samples; `None` where there is nothing to do.
    pub(super) fn new(hooks: Vec<Hooks>) -> Option<Self> {
        (hooks.len() > 1).then(|| Self { hooks: hooks.into(), last: Mutex::new(None) })
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
            let is_run = messages.last().is_some_and(|last| last.chapter == chapter);
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
        let is_sparse = |chapter: VirtualChapter| chapter.later_by(dense) <= newest;
        let mut barriers = triage.messages(batch, &self.parameters, self.zone_count, is_sparse);
        if barriers.is_empty() {
            return Order { _last: None, barriers };
        }
        let mut last = lock(&triage.last);
        if barriers.first().map(|first| first.chapter) == *last {
            barriers.remove(0);
        }
        if let Some(message) = barriers.last() {
            *last = Some(message.chapter);
        }
        Order { _last: Some(last), barriers }
    }
}
