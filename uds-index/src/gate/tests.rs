//! Tests of the gate with real threads; `models.rs` has the proofs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{Caller, Gate, MAX_REQUESTS_IN_FLIGHT, Pass};
use crate::IndexError;

fn gate(max_requests: usize) -> Arc<Gate> {
    Arc::new(Gate::new(max_requests))
}

fn enter(gate: &Arc<Gate>, requests: usize) -> Pass {
    gate.enter(requests, Caller::Other).unwrap()
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

fn line_length(gate: &Gate) -> usize {
    crate::sync::lock(&gate.state).line.len()
}

fn waiter_count(gate: &Gate) -> usize {
    crate::sync::lock(&gate.state).waiters
}

/// What came to pass, in order.
type Log = Mutex<Vec<&'static str>>;

// Guards against unbounded memory, and against limits that are one off.
#[test]
fn requests_in_flight_are_bounded() {
    let gate = gate(4);
    let first = enter(&gate, 3);
    let second = enter(&gate, 1);
    let log = Log::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            let _pass = enter(&gate, 2);
            log.lock().unwrap().push("in");
        });
        until(|| line_length(&gate) == 1);
        drop(second);
        // Three and two are too many.
        log.lock().unwrap().push("first leaves");
        drop(first);
    });
    assert_eq!(*log.lock().unwrap(), ["first leaves", "in"]);
    let whole = enter(&gate, 4);
    drop(enter(&gate, 0));
    drop(whole);
}

// Guards a large batch against starving: small ones that came later fit, and must wait all the
// same; it goes in alone.
#[test]
fn a_large_batch_gets_its_turn_and_goes_alone() {
    let gate = gate(4);
    let log = Log::default();
    let first = enter(&gate, 1);
    thread::scope(|scope| {
        let large = scope.spawn(|| {
            let pass = enter(&gate, 10);
            log.lock().unwrap().push("large");
            pass
        });
        until(|| line_length(&gate) == 1);
        let small = scope.spawn(|| {
            let pass = enter(&gate, 1);
            log.lock().unwrap().push("small");
            pass
        });
        until(|| line_length(&gate) == 2);
        drop(first);
        let large = large.join().unwrap();
        assert_eq!(line_length(&gate), 1);
        log.lock().unwrap().push("large leaves");
        drop(large);
        drop(small.join().unwrap());
    });
    assert_eq!(*log.lock().unwrap(), ["large", "large leaves", "small"]);
}

// Guards against starving by completions that hand over a batch each, for ever.
#[test]
fn completions_cannot_keep_a_large_batch_out() {
    let gate = gate(4);
    let first = enter(&gate, 4);
    // Does not wait, though there is no room.
    let mut chain = gate.enter(4, Caller::Completion).unwrap();
    thread::scope(|scope| {
        let large = scope.spawn(|| enter(&gate, 10));
        until(|| line_length(&gate) == 1);
        drop(first);
        while !large.is_finished() {
            chain = gate.enter(4, Caller::Completion).unwrap();
        }
        let large = large.join().unwrap();
        // What completions have in flight does count for those who come by turns.
        let next = scope.spawn(|| enter(&gate, 1));
        until(|| line_length(&gate) == 1);
        drop(large);
        drop(next.join().unwrap());
    });
    drop(chain);
}

// Guards several callers that fit at once: each must let the next one know.
#[test]
fn all_that_fit_go_in() {
    let gate = gate(4);
    let full = enter(&gate, 4);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| enter(&gate, 1))).collect();
        until(|| line_length(&gate) == 4);
        drop(full);
        // All are in before the first leaves.
        let passes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(passes.len(), 4);
    });
}

// Guards a flush both ways: it must not return before what came before, in whatever order that
// ends, nor wait for what comes after, which might never cease.
#[test]
fn a_wait_is_for_those_before_and_for_no_others() {
    let gate = gate(MAX_REQUESTS_IN_FLIGHT);
    gate.wait_for_those_before(Caller::Other);
    drop(enter(&gate, 1));
    gate.wait_for_those_before(Caller::Other);
    let (first, second) = (enter(&gate, 1), enter(&gate, 1));
    let log = Log::default();
    thread::scope(|scope| {
        let early = scope.spawn(|| {
            gate.wait_for_those_before(Caller::Other);
            log.lock().unwrap().push("early wait is over");
        });
        until(|| waiter_count(&gate) == 1);
        let third = enter(&gate, 1);
        let late = scope.spawn(|| {
            gate.wait_for_those_before(Caller::Other);
            log.lock().unwrap().push("late wait is over");
        });
        until(|| waiter_count(&gate) == 2);
        let fourth = enter(&gate, 1);
        drop(second);
        log.lock().unwrap().push("first leaves");
        drop(first);
        early.join().unwrap();
        log.lock().unwrap().push("third leaves");
        drop(third);
        late.join().unwrap();
        drop(fourth);
    });
    let wanted = ["first leaves", "early wait is over", "third leaves", "late wait is over"];
    assert_eq!(*log.lock().unwrap(), wanted);
    let state = crate::sync::lock(&gate.state);
    assert_eq!((state.epochs.len(), state.requests, state.by_turns), (1, 0, 0));
}

// Guards completions that flush: their own batch cannot be completed before they return, nor
// another completion's that does the same, but the requests must have been executed.
#[test]
fn a_completion_waits_for_requests_only() {
    let gate = gate(8);
    let (mut first, mut second) = (enter(&gate, 1), enter(&gate, 1));
    first.executed();
    let log = Log::default();
    thread::scope(|scope| {
        let completion = scope.spawn(|| {
            gate.wait_for_those_before(Caller::Completion);
            log.lock().unwrap().push("over for the completion");
        });
        let other = scope.spawn(|| {
            gate.wait_for_those_before(Caller::Other);
            log.lock().unwrap().push("over for the other");
        });
        until(|| waiter_count(&gate) == 2);
        log.lock().unwrap().push("second is executed");
        second.executed();
        second.executed();
        completion.join().unwrap();
        drop(second);
        log.lock().unwrap().push("first is completed");
        drop(first);
        other.join().unwrap();
    });
    let wanted = [
        "second is executed",
        "over for the completion",
        "first is completed",
        "over for the other",
    ];
    assert_eq!(*log.lock().unwrap(), wanted);
}

// Guards the end of an index: nobody may get in late, nor wait in line for ever, and the wait
// after it is for all.
#[test]
fn nobody_gets_in_after_the_stop() {
    let gate = gate(4);
    let mut pass = enter(&gate, 4);
    thread::scope(|scope| {
        let in_line = scope.spawn(|| gate.enter(1, Caller::Other));
        until(|| line_length(&gate) == 1);
        gate.stop();
        assert!(matches!(in_line.join().unwrap(), Err(IndexError::Closed)));
        for caller in [Caller::Other, Caller::Completion] {
            assert!(matches!(gate.enter(1, caller), Err(IndexError::Closed)));
        }
        let drain = scope.spawn(|| gate.wait_for_those_before(Caller::Other));
        until(|| waiter_count(&gate) == 1);
        pass.executed();
        assert!(!drain.is_finished());
        drop(pass);
    });
}

// Guards everybody else: a batch that a panic loses must not be in flight for ever.
#[test]
fn a_panic_gives_the_room_back() {
    let gate = gate(1);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _pass = enter(&gate, 1);
        panic!("as a bug would");
    }));
    assert!(result.is_err());
    drop(enter(&gate, 1));
    gate.wait_for_those_before(Caller::Other);
}

// Guards the counts under load: with callers of all kinds, nothing is left over, and the limit
// holds all the time.
#[test]
fn many_callers_leave_nothing_behind() {
    const MAX: usize = 16;
    let gate = gate(MAX);
    thread::scope(|scope| {
        for caller in 0..4_usize {
            let gate = &gate;
            scope.spawn(move || {
                for round in 0..10_000_usize {
                    let size = 1 + (round * 7 + caller * 5) % 20;
                    let pass = enter(gate, size);
                    let in_flight = crate::sync::lock(&gate.state).requests;
                    assert!(in_flight <= MAX.max(size), "{in_flight} with {size}");
                    if round % 64 == caller {
                        drop(pass);
                        gate.wait_for_those_before(Caller::Other);
                    }
                }
            });
        }
    });
    let state = crate::sync::lock(&gate.state);
    assert_eq!((state.requests, state.by_turns, state.waiters), (0, 0, 0));
    assert_eq!((state.line.len(), state.epochs.len()), (0, 1));
}
