//! The requests of a zone that are not done yet: parts of batches, and who waits for pages.
//!
//! A request that needs a page which is not in memory *waits*: the rest of its part goes on.
//! Requests for the same name queue up behind it, so that those for one name keep their order.
//!
//! | state of a request | where it is | leaves by |
//! |---|---|---|
//! | to come | its part, from `next` on | its turn |
//! | waiting | `waiting`, under its token | the page's arrival, or its failure |
//! | behind another | `behind` that one's name | the answer of the one before it |
//! | ready | `ready` | its turn, before those to come |
//! | answered | its part | |
//!
//! # Invariants
//!
//! 1. Of the requests for a name, at most one waits for a page. While one does, `behind` has an
//!    entry for the name, and no other request for it is executed.
//! 2. A part is finished when nothing of it is to come and nothing waits, is behind or is ready.
//! 3. A token is used again only after it came back.

use std::collections::{HashMap, VecDeque};

use slab::Slab;
use uds_geometry::{RecordName, VirtualChapter};
use uds_volume::Progress;

use super::zone::{Known, Question};
use crate::flight::Part;
use crate::request::Request;

/// A request of a part that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The part's place in the slab.
    pub(super) part: usize,
    /// The request's position in the part.
    pub(super) position: usize,
}

/// A part of a batch, being carried out.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) part: Part,
    /// The position of the first request that has not had its turn.
    pub(super) next: usize,
    /// How many before it have no answer yet.
    pub(super) unanswered: usize,
    /// How many of the part's barrier messages the zone has passed.
    barriers_passed: usize,
}

impl Running {
    /// The position of the first request that the zone does not come to before it has passed
    /// another barrier message, or done everything.
    pub(super) fn end(&self) -> usize {
        let barrier = self.part.barriers.get(self.barriers_passed);
        barrier.map_or(self.part.requests.len(), |barrier| barrier.before)
    }

    fn due_barrier(&self) -> Option<VirtualChapter> {
        let barrier = self.part.barriers.get(self.barriers_passed)?;
        (barrier.before <= self.next).then_some(barrier.chapter)
    }
}

/// A request that waits for a page.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    place: Place,
    /// What it has learnt so far.
    known: Known,
    /// What the page will tell.
    question: Question,
}

/// All requests that a zone has begun with.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    parts: Slab<Running>,
    /// The part that requests are taken from.
    current: Option<usize>,
    waiting: Slab<Waiter>,
    behind: HashMap<RecordName, VecDeque<Place>>,
    ready: VecDeque<Place>,
    finished: VecDeque<usize>,
}

impl Waiting {
    /// Begins with a part. There must be no current one.
    pub(super) fn begin(&mut self, part: Part) {
        debug_assert!(self.current.is_none(), "one part at a time is begun");
        self.current =
            Some(self.parts.insert(Running { part, next: 0, unanswered: 0, barriers_passed: 0 }));
    }

    /// The chapter of the barrier message that the zone has come to, if it has come to one.
    pub(super) fn due_barrier(&self) -> Option<VirtualChapter> {
        self.parts[self.current?].due_barrier()
    }

    /// The zone has passed the barrier message that was due.
    pub(super) fn pass_barrier(&mut self) {
        if let Some(current) = self.current {
            self.parts[current].barriers_passed += 1;
        }
    }

    /// Ends taking requests from the current part, if all of them, and all of its barrier
    /// messages, have had their turn.
    pub(super) fn end_current_if_done(&mut self) {
        let Some(current) = self.current else { return };
        let running = &self.parts[current];
        let is_done = running.next == running.part.requests.len()
            && running.barriers_passed == running.part.barriers.len();
        if is_done {
            self.end_current();
        }
    }

    /// The place of the part that requests are taken from, if there is one.
    pub(super) fn current(&self) -> Option<usize> {
        self.current
    }

    /// A part that was begun with.
    pub(super) fn part(&mut self, part: usize) -> &mut Running {
        &mut self.parts[part]
    }

    pub(super) fn request(&mut self, place: Place) -> &mut Request {
        &mut self.parts[place.part].part.requests[place.position]
    }

    fn end_current(&mut self) {
        if let Some(part) = self.current.take() {
            self.note_if_finished(part);
        }
    }

    /// The token that the next request to wait will have.
    pub(super) fn next_token(&self) -> u64 {
        self.waiting.vacant_key() as u64
    }

    /// Whether requests for `name` must queue up.
    pub(super) fn is_awaited(&self, name: &RecordName) -> bool {
        !self.behind.is_empty() && self.behind.contains_key(name)
    }

    /// A request waits, with the token that [`next_token`](Self::next_token) gave.
    pub(super) fn wait(
        &mut self,
        name: RecordName,
        place: Place,
        known: Known,
        question: Question,
    ) {
        self.waiting.insert(Waiter { place, known, question });
        self.behind.entry(name).or_default();
    }

    /// A request queues up behind one for the same name.
    pub(super) fn queue_up(&mut self, name: RecordName, place: Place) {
        self.behind.entry(name).or_default().push_back(place);
    }

    /// The request whose token came back, with `progress` if its page could be read, and what
    /// it knows now. `None` for a token that nobody waits with.
    pub(super) fn came_back(
        &mut self,
        token: u64,
        chapter: VirtualChapter,
        progress: Option<Progress>,
    ) -> Option<(Place, Known)> {
        let Waiter { place, mut known, question } =
            self.waiting.try_remove(usize::try_from(token).ok()?)?;
        if let Some(progress) = progress {
            known.learn(question, chapter, progress);
        }
        Some((place, known))
    }

    /// A request that had waited, or was behind one, has its answer: the next for its name is
    /// ready.
    pub(super) fn answered(&mut self, name: &RecordName, place: Place) {
        match self.behind.get_mut(name).map(VecDeque::pop_front) {
            Some(Some(next)) => self.ready.push_back(next),
            Some(None) => drop(self.behind.remove(name)),
            None => {}
        }
        self.parts[place.part].unanswered -= 1;
        self.note_if_finished(place.part);
    }

    /// A request that can go on at once.
    pub(super) fn next_ready(&mut self) -> Option<Place> {
        self.ready.pop_front()
    }

    /// Whether the zone has anything to do, apart from what comes through its port.
    pub(super) fn has_work(&self) -> bool {
        self.current.is_some() || !self.ready.is_empty() || !self.finished.is_empty()
    }

    /// Whether there is a part all of whose requests are answered.
    pub(super) fn has_finished(&self) -> bool {
        !self.finished.is_empty()
    }

    /// A part all of whose requests are answered.
    pub(super) fn next_finished(&mut self) -> Option<Part> {
        let part = self.finished.pop_front()?;
        Some(self.parts.remove(part).part)
    }

    fn note_if_finished(&mut self, part: usize) {
        if self.current != Some(part) && self.parts[part].unanswered == 0 {
            self.finished.push_back(part);
        }
    }
}
