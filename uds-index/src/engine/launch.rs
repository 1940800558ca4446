//! Batches on their way to the zones, and callers that help there.

use super::{Engine, Seat, Task};
use crate::IndexError;
use crate::flight::{Ending, Flight, Splitting, split};
use crate::gate::{Caller, Pass};
use crate::port::Wake;
use crate::request::Batch;
use crate::sync::Arc;
use crate::sync::counter::{AtomicUsize, Ordering};

/// Some of the zones, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ZoneSet(u16);

impl ZoneSet {
    fn contains(self, seat: &Seat) -> bool {
        self.0 >> seat.id.get() & 1 == 1
    }
}

impl Engine {
    /// Lets a batch of so many requests in, as soon as there is room.
    ///
    /// # Errors
    ///
    /// [`IndexError::Suspended`] and [`IndexError::Closed`].
    pub(crate) fn admit(&self, requests: usize, caller: Caller) -> Result<Pass, IndexError> {
        self.gate.enter(requests, caller)
    }

    /// Hands a batch to the zones that it concerns. A caller that `helps` does what its zones have
    /// to do itself, as far as nobody else does.
    pub(crate) fn launch(
        &self,
        batch: Batch,
        ending: Ending,
        pass: Pass,
        helps: bool,
    ) -> Arc<Flight> {
        let order = self.triage(&batch);
        let splitting = Splitting {
            parameters: &self.parameters,
            zone_count: self.zone_count,
            barriers: &order.barriers,
        };
        let (flight, parts) = split(batch, &splitting, ending, pass);
        if parts.is_empty() {
            if let Some(landed) = flight.land_empty() {
                self.callbacks.call(landed);
            }
            return flight;
        }
        let zones = ZoneSet(parts.iter().fold(0, |zones, (zone, _)| zones | 1 << zone.get()));
        // The caller comes to its first zone at once.
        let first = if helps { self.in_turn(zones).next().map(|seat| seat.id) } else { None };
        for (zone, part) in parts {
            let wake = if Some(zone) == first { Wake::Nobody } else { Wake::Worker };
            self.seat(zone).port.push(Task::Part(part), wake);
        }
        drop(order);
        if helps {
            self.help(&flight, zones);
        }
        flight
    }

    /// Does what some zones have to do, until the flight has landed or others have them all in
    /// hand.
    fn help(&self, flight: &Flight, zones: ZoneSet) {
        let has_landed = || flight.has_landed();
        let mut is_useful = true;
        while is_useful {
            is_useful = false;
            for seat in self.in_turn(zones) {
                if has_landed() {
                    return;
                }
                if let Some(hold) = seat.port.try_hold() {
                    is_useful = true;
                    self.work(seat, hold, &has_landed);
                }
            }
        }
    }

    /// Some zones, in the order in which this thread prefers them.
    fn in_turn(&self, zones: ZoneSet) -> impl Iterator<Item = &Seat> {
        let (before, from) = self.seats.split_at(preference() % self.seats.len());
        from.iter().chain(before).filter(move |seat| zones.contains(seat))
    }
}

/// A number that differs from thread to thread: callers that help begin with different zones,
/// and each with the same as last time, whose memory its core has at hand.
fn preference() -> usize {
    // Counts threads; orders nothing.
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PREFERENCE: usize = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    PREFERENCE.with(|preference| *preference)
}
