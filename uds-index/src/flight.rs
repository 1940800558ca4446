//! A batch on its way through the zones and back.
//!
//! A batch is split into parts, one for each zone that it concerns. The parts travel alone; the
//! last one to come back puts the batch together again, in its old order.
//!
//! In a sparse index with several zones, a batch may carry *barrier messages*: chapters that the
//! zones are to have in the sparse cache, all together, before they come to a certain request.
//! Such a batch concerns every zone.
//!
//! # Invariants
//!
//! 1. Requests of one zone keep their order, on the way out and back.
//! 2. A flight ends once: when its last part comes back.
//! 3. Each part is answered wholly before it comes back.

use std::fmt;

use uds_geometry::{VirtualChapter, VolumeIndexParameters, ZoneCount, ZoneId};

use crate::gate::Pass;
use crate::request::{Batch, Request};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Condvar, Mutex, lock, wait};

/// A batch that was split, and whose parts are under way.
#[derive(Debug)]
pub(crate) struct Flight {
    state: Mutex<State>,
    /// Signalled when the batch is whole again, for the one who waits for it.
    landing: Condvar,
    /// Written by the last part's thread (Release), read by whoever helps (Acquire): a hint that
    /// nothing is left to help with; the batch itself is behind the mutex.
    has_landed: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// For each request its zone; empty where all are of one zone.
    zones: Vec<u8>,
    /// The requests that are back, by zone.
    parts: Vec<Vec<Request>>,
    parts_missing: usize,
    /// The batch's own memory, empty while its requests are under way; then the batch.
    batch: Batch,
    ending: Option<(Ending, Pass)>,
}

/// What becomes of a batch when it is whole again.
pub(crate) enum Ending {
    /// Whoever holds the flight takes it.
    Owner,
    /// A function takes it.
    Call(Box<dyn FnOnce(Batch) + Send>),
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "Owner",
            Self::Call(_) => "Call",
        })
    }
}

/// A batch that is whole again and that a function waits for.
pub(crate) struct Landed {
    pub(crate) call: Box<dyn FnOnce(Batch) + Send>,
    pub(crate) batch: Batch,
    pub(crate) pass: Pass,
}

/// The requests of a batch that concern one zone.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) flight: Arc<Flight>,
    pub(crate) requests: Vec<Request>,
    /// In the order of their places; the same chapters in each part of a batch.
    pub(crate) barriers: Vec<BarrierMessage>,
}

/// A chapter that all zones are to bring into the sparse cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BarrierMessage {
    /// The position of the request before which it comes; the number of requests where it comes
    /// after all of them.
    pub(crate) before: usize,
    pub(crate) chapter: VirtualChapter,
}

/// How a batch is split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Splitting<'a> {
    pub(crate) parameters: &'a VolumeIndexParameters,
    pub(crate) zone_count: ZoneCount,
    /// The barrier messages of the batch, in order.
    pub(crate) barriers: &'a [BarrierMessage],
}

/// Splits a batch into one part for each zone that it concerns. An empty batch has none.
pub(crate) fn split(
    mut batch: Batch,
    splitting: &Splitting<'_>,
    ending: Ending,
    pass: Pass,
) -> (Arc<Flight>, Vec<(ZoneId, Part)>) {
    let &Splitting { parameters, zone_count, barriers } = splitting;
    let mut zones = Vec::new();
    let mut by_zone: Vec<Vec<Request>> = Vec::new();
    by_zone.resize_with(usize::from(zone_count.get()), Vec::new);
    let zone_of = |request: &Request| parameters.zone_of(request.name(), zone_count).get();
    if by_zone.len() > 1 {
        zones.extend(batch.requests().iter().map(zone_of));
    }
    let mut by_zone_barriers = barriers_by_zone(barriers, &zones, by_zone.len());
    match zones.first() {
        Some(first) if zones.iter().any(|zone| zone != first) => {
            let mut counts = [0; u8::MAX as usize + 1];
            zones.iter().for_each(|&zone| counts[usize::from(zone)] += 1);
            for (part, &count) in by_zone.iter_mut().zip(&counts) {
                part.reserve_exact(count);
            }
            for (request, &zone) in batch.drain().zip(&zones) {
                by_zone[usize::from(zone)].push(request);
            }
        }
        only => {
            let only = usize::from(only.copied().unwrap_or(0));
            by_zone[only] = batch.take_requests();
            zones.clear();
        }
    }
    let concerns = |part: &[Request]| !part.is_empty() || !barriers.is_empty();
    let parts_missing = by_zone.iter().filter(|part| concerns(part)).count();
    let mut parts = Vec::new();
    parts.resize_with(by_zone.len(), Vec::new);
    let ending = Some((ending, pass));
    let state = State { zones, parts, parts_missing, batch, ending };
    let flight = Arc::new(Flight {
        state: Mutex::new(state),
        landing: Condvar::new(),
        has_landed: AtomicBool::new(false),
    });
    let part = |(zone, requests): (ZoneId, Vec<Request>)| {
        let barriers = std::mem::take(&mut by_zone_barriers[usize::from(zone.get())]);
        (zone, Part { flight: Arc::clone(&flight), requests, barriers })
    };
    let is_concerned = |(_, requests): &(ZoneId, Vec<Request>)| concerns(requests);
    let parts = zone_count.zones().zip(by_zone).filter(is_concerned).map(part).collect();
    (flight, parts)
}

/// Each zone's barrier messages: the same for all, each with its place among the zone's requests.
fn barriers_by_zone(
    barriers: &[BarrierMessage],
    zones: &[u8],
    zone_count: usize,
) -> Vec<Vec<BarrierMessage>> {
    let mut by_zone = vec![Vec::new(); zone_count];
    let mut counts = vec![0; zone_count];
    let mut counted = 0;
    for &BarrierMessage { before, chapter } in barriers {
        for &zone in &zones[counted..before] {
            counts[usize::from(zone)] += 1;
        }
        counted = before;
        for (messages, &before) in by_zone.iter_mut().zip(&counts) {
            messages.push(BarrierMessage { before, chapter });
        }
    }
    by_zone
}

impl Flight {
    /// Takes a part back. Returns the batch if that was the last part and a function waits for it.
    #[must_use]
    pub(crate) fn take_back(&self, zone: ZoneId, requests: Vec<Request>) -> Option<Landed> {
        let mut state = lock(&self.state);
        state.parts[usize::from(zone.get())] = requests;
        state.parts_missing -= 1;
        if state.parts_missing > 0 {
            return None;
        }
        state.join();
        self.land(&mut state)
    }

    /// Ends the flight of a batch without requests, which has no part that could come back.
    #[must_use]
    pub(crate) fn land_empty(&self) -> Option<Landed> {
        self.land(&mut lock(&self.state))
    }

    fn land(&self, state: &mut State) -> Option<Landed> {
        let (ending, mut pass) = state.ending.take()?;
        pass.executed();
        if let Ending::Call(call) = ending {
            let batch = std::mem::take(&mut state.batch);
            return Some(Landed { call, batch, pass });
        }
        self.has_landed.store(true, Ordering::Release);
        self.landing.notify_one();
        // Whoever waits for all batches finds this one's answers at its owner.
        drop(pass);
        None
    }

    /// Whether the batch is whole again, for flights with an owner.
    pub(crate) fn has_landed(&self) -> bool {
        self.has_landed.load(Ordering::Acquire)
    }

    /// Waits until the batch is whole again, and takes it. For the owner, once.
    pub(crate) fn wait(&self) -> Batch {
        let mut state = lock(&self.state);
        while !self.has_landed() {
            state = wait(&self.landing, state);
        }
        std::mem::take(&mut state.batch)
    }
}

impl State {
    /// Puts the parts together in the old order.
    fn join(&mut self) {
        if self.zones.is_empty() {
            if let Some(only) = self.parts.iter_mut().find(|part| !part.is_empty()) {
                self.batch.restore(std::mem::take(only));
            }
            return;
        }
        let mut parts: Vec<_> =
            self.parts.iter_mut().map(|part| std::mem::take(part).into_iter()).collect();
        let zones = std::mem::take(&mut self.zones);
        let next = |&zone: &u8| parts[usize::from(zone)].next();
        self.batch.refill(zones.iter().filter_map(next));
    }
}

/// A claim to a batch that was handed over with [`Index::submit`](crate::Index::submit).
///
/// Dropping it does not recall the batch.
#[derive(Debug)]
#[must_use = "the answers are in the batch that `wait` returns"]
pub struct Ticket {
    flight: Arc<Flight>,
}

impl Ticket {
    pub(crate) fn new(flight: Arc<Flight>) -> Self {
        Self { flight }
    }

    /// Waits until all requests of the batch have been carried out, and returns it.
    #[must_use]
    pub fn wait(self) -> Batch {
        self.flight.wait()
    }

    /// Whether [`wait`](Self::wait) would return at once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.flight.has_landed()
    }
}
