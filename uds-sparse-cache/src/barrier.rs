//! A reusable barrier at which arriving and waiting are two things.
//!
//! | state | arrived | next |
//! |---|---|---|
//! | round `r` is open | fewer than all | the same, with one more; or the next line |
//! | round `r` is over | all | round `r + 1` is open, with none |
//!
//! # Invariants
//!
//! 1. Round `r` is over when each party has arrived `r + 1` times, and not before: a party arrives
//!    again only after it has seen its round over.
//! 2. What a party did before it arrived is seen by whoever sees the round over: both hold the
//!    mutex.

use crate::sync::{Condvar, Mutant, Mutex, is_mutated, lock, wait};

/// A place where a number of parties meet, again and again.
///
/// A party that has arrived may do other things before it asks whether all have come, as long as
/// it arrives again only after its round was over.
#[derive(Debug)]
pub struct Barrier {
    parties: usize,
    state: Mutex<State>,
    /// Notified when a round is over.
    over: Condvar,
}

#[derive(Debug)]
struct State {
    arrived: usize,
    rounds_over: u64,
}

/// What a party learns when it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Arrival {
    /// The round that it has arrived in, counted from 0.
    pub round: u64,
    /// Whether it was the last, so that the round is over.
    pub is_last: bool,
}

impl Barrier {
    /// A barrier for a number of parties, at least one.
    #[must_use]
    pub fn new(parties: usize) -> Self {
        Self {
            parties: parties.max(1),
            state: Mutex::new(State { arrived: 0, rounds_over: 0 }),
            over: Condvar::new(),
        }
    }

    /// Arrives, and does not wait.
    pub fn arrive(&self) -> Arrival {
        let parties = self.parties - usize::from(is_mutated(Mutant::BarrierOpensEarly));
        let mut state = lock(&self.state);
        state.arrived += 1;
        let round = state.rounds_over;
        let is_last = state.arrived == parties;
        if is_last {
            state.arrived = 0;
            state.rounds_over += 1;
        }
        drop(state);
        if is_last && !is_mutated(Mutant::BarrierWakesNobody) {
            self.over.notify_all();
        }
        Arrival { round, is_last }
    }

    /// Whether a round is over.
    #[must_use]
    pub fn is_over(&self, round: u64) -> bool {
        lock(&self.state).rounds_over > round
    }

    /// Waits until a round is over.
    pub fn wait(&self, round: u64) {
        let mut state = lock(&self.state);
        let is_open = |state: &State| match is_mutated(Mutant::BarrierForgetsRound) {
            true => state.arrived > 0,
            false => state.rounds_over <= round,
        };
        while is_open(&state) {
            state = wait(&self.over, state);
        }
    }
}
