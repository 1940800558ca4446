//! The same work on many things, by several threads.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use crate::IndexError;
use crate::control::Control;
use crate::sync::counter::{AtomicUsize, Ordering};

/// Threads that are used if the caller does not say: more wait for the storage, or for memory.
const MAX_THREADS: usize = 8;

/// The threads that a caller wants, where 0 stands for one a core, 8 at most.
pub(crate) fn threads(wanted: usize) -> usize {
    match wanted {
        0 => available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_THREADS),
        wanted => wanted,
    }
}

/// Does `work` with each number below `count`. Each thread begins with a worker of its own. Returns
/// what came of the numbers, in their order, and the workers, in none.
///
/// # Errors
///
/// Those of `begin`, [`IndexError::Abandoned`], and [`IndexError::Panicked`].
pub(crate) fn work_on_all<P: Send, W: Send, R: Send>(
    count: usize,
    threads: usize,
    control: &Control<P>,
    begin: impl Fn() -> Result<W, IndexError> + Sync,
    work: impl Fn(&mut W, usize) -> R + Sync,
) -> Result<(Vec<R>, Vec<W>), IndexError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<_, IndexError> {
        let mut worker = begin()?;
        let mut results = Vec::new();
        loop {
            control.check()?;
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            results.push((number, work(&mut worker, number)));
            control.step(1);
        }
        Ok((results, worker))
    };
    let (mut results, mut workers) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let threads = threads.min(count).max(1);
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in running {
            let (more, worker) = thread.join().map_err(|_| IndexError::Panicked)??;
            results.extend(more);
            workers.push(worker);
        }
        Ok::<_, IndexError>(())
    })?;
    results.sort_unstable_by_key(|(number, _)| *number);
    Ok((results.into_iter().map(|(_, result)| result).collect(), workers))
}
