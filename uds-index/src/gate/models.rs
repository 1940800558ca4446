//! Models of the gate, each with the weakenings that it catches.

use super::{Caller, Gate, Pass};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Condvar, Mutant, Mutex, lock, model, mutant, thread, wait};

fn gate(max_requests: usize) -> Arc<Gate> {
    Arc::new(Gate::new(max_requests))
}

fn enter(gate: &Arc<Gate>, requests: usize) -> Pass {
    gate.enter(requests, Caller::Other).unwrap()
}

/// Three callers, and room for one.
fn room() {
    let gate = gate(1);
    let inside = Arc::new(AtomicUsize::new(0));
    let visit = {
        let inside = Arc::clone(&inside);
        move |gate: &Arc<Gate>, requests| {
            let pass = enter(gate, requests);
            assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0, "one at a time");
            inside.fetch_sub(1, Ordering::Relaxed);
            drop(pass);
        }
    };
    // One of them is larger than the limit.
    let callers = [1, 2].map(|requests| {
        let (gate, visit) = (Arc::clone(&gate), visit.clone());
        thread::spawn(move || visit(&gate, requests))
    });
    visit(&gate, 1);
    for caller in callers {
        caller.join().unwrap();
    }
}

#[test]
fn room_that_is_given_back_is_used() {
    model("gate/room", room);
    mutant("gate/room", Mutant::GateLeavesSilently, room);
}

/// Two callers in line who both fit when a large batch leaves, and who leave only when both are in.
fn turns() {
    let gate = gate(2);
    let large = enter(&gate, 2);
    let inside = Arc::new((Mutex::new(0), Condvar::new()));
    let callers = [(); 2].map(|()| {
        let (gate, inside) = (Arc::clone(&gate), Arc::clone(&inside));
        thread::spawn(move || {
            let pass = enter(&gate, 1);
            let (count, changed) = &*inside;
            let mut count = lock(count);
            *count += 1;
            changed.notify_all();
            while *count < 2 {
                count = wait(changed, count);
            }
            drop(count);
            drop(pass);
        })
    });
    drop(large);
    for caller in callers {
        caller.join().unwrap();
    }
}

#[test]
fn all_that_fit_go_in() {
    model("gate/turns", turns);
    mutant("gate/turns", Mutant::GateTurnIsSilent, turns);
}

/// Two batches whose completions flush, and a caller that flushes too.
fn flush() {
    let gate = gate(4);
    let completed = Arc::new(AtomicUsize::new(0));
    let batches = [(); 2].map(|()| {
        let mut pass = enter(&gate, 1);
        let (gate, completed) = (Arc::clone(&gate), Arc::clone(&completed));
        thread::spawn(move || {
            pass.executed();
            gate.wait_for_those_before(Caller::Completion);
            completed.fetch_add(1, Ordering::Relaxed);
        })
    });
    gate.wait_for_those_before(Caller::Other);
    assert_eq!(completed.load(Ordering::Relaxed), 2);
    for batch in batches {
        batch.join().unwrap();
    }
}

#[test]
fn a_flush_waits_for_what_it_must_and_ends() {
    model("gate/flush", flush);
    for weakening in
        [Mutant::GateLeavesSilently, Mutant::GateExecutesSilently, Mutant::GateForgetsCompletions]
    {
        mutant("gate/flush", weakening, flush);
    }
}

/// The gate is shut, with one caller in flight and one at the gate.
fn shut(shut: fn(&Gate)) {
    let gate = gate(1);
    let pass = enter(&gate, 1);
    let caller = thread::spawn({
        let gate = Arc::clone(&gate);
        // The room is given back only after this caller has been sent away.
        move || gate.enter(1, Caller::Other).is_err()
    });
    shut(&gate);
    assert!(caller.join().unwrap());
    drop(pass);
    gate.wait_for_those_before(Caller::Other);
}

#[test]
fn nobody_waits_at_a_shut_gate() {
    for (name, door) in [("gate/stop", Gate::stop as fn(&Gate)), ("gate/suspend", Gate::suspend)] {
        model(name, move || shut(door));
        mutant(name, Mutant::GateShutsSilently, move || shut(door));
    }
}

/// Three callers, room for one, and a gate that is suspended and opened meanwhile: each gets in or
/// is sent away, and turns are not lost.
fn reopened() {
    let gate = gate(1);
    let callers = [(); 2].map(|()| {
        let gate = Arc::clone(&gate);
        thread::spawn(move || drop(gate.enter(1, Caller::Other)))
    });
    gate.suspend();
    gate.wait_for_those_before(Caller::Other);
    gate.open();
    drop(enter(&gate, 1));
    for caller in callers {
        caller.join().unwrap();
    }
    drop(enter(&gate, 1));
}

#[test]
fn a_gate_that_is_opened_again_lets_in() {
    model("gate/reopened", reopened);
    mutant("gate/reopened", Mutant::GateLeavesSilently, reopened);
}
