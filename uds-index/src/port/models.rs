//! Models of the port, each with the weakenings that it catches. Callers wait for what they have
//! handed over, as they do in the index, so that each wake-up that is lost is a deadlock.

use super::{Hold, Next, Port, Stall, Wake};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Condvar, Mutant, Mutex, lock, model, mutant, thread, wait};

/// A port whose zone writes down what was done to it, in order, and how much that is.
struct World {
    port: Port<Vec<u32>, u32, u32>,
    /// What stalls wait for.
    progress: AtomicU64,
    /// Whether the zone is to see to something first.
    call: Mutex<bool>,
    done: Mutex<usize>,
    changed: Condvar,
}

type TestHold<'a> = Hold<'a, Vec<u32>, u32, u32>;

/// A task that can be done once `progress` is 1.
const STALLS: u32 = 100;

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            port: Port::new(Vec::new()),
            progress: AtomicU64::new(0),
            call: Mutex::new(false),
            done: Mutex::new(0),
            changed: Condvar::new(),
        })
    }

    /// Does what waits, as long as that can be done and nobody wants the zone.
    fn work(&self, mut hold: TestHold<'_>) {
        if std::mem::take(&mut *lock(&self.call)) {
            self.progress.store(1, Ordering::Release);
            self.port.resume(Stall::Chapter, 1);
        }
        while let Some(next) = hold.next() {
            let (Next::Task(number) | Next::Retry(number)) = next;
            if number == STALLS && self.progress.load(Ordering::Acquire) < 1 {
                hold.put_back(number);
                return hold.stall(Stall::Chapter, 1);
            }
            hold.zone().push(number);
            *lock(&self.done) += 1;
            self.changed.notify_all();
            if hold.is_wanted() {
                return;
            }
        }
    }

    fn help(&self) {
        if let Some(hold) = self.port.try_hold() {
            self.work(hold);
        }
    }

    /// Waits until `count` tasks and retries have been done.
    fn wait_for(&self, count: usize) {
        let mut done = lock(&self.done);
        while *done < count {
            done = wait(&self.changed, done);
        }
    }

    /// Ends the worker, and returns what was done.
    fn end(&self, worker: thread::JoinHandle<()>) -> Vec<u32> {
        self.port.stop();
        worker.join().unwrap();
        std::mem::take(self.port.hold_exclusively().zone())
    }
}

fn spawn(world: &Arc<World>, body: impl FnOnce(&World) + 'static) -> thread::JoinHandle<()> {
    let world = Arc::clone(world);
    thread::spawn(move || body(&world))
}

fn spawn_worker(world: &Arc<World>) -> thread::JoinHandle<()> {
    spawn(world, |world| {
        while let Some(hold) = world.port.wait_for_work() {
            world.work(hold);
        }
    })
}

/// The worker alone does what a caller hands over.
fn wake() {
    let world = World::new();
    let worker = spawn_worker(&world);
    for count in 1..=2 {
        world.port.push(count, Wake::Worker);
        world.wait_for(count as usize);
    }
    assert_eq!(world.end(worker), [1, 2]);
}

#[test]
fn a_sleeping_worker_is_woken() {
    model("port/wake", wake);
    for weakening in [
        Mutant::PortSleepsUnchecked,
        Mutant::PortSleepsUnannounced,
        Mutant::PortPushIsSilent,
        Mutant::PortStopIsSilent,
    ] {
        mutant("port/wake", weakening, wake);
    }
}

/// Two callers that help, and the worker. What a caller pushes while the other one holds the zone
/// is nobody's task until that one lets go.
fn help() {
    let world = World::new();
    let worker = spawn_worker(&world);
    let other = spawn(&world, |world| {
        world.port.push(3, Wake::Nobody);
        world.help();
        world.wait_for(1);
    });
    world.port.push(1, Wake::Nobody);
    world.port.push(2, Wake::Nobody);
    world.help();
    world.wait_for(3);
    other.join().unwrap();
    let mut done = world.end(worker);
    done.retain(|&number| number != 3);
    assert_eq!(done, [1, 2], "each once, and in order");
}

#[test]
fn what_is_pushed_is_done_once_whoever_does_it() {
    model("port/help", help);
    mutant("port/help", Mutant::PortReleaseIsSilent, help);
}

/// A reader that brings a read back, against a worker that falls asleep or holds the zone.
fn retry() {
    let world = World::new();
    let worker = spawn_worker(&world);
    let reader = spawn(&world, |world| world.port.push_retries([9]));
    world.port.push(1, Wake::Nobody);
    world.help();
    world.wait_for(2);
    reader.join().unwrap();
    let mut done = world.end(worker);
    done.sort_unstable();
    assert_eq!(done, [1, 9]);
}

#[test]
fn a_read_that_comes_back_is_seen() {
    model("port/retry", retry);
    mutant("port/retry", Mutant::PortRetryIsSilent, retry);
    mutant("port/retry", Mutant::PortReleaseIsSilent, retry);
}

/// A save against a worker that is at work, and a caller that has more for it.
fn exclusive() {
    let world = World::new();
    let worker = spawn_worker(&world);
    let save = spawn(&world, |world| world.port.hold_exclusively().zone().push(7));
    world.port.push(1, Wake::Worker);
    world.port.push(2, Wake::Worker);
    world.wait_for(2);
    save.join().unwrap();
    let mut done = world.end(worker);
    done.retain(|&number| number != 7);
    assert_eq!(done, [1, 2]);
}

#[test]
fn an_exclusive_holder_gets_the_zone_and_gives_it_back() {
    model("port/exclusive", exclusive);
    mutant("port/exclusive", Mutant::PortReleaseForgetsWaiter, exclusive);
    mutant("port/exclusive", Mutant::PortReleaseIsSilent, exclusive);
}

/// A task that cannot be done before the writer has written, with the worker and a caller after
/// it.
fn stall() {
    let world = World::new();
    let worker = spawn_worker(&world);
    let writer = spawn(&world, |world| {
        world.progress.store(1, Ordering::Release);
        world.port.resume(Stall::Chapter, 1);
    });
    world.port.push(STALLS, Wake::Nobody);
    world.help();
    world.wait_for(1);
    writer.join().unwrap();
    assert_eq!(world.end(worker), [STALLS]);
}

#[test]
fn a_stall_ends() {
    model("port/stall", stall);
    mutant("port/stall", Mutant::PortResumeForgets, stall);
    mutant("port/stall", Mutant::PortResumeIsSilent, stall);
}

/// A zone that waits for something which it can itself bring about, once somebody tells it.
fn nudge() {
    let world = World::new();
    let worker = spawn_worker(&world);
    let other = spawn(&world, |world| {
        *lock(&world.call) = true;
        world.port.nudge();
    });
    world.port.push(STALLS, Wake::Worker);
    world.wait_for(1);
    other.join().unwrap();
    assert_eq!(world.end(worker), [STALLS]);
}

#[test]
fn a_nudge_comes_through_a_stall() {
    model("port/nudge", nudge);
    mutant("port/nudge", Mutant::PortNudgeIsSilent, nudge);
    mutant("port/nudge", Mutant::PortNudgeIsStalled, nudge);
}

/// The stop, while a helper has a task in hand that it puts back.
fn stop() {
    let world = World::new();
    world.port.push(1, Wake::Nobody);
    let worker = spawn_worker(&world);
    let helper = spawn(&world, |world| {
        if let Some(mut hold) = world.port.try_hold() {
            let Some(Next::Task(task)) = hold.next() else { panic!("a task waits") };
            hold.put_back(task);
        }
    });
    world.port.stop();
    worker.join().unwrap();
    helper.join().unwrap();
    assert_eq!(*world.port.hold_exclusively().zone(), [1]);
}

#[test]
fn the_worker_ends_after_everything_is_done() {
    model("port/stop", stop);
    mutant("port/stop", Mutant::PortEndsWhileHeld, stop);
    mutant("port/stop", Mutant::PortStopIsSilent, wake);
}
