//! What the holder of a zone does: requests, returned reads, chapters to close.
//!
//! Whoever holds a zone does the work that waits there, whoever it is for: the zone's worker, or a
//! caller that waits for its batch. Nobody waits for anything while holding a zone, but for
//! room in the read queue, which empties by itself.
//!
//! # The order of work
//!
//! 1. An open chapter that is full, or that another zone has closed, is closed before anything
//!    else. If it cannot be, because the chapter before is not written, the zone *stalls* until
//!    it is.
//! 2. Parts whose requests are all answered go back.
//! 3. A zone that is at a meeting (see [`meetings`](super::meetings)) stalls until that is over.
//! 4. Whoever waits for the zone exclusively gets it.
//! 5. Reads that came back, and requests that were behind one that is done.
//! 6. The part that was begun, 64 requests at a time, and its barrier messages between them.
//! 7. The port's main queue, first in, first out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use uds_volume::FinishedRead;

use super::waiting::{Place, Waiting};
use super::zone::{Known, Outcome, Turn, Zone};
use super::{Engine, Hold, Seat, Task};
use crate::IndexError;
use crate::port::{Next, Stall};
use crate::request::{Operation, Request};
use crate::statistics::Statistics;
use crate::sync::Arc;

/// How many requests are looked up in the volume index together before they are carried out.
const REQUESTS_BEGUN_TOGETHER: usize = 64;

/// What the holder of a zone works with.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) zone: Zone,
    pub(super) waiting: Waiting,
    /// Counts the zone's answers.
    pub(super) counted: Statistics,
    /// Whether a [`Task::GoOn`] is in the port.
    pub(super) is_noted: bool,
}

impl Engine {
    /// Does what is to be done at a zone, until there is nothing, or `is_enough`.
    pub(super) fn work(&self, seat: &Seat, mut hold: Hold<'_>, is_enough: &dyn Fn() -> bool) {
        loop {
            let desk = hold.zone();
            if self.must_close(&desk.zone) && !self.close_chapter(seat.id, &mut desk.zone) {
                let chapter = desk.zone.newest;
                return Self::stall(seat, hold, Stall::Chapter, chapter.get());
            }
            self.hand_back_finished(seat, desk);
            if let Some(step) = self.meet(desk) {
                return Self::stall(seat, hold, Stall::Meeting, step);
            }
            if is_enough() || hold.is_wanted() {
                break;
            }
            if hold.has_retries() || !hold.zone().waiting.has_work() {
                match hold.next() {
                    Some(Next::Retry(read)) => self.go_on_after_read(hold.zone(), read),
                    Some(Next::Task(Task::Part(part))) => hold.zone().waiting.begin(part),
                    Some(Next::Task(Task::GoOn)) => hold.zone().is_noted = false,
                    None => break,
                }
            } else if let Some(place) = hold.zone().waiting.next_ready() {
                self.go_on(hold.zone(), place, Known::default());
            } else {
                self.carry_on(hold.zone());
            }
        }
        let desk = hold.zone();
        seat.publish(desk);
        if desk.waiting.has_work() {
            Self::note(&mut hold);
        }
    }

    /// Lets go of a zone that cannot go on before a number has reached `until`.
    fn stall(seat: &Seat, mut hold: Hold<'_>, stall: Stall, until: u64) {
        seat.publish(hold.zone());
        Self::note(&mut hold);
        hold.stall(stall, until);
    }

    /// Notes in the port that the zone has something to do.
    fn note(hold: &mut Hold<'_>) {
        if !std::mem::replace(&mut hold.zone().is_noted, true) {
            hold.put_back(Task::GoOn);
        }
    }

    /// Whether the zone has no room for another record, or another zone has closed its chapter.
    fn must_close(&self, zone: &Zone) -> bool {
        let is_over = zone.open.is_full() || self.chapters.first_open() > zone.newest;
        is_over && !self.is_poisoned()
    }

    /// Carries out the next requests of the current part.
    fn carry_on(&self, desk: &mut Desk) {
        let Some(part) = desk.waiting.current() else { return };
        if !self.attend(desk) {
            return;
        }
        let running = desk.waiting.part(part);
        let start = running.next;
        let end = running.end().min(start + REQUESTS_BEGUN_TOGETHER);
        let requests = &running.part.requests[start..end];
        let Zone { index, open, .. } = &mut desk.zone;
        let puts = requests.iter().filter(|request| request.operation != Operation::QueryNoUpdate);
        std::hint::black_box(puts.fold(0, |all, request| all ^ open.touch(&request.name)));
        index.look_ahead(requests.iter().map(Request::name));
        for position in start..end {
            desk.waiting.part(part).next = position + 1;
            let place = Place { part, position };
            let name = *desk.waiting.request(place).name();
            if desk.waiting.is_awaited(&name) {
                desk.waiting.part(part).unanswered += 1;
                desk.waiting.queue_up(name, place);
            } else if !self.execute(desk, place, Known::default(), Some(position - start)) {
                desk.waiting.part(part).unanswered += 1;
            }
            if desk.zone.open.is_full() {
                break;
            }
        }
        desk.waiting.end_current_if_done();
    }

    /// Goes on with a request whose page was read, or could not be.
    fn go_on_after_read(&self, desk: &mut Desk, read: FinishedRead) {
        let progress = read.outcome.as_ref().ok().copied();
        let Some((place, known)) = desk.waiting.came_back(read.token, read.chapter, progress)
        else {
            return;
        };
        match read.outcome {
            Ok(_) => self.go_on(desk, place, known),
            Err(error) => {
                let request = desk.waiting.request(place);
                let name = *request.name();
                request.answer = Some(Err(Arc::new(IndexError::Read(error))));
                desk.waiting.answered(&name, place);
            }
        }
    }

    /// Goes on with a request that had waited, or was behind one that has its answer.
    fn go_on(&self, desk: &mut Desk, place: Place, known: Known) {
        let name = *desk.waiting.request(place).name();
        if self.execute(desk, place, known, None) {
            desk.waiting.answered(&name, place);
        }
    }

    /// Executes a request, which was the one at `ahead` among those that were begun together, if
    /// it was any. Says whether it has its answer; if not, it waits.
    fn execute(&self, desk: &mut Desk, place: Place, known: Known, ahead: Option<usize>) -> bool {
        let token = desk.waiting.next_token();
        let Desk { zone, waiting, counted, .. } = desk;
        let request = waiting.request(place);
        let (operation, name, data) = (request.operation, request.name, request.data);
        let attempt = || {
            let operation = self.permitted(operation)?;
            zone.execute(operation, &name, &data, &known, Turn { token, ahead })
        };
        let result = catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| {
            self.poison_with(IndexError::Panicked);
            Err(IndexError::Panicked)
        });
        let answer = match result {
            Ok(Outcome::Waiting(question)) => {
                waiting.wait(name, place, known, question);
                return false;
            }
            Ok(Outcome::Answered(answer)) => {
                counted.count(operation, &answer);
                Ok(answer)
            }
            Err(error) => Err(Arc::new(error)),
        };
        waiting.request(place).answer = Some(answer);
        true
    }

    /// What is done for an operation: in a poisoned index, queries change nothing.
    fn permitted(&self, operation: Operation) -> Result<Operation, IndexError> {
        if !self.is_poisoned() {
            return Ok(operation);
        }
        if operation.is_change() {
            self.check_poison()?;
        }
        // There may be no room for what a query would move.
        Ok(Operation::QueryNoUpdate)
    }

    /// Gives back the parts whose requests are all answered.
    fn hand_back_finished(&self, seat: &Seat, desk: &mut Desk) {
        if !desk.waiting.has_finished() {
            return;
        }
        // Whoever gets its answers finds them counted.
        seat.publish(desk);
        while let Some(part) = desk.waiting.next_finished() {
            if let Some(landed) = part.flight.take_back(seat.id, part.requests) {
                self.callbacks.call(landed);
            }
        }
    }
}
