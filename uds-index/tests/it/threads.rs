//! Callers in several threads, batches in flight, and completions that do as they like.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uds_geometry::RecordData;
use uds_index::{Batch, CreateOptions, Index, Ticket};
use uds_volume::MemoryStorage;

use crate::common::{
    Random, assert_holds, clean_only, create_in, data, found, is_known_to_be_unusable, memory,
    name, open_in, post, scale, small,
};

/// Longer than anything here takes, unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

fn index(record_pages: u32, chapters: u32) -> (Arc<MemoryStorage>, Index) {
    let configuration = small(record_pages, chapters);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &CreateOptions::default()).unwrap();
    (storage, index)
}

fn updates(counter: u64, versions: std::ops::Range<u64>) -> Batch {
    let mut batch = Batch::new();
    for version in versions {
        batch.update(name(counter), data(counter, version));
    }
    batch
}

/// Checks that each update of a batch found what the one before it stored.
fn assert_versions(batch: &Batch, counter: u64, first: u64) {
    for (version, answer) in (first..).zip(batch.answers()) {
        let expected = version.checked_sub(1).map(|version| data(counter, version));
        assert_eq!(answer.unwrap().as_ref().unwrap().data(), expected, "version {version}");
    }
}

// Guards the order of one caller's requests (invariant 1): blocking calls do not pass submitted
// batches, nor the other way round.
#[test]
fn the_requests_of_one_caller_keep_their_order() {
    let (_storage, index) = index(2, 4);
    let mut random = Random::new(1);
    let mut version = 0;
    let mut tickets: Vec<(u64, Ticket)> = Vec::new();
    for _ in 0..400 * scale() {
        let count = 1 + random.below(30);
        let batch = updates(1, version..version + count);
        match random.below(3) {
            0 => {
                let mut batch = batch;
                index.run(&mut batch).unwrap();
                assert_versions(&batch, 1, version);
            }
            1 => {
                let answer = index.update(name(1), data(1, version)).unwrap();
                assert_eq!(answer.data(), version.checked_sub(1).map(|old| data(1, old)));
                version += 1;
                continue;
            }
            _ => tickets.push((version, index.submit(batch).unwrap())),
        }
        version += count;
    }
    for (first, ticket) in tickets {
        assert_versions(&ticket.wait(), 1, first);
    }
    assert_eq!(index.query(name(1)).unwrap().data(), Some(data(1, version - 1)));
}

// Guards completions: each is called once, before a flush that came after it returns, and in the
// order of handing over where nothing has to wait for a page.
#[test]
fn completions_come_in_order_and_before_a_flush() {
    let (_storage, index) = index(1, 4);
    let done = Arc::new(Mutex::new(Vec::new()));
    for number in 0..500_u64 {
        let push_to = Arc::clone(&done);
        let mut batch = Batch::new();
        batch.post(name(number), data(number, 0));
        index
            .submit_with(batch, move |batch| {
                assert!(batch.answers().all(|answer| answer.unwrap().is_ok()));
                push_to.lock().unwrap().push(number);
            })
            .unwrap();
        if number % 100 == 99 {
            index.flush().unwrap();
            assert!(done.lock().unwrap().iter().copied().eq(0..=number));
        }
    }
}

// Guards a completion that uses the index: it may run, submit and save without waiting for itself.
#[test]
fn a_completion_may_use_the_index() {
    let (storage, index) = index(1, 4);
    let index = Arc::new(index);
    let (sender, receiver) = channel();
    let inner = Arc::clone(&index);
    index
        .submit_with(Batch::new(), move |_| {
            let mut batch = Batch::new();
            batch.post(name(1), data(1, 0));
            inner.run(&mut batch).unwrap();
            assert!(inner.query(name(1)).unwrap().is_found());
            inner.flush().unwrap();
            inner.save().unwrap();
            // Many, so that a queue that makes the worker wait would never be emptied.
            for counter in 0..300 {
                let mut batch = Batch::new();
                for counter in counter * 1000..(counter + 1) * 1000 {
                    batch.query_no_update(name(counter));
                }
                let sender = sender.clone();
                inner.submit_with(batch, move |batch| sender.send(batch.len()).unwrap()).unwrap();
            }
        })
        .unwrap();
    for _ in 0..300 {
        assert_eq!(receiver.recv_timeout(LIMIT).unwrap(), 1000);
    }
    index.flush().unwrap();
    drop(index);
    let index = Index::open(storage, &clean_only()).unwrap();
    assert!(index.query(name(1)).unwrap().is_found());
}

// Guards the end of an index whose last holder is a completion, with batches still waiting: all are
// completed, and the storage is let go.
#[test]
fn a_completion_may_drop_the_index() {
    for waiting in [0, 20] {
        let (storage, index) = index(1, 4);
        let index = Arc::new(index);
        let (sender, receiver) = sync_channel(100);
        let (open, gate) = channel::<()>();
        let last = Arc::clone(&index);
        let first = sender.clone();
        index
            .submit_with(Batch::new(), move |_| {
                gate.recv_timeout(LIMIT).unwrap();
                drop(last);
                first.send(u64::MAX).unwrap();
            })
            .unwrap();
        for number in 0..waiting {
            let sender = sender.clone();
            let mut batch = Batch::new();
            batch.post(name(number), data(number, 0));
            index.submit_with(batch, move |_| sender.send(number).unwrap()).unwrap();
        }
        drop(index);
        open.send(()).unwrap();
        assert_eq!(receiver.recv_timeout(LIMIT).unwrap(), u64::MAX);
        for number in 0..waiting {
            assert_eq!(receiver.recv_timeout(LIMIT).unwrap(), number);
        }
        wait_until("the storage is let go", || Arc::strong_count(&storage) == 1);
    }
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

// Guards the index against a completion that panics: it goes on, and is not poisoned.
#[test]
fn a_completion_may_panic() {
    let (storage, index) = index(1, 4);
    for counter in 0..10 {
        let mut batch = Batch::new();
        batch.post(name(counter), data(counter, 0));
        index.submit_with(batch, |_| panic!("a completion that panics, on purpose")).unwrap();
    }
    index.flush().unwrap();
    assert_holds(&index, 0..10, 20);
    post(&index, 10..300);
    index.close().unwrap();
    let index = Index::open(storage, &clean_only()).unwrap();
    assert_holds(&index, 0..300, 350);
}

// Guards memory: whoever hands over more than completions take waits, and a batch that is larger
// than the bound goes through alone.
#[test]
fn the_queue_is_bounded() {
    let (_storage, index) = index(1, 4);
    let (open, gate) = channel::<()>();
    index.submit_with(Batch::new(), move |_| gate.recv_timeout(LIMIT).unwrap()).unwrap();
    let submitted = AtomicU64::new(0);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let submit = |count| index.submit_with(batch_of_queries(count), drop).unwrap();
            for _ in 0..200 {
                submit(1000);
                submitted.fetch_add(1, Ordering::SeqCst);
            }
            submit(100_000);
            submit(100_000);
            is_done.store(true, Ordering::SeqCst);
        });
        // 65536 requests may be in flight: that is 65 batches.
        wait_until("the queue is full", || submitted.load(Ordering::SeqCst) >= 65);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(submitted.load(Ordering::SeqCst), 65, "the queue has grown beyond its bound");
        open.send(()).unwrap();
        wait_until("all is carried out", || is_done.load(Ordering::SeqCst));
    });
    index.flush().unwrap();
    assert_eq!(index.statistics().queries_not_found, 200 * 1000 + 2 * 100_000);
}

fn batch_of_queries(count: u64) -> Batch {
    let mut batch = Batch::with_capacity(count as usize);
    for counter in 0..count {
        batch.query_no_update(name(counter));
    }
    batch
}

// Guards totals when many threads post, each its own names, by all ways there are.
#[test]
fn threads_with_their_own_names_find_all_of_them() {
    const THREADS: u64 = 8;
    for zones in [1, 4] {
        let configuration = small(4, 9);
        let storage = memory(&configuration, 0);
        let index = Index::create(storage.clone(), &configuration, &create_in(zones)).unwrap();
        let each = 400;
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let index = &index;
                scope.spawn(move || {
                    let own = thread * each..(thread + 1) * each;
                    for (round, first) in own.clone().step_by(20).enumerate() {
                        let mut batch = Batch::new();
                        for counter in first..first + 20 {
                            batch.post(name(counter), data(counter, 0));
                        }
                        if round % 2 == 0 {
                            index.run(&mut batch).unwrap();
                        } else {
                            batch = index.submit(batch).unwrap().wait();
                        }
                        assert!(
                            batch
                                .answers()
                                .all(|answer| { !answer.unwrap().as_ref().unwrap().is_found() })
                        );
                        let own_so_far = own.start..first + 20;
                        assert_eq!(found(index, own_so_far.clone()).len(), own_so_far.count());
                    }
                });
            }
        });
        let statistics = index.statistics();
        assert_eq!(statistics.posts_not_found, THREADS * each);
        assert_eq!(statistics.posts_found, 0);
        assert_eq!(statistics.oldest_chapter.get(), 0, "nothing was forgotten");
        assert_holds(&index, 0..THREADS * each, THREADS * each + 10);
        index.close().unwrap();
        let index = Index::open(storage, &open_in(zones)).unwrap();
        assert_holds(&index, 0..THREADS * each, THREADS * each + 10);
    }
}

// Guards totals when many threads post the same names: each is new exactly once, and all see the
// data of the first.
#[test]
fn a_name_is_new_to_one_of_many_threads() {
    const THREADS: u64 = 6;
    let (_storage, index) = index(4, 9);
    // Each post stores a record at most, so nothing is forgotten: eight chapters have 4096.
    let names = 600;
    let firsts: Mutex<HashMap<u64, u64>> = Mutex::default();
    let seen: Mutex<Vec<(u64, RecordData)>> = Mutex::default();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (index, firsts, seen) = (&index, &firsts, &seen);
            scope.spawn(move || {
                let mut random = Random::new(thread);
                let mut order: Vec<u64> = (0..names).collect();
                for place in (1..order.len()).rev() {
                    order.swap(place, random.below(place as u64 + 1) as usize);
                }
                for part in order.chunks(10) {
                    let mut batch = Batch::new();
                    part.iter()
                        .for_each(|&counter| batch.post(name(counter), data(counter, thread)));
                    index.run(&mut batch).unwrap();
                    for (&counter, answer) in part.iter().zip(batch.answers()) {
                        match answer.unwrap().as_ref().unwrap().data() {
                            Some(stored) => seen.lock().unwrap().push((counter, stored)),
                            None => {
                                let before = firsts.lock().unwrap().insert(counter, thread);
                                assert_eq!(before, None, "{counter} was new twice");
                            }
                        }
                    }
                }
            });
        }
    });
    let firsts = firsts.into_inner().unwrap();
    assert_eq!(firsts.len() as u64, names);
    for (counter, stored) in seen.into_inner().unwrap() {
        assert_eq!(stored, data(counter, firsts[&counter]));
    }
    let statistics = index.statistics();
    assert_eq!(statistics.posts_not_found, names);
    assert_eq!(statistics.posts_found, names * (THREADS - 1));
    assert_eq!(statistics.requests, names * THREADS);
    assert_eq!(statistics.oldest_chapter.get(), 0);
}

// Guards an index that is dropped instead of closed: batches under way are completed, and the last
// save stands as long as no chapter was filled after it.
#[test]
fn dropping_is_not_saving() {
    for records in [50, 128, 400] {
        let (storage, index) = index(1, 4);
        post(&index, 0..20);
        index.save().unwrap();
        let mut batch = Batch::new();
        for counter in 20..20 + records {
            batch.post(name(counter), data(counter, 0));
        }
        let ticket = index.submit(batch).unwrap();
        drop(index);
        assert!(ticket.is_ready());
        assert!(ticket.wait().answers().all(|answer| answer.unwrap().is_ok()));
        assert_eq!(Arc::strong_count(&storage), 1, "no thread is left");
        match Index::open(storage, &clean_only()) {
            Ok(index) => {
                assert_eq!(records, 50);
                assert_holds(&index, 0..20, 500);
            }
            Err(error) => {
                assert!(is_known_to_be_unusable(error.kind()), "{error}");
                assert!(records > 50);
            }
        }
    }
}

// Guards against two submitters that wait for each other while the index is saved all the time.
#[test]
fn saves_and_flushes_mix_with_requests() {
    let (storage, index) = index(1, 8);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let index = &index;
                scope.spawn(move || {
                    for counter in thread * 200..(thread + 1) * 200 {
                        let _ = index.submit(updates(counter, 0..1)).unwrap();
                    }
                })
            })
            .collect();
        while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            index.save().unwrap();
            index.flush().unwrap();
        }
    });
    index.close().unwrap();
    let index = Index::open(storage, &clean_only()).unwrap();
    assert_holds(&index, 0..600, 700);
    assert_eq!(index.post(name(1), data(1, 5)).unwrap().data(), Some(data(1, 0)));
}

// Guards against threads that spin while there is nothing to do. The processor time is that of a
// process of its own, which runs this test alone.
#[cfg(target_os = "linux")]
#[test]
fn an_idle_index_uses_no_processor() {
    const IN_CHILD: &str = "UDS_TEST_IDLE_CHILD";
    if std::env::var_os(IN_CHILD).is_none() {
        let test = "threads::an_idle_index_uses_no_processor";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(IN_CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let (_storage, index) = index(1, 4);
    post(&index, 0..300);
    let _ = index.submit(updates(1, 0..10)).unwrap().wait();
    index.flush().unwrap();
    let before = processor_ticks();
    std::thread::sleep(Duration::from_millis(500));
    // A spinning thread would take 50 ticks of 10 ms.
    assert!(processor_ticks() - before <= 5);
    index.close().unwrap();
}

/// The processor time that this process has used, in ticks of the kernel.
#[cfg(target_os = "linux")]
fn processor_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
