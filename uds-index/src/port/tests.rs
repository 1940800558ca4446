//! Tests of ports with real threads; `models.rs` has the proofs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::{Next, Port, Stall, Wake};

type Log = Vec<&'static str>;

/// A worker that does all tasks and retries by `work`, and puts nothing back.
fn spawn_worker<Z: Send + 'static, T: Send + 'static, R: Send + 'static>(
    port: &Arc<Port<Z, T, R>>,
    work: impl Fn(&mut Z, Next<T, R>) + Send + 'static,
) -> thread::JoinHandle<()> {
    let port = Arc::clone(port);
    thread::spawn(move || {
        while let Some(mut hold) = port.wait_for_work() {
            while let Some(next) = hold.next() {
                work(hold.zone(), next);
            }
        }
    })
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// Pushes 200,000 tasks from each of some threads, of which every other one also helps, and
/// checks what became of them.
fn check_producers(producer_count: usize) {
    const TASKS: u32 = 200_000;
    // The zone: how many tasks of each producer were done.
    fn work(done: &mut [u32], next: &Next<(usize, u32), ()>) {
        let Next::Task((producer, task)) = next else { panic!("nobody pushes retries") };
        assert_eq!(done[*producer], *task, "of producer {producer}");
        done[*producer] += 1;
    }
    let port = Arc::new(Port::new(vec![0; producer_count]));
    let worker = spawn_worker(&port, |done, next| work(done, &next));
    thread::scope(|scope| {
        for producer in 0..producer_count {
            let port = &port;
            scope.spawn(move || {
                for task in 0..TASKS {
                    let helps = producer % 2 == 1 && task % 8 == 0;
                    let wake = if helps { Wake::Nobody } else { Wake::Worker };
                    port.push((producer, task), wake);
                    if let Some(mut hold) = helps.then(|| port.try_hold()).flatten() {
                        while let Some(next) = hold.next() {
                            work(hold.zone(), &next);
                        }
                    }
                }
            });
        }
    });
    port.stop();
    worker.join().unwrap();
    assert_eq!(*port.hold_exclusively().zone(), vec![TASKS; producer_count]);
}

// Guards against tasks that are lost, done twice or out of order (reference test FunnelQueue_t1).
#[test]
fn one_producer_sees_each_task_done_once_and_in_order() {
    check_producers(1);
}

// The same, where producers meet each other, and helpers the worker.
#[test]
fn ten_producers_see_each_task_done_once_and_in_order() {
    check_producers(10);
}

// Guards against finished reads that queue up behind new tasks (reference test RequestQueue_t1).
#[test]
fn retries_come_next_however_long_the_queue() {
    let port = Port::new(());
    for task in 0..1000 {
        port.push(task, Wake::Worker);
    }
    let mut hold = port.try_hold().unwrap();
    assert_eq!(hold.next(), Some(Next::Task(0)));
    assert!(!hold.has_retries());
    port.push_retries(["a", "b"]);
    assert!(hold.has_retries());
    assert_eq!(hold.next(), Some(Next::Retry("a")));
    assert!(hold.has_retries());
    assert_eq!(hold.next(), Some(Next::Retry("b")));
    assert!(!hold.has_retries());
    assert_eq!(hold.next(), Some(Next::Task(1)));
}

// Guards the order of a batch that a chapter's end cut in two: its rest must not be passed.
#[test]
fn what_is_put_back_comes_first_again() {
    let port = Port::<_, _, ()>::new(());
    port.push("cut", Wake::Worker);
    port.push("later", Wake::Worker);
    let mut hold = port.try_hold().unwrap();
    assert_eq!(hold.next(), Some(Next::Task("cut")));
    hold.put_back("rest");
    drop(hold);
    let mut hold = port.try_hold().unwrap();
    assert_eq!(hold.next(), Some(Next::Task("rest")));
    assert_eq!(hold.next(), Some(Next::Task("later")));
    assert_eq!(hold.next(), None);
}

// Guards against two threads in one zone, and helpers that hold it for nothing.
#[test]
fn helpers_hold_only_what_is_free_and_has_work() {
    let port = Port::<_, _, ()>::new(());
    assert!(port.try_hold().is_none());
    port.push(1, Wake::Nobody);
    let hold = port.try_hold().unwrap();
    port.push(2, Wake::Nobody);
    assert!(port.try_hold().is_none());
    drop(hold);
    assert!(port.try_hold().is_some());
}

// Guards against zones that go on before their chapter may be closed, or never.
#[test]
fn a_stall_lasts_until_its_number_is_reached() {
    let port = Port::<_, _, ()>::new(());
    port.push(1, Wake::Worker);
    port.try_hold().unwrap().stall(Stall::Chapter, 5);
    assert!(port.try_hold().is_none());
    port.resume(Stall::Chapter, 4);
    assert!(port.try_hold().is_none());
    port.resume(Stall::Chapter, 5);
    // What was reached is not lost, nor taken back by an older number.
    port.resume(Stall::Chapter, 3);
    port.try_hold().unwrap().stall(Stall::Chapter, 5);
    port.try_hold().unwrap().stall(Stall::Chapter, 6);
    assert!(port.try_hold().is_none());
    // After a failure nothing stalls.
    port.resume(Stall::Chapter, u64::MAX);
    port.try_hold().unwrap().stall(Stall::Chapter, 7);
    assert!(port.try_hold().is_some());
}

// Guards the save: it must get at a stalled zone, and must not end the stall.
#[test]
fn a_stalled_zone_can_be_held_exclusively() {
    let port = Port::<_, _, ()>::new(());
    port.push(1, Wake::Worker);
    port.try_hold().unwrap().stall(Stall::Chapter, 5);
    drop(port.hold_exclusively());
    assert!(port.try_hold().is_none());
}

// Guards the save against starving: who waits exclusively comes before the worker and helpers.
#[test]
fn who_waits_exclusively_comes_first() {
    let port = Arc::new(Port::<Log, _, ()>::new(Log::new()));
    port.push("first", Wake::Worker);
    port.push("second", Wake::Worker);
    let mut hold = port.try_hold().unwrap();
    let worker = spawn_worker(&port, |log, next| {
        let Next::Task(task) = next else { panic!("nobody pushes retries") };
        log.push(task);
    });
    assert_eq!(hold.next(), Some(Next::Task("first")));
    hold.zone().push("first");
    assert!(!hold.is_wanted());
    let exclusive = thread::spawn({
        let port = Arc::clone(&port);
        move || {
            let mut hold = port.hold_exclusively();
            assert!(!hold.is_wanted());
            hold.zone().push("exclusive");
        }
    });
    until(|| hold.is_wanted());
    drop(hold);
    exclusive.join().unwrap();
    port.stop();
    worker.join().unwrap();
    assert_eq!(*port.hold_exclusively().zone(), ["first", "exclusive", "second"]);
}

// Guards the shutdown: a worker that ended while a helper could still put its task back would
// leave that task behind.
#[test]
fn the_worker_ends_when_nothing_can_be_left() {
    let port = Arc::new(Port::<Log, _, &str>::new(Log::new()));
    port.push("cut", Wake::Nobody);
    let mut hold = port.try_hold().unwrap();
    assert_eq!(hold.next(), Some(Next::Task("cut")));
    port.stop();
    let worker = spawn_worker(&port, |log, next| {
        let (Next::Task(name) | Next::Retry(name)) = next;
        log.push(name);
    });
    until(|| crate::sync::lock(&port.state).is_worker_asleep);
    port.push_retries(["read"]);
    hold.put_back("rest");
    drop(hold);
    worker.join().unwrap();
    assert_eq!(*port.hold_exclusively().zone(), ["read", "rest"]);
}

// Guards the shutdown of an idle index: the worker sleeps, and nothing is left to wake it for.
#[test]
fn an_idle_worker_is_told_to_stop() {
    let port = Arc::new(Port::<(), (), ()>::new(()));
    let worker = spawn_worker(&port, |(), _| {});
    until(|| crate::sync::lock(&port.state).is_worker_asleep);
    port.stop();
    worker.join().unwrap();
    assert!(port.wait_for_work().is_none());
}

// Guards the other zones' callers: a panic in a zone must not leave it held for ever.
#[test]
fn a_panic_lets_go() {
    let port = Port::<_, _, ()>::new(7);
    port.push(1, Wake::Worker);
    port.push(2, Wake::Worker);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut hold = port.try_hold().unwrap();
        let _ = hold.next();
        panic!("as a bug would");
    }));
    assert!(result.is_err());
    let mut hold = port.try_hold().unwrap();
    assert_eq!((*hold.zone(), hold.next()), (7, Some(Next::Task(2))));
    assert!(format!("{port:?} {hold:?}").starts_with("Port"));
}
