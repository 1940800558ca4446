//! The threads of a scan: one walks, several read, hash and post, the caller's watches.
//!
//! The walker hands pieces over in tasks of many small files or one piece of a large one, so that
//! neither a hand-over for each file nor a single large file keeps a core idle. The queue of
//! tasks is bounded: the walker never runs far ahead, however many files there are.
//!
//! # Invariants
//!
//! 1. All threads end before [`run`] returns, whatever happens to any of them.
//! 2. Once it is time to stop, no further file is opened. The tasks left are dropped with the
//!    queue's last receiver, which makes the walker's next hand-over fail: nobody waits for ever.

use std::mem;
use std::ops::ControlFlow;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::chunker::{BLOCK_PIECE_BYTES, Chunker};
use super::failures::Failures;
use super::name::Naming;
use super::paths::Paths;
use super::source::{Piece, SharedBreakdown, Source, Teller};
use super::totals::Totals;
use super::walk::{Found, Walk};
use super::worker::{Poster, Worker};
use crate::exit::Failure;
use crate::stop::Stop;

/// The most pieces of a task.
const TASK_PIECES: usize = 64;
/// The bytes with which a task is full.
const TASK_BYTES: u64 = BLOCK_PIECE_BYTES;
/// Tasks that wait in the queue at most.
const QUEUED_TASKS: usize = 64;
/// How often the watcher is called.
const TICK: Duration = Duration::from_millis(100);

type Task = Vec<Piece>;

/// What to scan, and where to count it.
pub(crate) struct Scan<'a> {
    pub(crate) paths: &'a Paths,
    pub(crate) naming: Naming,
    pub(crate) chunker: Chunker,
    pub(crate) threads: usize,
    pub(crate) totals: &'a Totals,
    pub(crate) failures: &'a Failures,
    /// Where every file is told when the last one lets go of it.
    pub(crate) breakdown: &'a SharedBreakdown,
    pub(crate) stop: &'a Stop,
}

/// Reads everything that `walk` finds, with a poster for each worker, and calls `watch` now and
/// then. The error is that of the first poster that cannot go on.
pub(crate) fn run<P: Poster + Send>(
    scan: &Scan<'_>,
    walk: Walk,
    make_poster: impl Fn() -> P,
    mut watch: impl FnMut(),
) -> Result<(), Failure> {
    let (tasks, queue) = mpsc::sync_channel(QUEUED_TASKS);
    let queue = Arc::new(Mutex::new(queue));
    let (done, all_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || feed(scan, walk, &tasks));
        let workers: Vec<_> = (0..scan.threads.max(1))
            .map(|_| {
                let (queue, done) = (Arc::clone(&queue), done.clone());
                let (how, poster) = ((scan.naming, scan.chunker), make_poster());
                let worker = Worker::new(how, scan.totals, scan.failures, scan.stop, poster);
                scope.spawn(move || {
                    let outcome = work(worker, &queue, scan.stop);
                    if outcome.is_err() {
                        scan.stop.give_up();
                    }
                    drop(done);
                    outcome
                })
            })
            .collect();
        // From here on the workers own the queue's receiver, and end the watch by ending.
        drop((queue, done));
        while all_done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            watch();
        }
        let outcomes = workers.into_iter().map(thread::ScopedJoinHandle::join);
        let outcomes: Vec<_> = outcomes.collect();
        outcomes.into_iter().try_for_each(|outcome| {
            outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

/// The walker's part: finds files and hands their pieces over.
fn feed(scan: &Scan<'_>, walk: Walk, tasks: &SyncSender<Task>) {
    let mut task = Task::with_capacity(TASK_PIECES);
    let mut task_bytes = 0;
    let mut hand_over = |piece: Piece| {
        task_bytes += piece.range.end - piece.range.start;
        task.push(piece);
        if task.len() < TASK_PIECES && task_bytes < TASK_BYTES {
            return ControlFlow::Continue(());
        }
        task_bytes = 0;
        let full = mem::replace(&mut task, Task::with_capacity(TASK_PIECES));
        match tasks.send(full) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    let walked = walk.run(scan.paths, &mut |found| {
        if scan.stop.is_due() {
            return ControlFlow::Break(());
        }
        match found {
            Found::File { path, bytes, inode, root } => {
                let piece_bytes = scan.chunker.piece_bytes();
                let teller = Teller::new(root, scan.breakdown);
                let mut pieces = Source::pieces(path, (bytes, inode), teller, piece_bytes);
                pieces.try_for_each(&mut hand_over)?;
            }
            Found::HardLink => scan.totals.hard_links.add(1),
            Found::Symlink => scan.totals.symlinks.add(1),
            Found::Filtered => scan.totals.filtered.add(1),
            Found::Excluded => scan.totals.own.add(1),
            Found::Vanished => scan.totals.vanished.add(1),
            Found::Special => scan.totals.special.add(1),
            Found::Failed { path, error } => scan.failures.add(&path, error),
        }
        ControlFlow::Continue(())
    });
    if walked.is_continue() {
        // The workers are gone only if one of them has failed, and says so itself.
        let _ = tasks.send(task);
    }
}

/// A worker's part: takes tasks until there are none, or it is time to stop.
fn work<P: Poster>(
    mut worker: Worker<'_, P>,
    queue: &Mutex<Receiver<Task>>,
    stop: &Stop,
) -> Result<(), Failure> {
    loop {
        // The lock is held while waiting; the others would wait for the same task anyway.
        let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = task else { break };
        for piece in task {
            if stop.is_due() {
                return worker.finish();
            }
            worker.read(&piece)?;
        }
    }
    worker.finish()
}

#[cfg(test)]
mod tests;
