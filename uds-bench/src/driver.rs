//! All phases in their order, on one store.
//!
//! # Invariants
//!
//! 1. Every answer is looked at, outside the time that is measured: a store that answers wrongly
//!    has no numbers.
//! 2. Processor time is that of the whole process from the first piece of a phase to the last,
//!    without what the caller of [`run_phases`] spends on preparing and on looking at answers:
//!    what a store does in the background meanwhile counts.

use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use crate::calibration::Calibration;
use crate::error::BenchError;
use crate::latency::Latency;
use crate::piece::{Piece, Trouble};
use crate::plan::Plan;
use crate::process::{Peaks, Traffic, cpu_time, resident_bytes, thread_cpu_time};
use crate::report::{Phase, PhaseName, Report};
use crate::subject::{Ending, Maker, Operation, Subject, Window};
use crate::workload::Numbers;

/// Who is told what is done at a moment, how much of it, and of how much; and who can end it.
pub type Progress<'a> = dyn FnMut(PhaseName, u64, u64) -> ControlFlow<()> + 'a;

/// Names that are looked up after the store was opened again, in batches.
const CHECKED_BATCHES: u64 = 16;

/// Creates a store, runs all phases on it, and measures what memory costs.
///
/// The store is left as it is after the last phase.
///
/// # Errors
///
/// [`BenchError`]: the store has failed or answered wrongly, or `progress` has ended it.
pub fn run_phases<M: Maker>(
    maker: &M,
    plan: &Plan,
    progress: &mut Progress<'_>,
) -> Result<Report, BenchError<M::Error>> {
    let peaks = Peaks::new();
    let before = Traffic::now();
    let subject = maker.create().map_err(|source| BenchError::Create { source })?;
    let piece = Piece::new(&subject, plan);
    let mut run = Run { plan, progress, piece, peaks, phases: Vec::new() };
    run.requests(&subject)?;
    let window = subject.window();
    run.hits(&subject, window)?;
    let subject = run.endings(maker, subject, window)?;
    let peak = run.peaks.of_run();
    let traffic = Traffic::now().zip(before).map(|(now, before)| now.since(before));
    let Run { piece, phases, .. } = run;
    drop(piece);
    let failed = |source| BenchError::Store { phase: PhaseName::UncleanOpen, source };
    maker.abandon(subject).map_err(failed)?;
    Ok(Report {
        phases,
        peak_resident_bytes: peak,
        bytes_written: traffic.map(|it| it.written),
        bytes_read: traffic.map(|it| it.read),
        storage_bytes_written: traffic.map(|it| it.storage_written),
        storage_bytes_read: traffic.map(|it| it.storage_read),
        bytes_on_storage: maker.bytes_on_storage(),
        // At the end: its memory is not to be taken for the store's.
        calibration: Calibration::measure(),
    })
}

/// How many of the names of a phase are there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    None,
    All,
    Any,
}

/// What a phase asks.
struct Ask {
    phase: PhaseName,
    operation: Operation,
    numbers: Numbers,
    count: u64,
    wanted: Wanted,
}

struct Run<'a, 'p, B> {
    plan: &'a Plan,
    progress: &'a mut Progress<'p>,
    piece: Piece<B>,
    peaks: Peaks,
    phases: Vec<Phase>,
}

impl<B: Send> Run<'_, '_, B> {
    /// The phases that find nothing.
    fn requests<S: Subject<Batch = B>>(&mut self, subject: &S) -> Result<(), BenchError<S::Error>> {
        for (phase, operation, numbers) in [
            (PhaseName::Fill, Operation::Post, Numbers::From(0)),
            (PhaseName::Steady, Operation::Post, Numbers::From(self.plan.fill)),
            (PhaseName::Miss, Operation::Query, Numbers::Never),
        ] {
            let count = self.plan.count(phase);
            self.measure(subject, &Ask { phase, operation, numbers, count, wanted: Wanted::None })?;
        }
        Ok(())
    }

    /// The phases that find what the window has.
    fn hits<S: Subject<Batch = B>>(
        &mut self,
        subject: &S,
        window: Window,
    ) -> Result<(), BenchError<S::Error>> {
        if window.is_empty() {
            return Err(BenchError::NoWindow { posted: self.plan.fill + self.plan.ops });
        }
        let old = if self.plan.sparse { Wanted::Any } else { Wanted::All };
        let query = |phase, numbers, wanted| Ask {
            phase,
            operation: Operation::Query,
            numbers,
            count: self.plan.count(phase),
            wanted,
        };
        let asks = [
            query(PhaseName::HitSequential, Numbers::Middle(window), old),
            query(PhaseName::HitRecent, Numbers::Random(recent(window)), Wanted::All),
            query(PhaseName::HitRandom, Numbers::Random(window.oldest..window.end), old),
            Ask {
                phase: PhaseName::PostDuplicate,
                operation: Operation::Post,
                numbers: Numbers::Middle(window),
                // The older half may be forgotten when its turn would come.
                count: self.plan.ops.min(window.end - window.middle()),
                wanted: old,
            },
        ];
        asks.iter().try_for_each(|ask| self.measure(subject, ask))
    }

    /// Closes and opens the store.
    fn endings<M: Maker<Subject: Subject<Batch = B>>>(
        &mut self,
        maker: &M,
        subject: M::Subject,
        window: Window,
    ) -> Result<M::Subject, BenchError<M::Error>> {
        self.once(PhaseName::Close, || subject.close())?;
        let subject = self.once(PhaseName::CleanOpen, || maker.open(Ending::Closed))?;
        let known = if self.plan.sparse { Wanted::Any } else { Wanted::All };
        self.check(&subject, PhaseName::CleanOpen, window, known)?;
        let stale = Ask {
            phase: PhaseName::UncleanOpen,
            operation: Operation::Post,
            numbers: Numbers::From(self.plan.fill + self.plan.ops),
            // More than a chapter, however few there are: a save is stale after that.
            count: window.recent + window.recent / 8 + 1,
            wanted: Wanted::None,
        };
        self.carry_out(&subject, &stale)?;
        let failed = |source| BenchError::Store { phase: PhaseName::UncleanOpen, source };
        maker.abandon(subject).map_err(failed)?;
        let subject = self.once(PhaseName::UncleanOpen, || maker.open(Ending::Abandoned))?;
        // In a small window they may have let the recent ones go.
        let known = if window.len() > 2 * stale.count { known } else { Wanted::Any };
        self.check(&subject, PhaseName::UncleanOpen, window, known)?;
        Ok(subject)
    }

    /// Looks up recent names in a store that was opened again.
    ///
    /// In a small window recent names reach down to the oldest, and `post-duplicate` has let go the
    /// chapter by which [`Window::oldest`] errs on the safe side. So only the newer half is asked
    /// for: what `post-duplicate` has moved, and what is younger than that.
    fn check<S: Subject<Batch = B>>(
        &mut self,
        subject: &S,
        phase: PhaseName,
        window: Window,
        wanted: Wanted,
    ) -> Result<(), BenchError<S::Error>> {
        let Range { start, end } = recent(window);
        let ask = Ask {
            phase,
            operation: Operation::Query,
            numbers: Numbers::Random(start.max(window.middle())..end),
            count: CHECKED_BATCHES * self.plan.batch as u64,
            wanted,
        };
        self.carry_out(subject, &ask).map(drop)
    }

    /// Closes or opens the store, as a phase of its own.
    fn once<T, E: std::error::Error>(
        &mut self,
        phase: PhaseName,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, BenchError<E>> {
        self.tell(phase, 0, 1)?;
        self.peaks.begin_part();
        let (began, cpu) = (Instant::now(), cpu_time());
        let result = work().map_err(|source| BenchError::Store { phase, source })?;
        let (wall, cpu) = (began.elapsed(), cpu_time().saturating_sub(cpu));
        self.phases.push(Phase {
            name: phase,
            count: 1,
            wall_ns_per_op: per_op(wall, 1),
            cpu_ns_per_op: per_op(cpu, 1),
            found: None,
            latency: None,
            peak_resident_bytes: self.peaks.of_part(),
            resident_bytes: resident_bytes(),
        });
        Ok(result)
    }

    fn measure<S: Subject<Batch = B>>(
        &mut self,
        subject: &S,
        ask: &Ask,
    ) -> Result<(), BenchError<S::Error>> {
        let spent = self.carry_out(subject, ask)?;
        self.phases.push(Phase {
            name: ask.phase,
            count: ask.count,
            wall_ns_per_op: per_op(spent.wall, ask.count),
            cpu_ns_per_op: per_op(spent.cpu, ask.count),
            found: Some(spent.found as f64 / ask.count.max(1) as f64),
            latency: Latency::of(&mut self.piece.times),
            peak_resident_bytes: self.peaks.of_part(),
            resident_bytes: resident_bytes(),
        });
        Ok(())
    }

    /// Asks all that is to be asked, piece by piece, and looks at the answers.
    fn carry_out<S: Subject<Batch = B>>(
        &mut self,
        subject: &S,
        ask: &Ask,
    ) -> Result<Spent, BenchError<S::Error>> {
        let phase = ask.phase;
        let failed = |source| BenchError::Store { phase, source };
        self.piece.times.clear();
        self.peaks.begin_part();
        let (cpu, mut own_cpu) = (cpu_time(), Duration::ZERO);
        let (mut wall, mut found, mut place) = (Duration::ZERO, 0, 0);
        while place < ask.count {
            let end = ask.count.min(place + self.piece.capacity());
            let own = thread_cpu_time();
            self.tell(phase, place, ask.count)?;
            self.piece.prepare(subject, ask.operation, &ask.numbers, place..end);
            own_cpu += thread_cpu_time().saturating_sub(own);
            wall += self.piece.run(subject).map_err(|trouble| match trouble {
                Trouble::Store(source) => failed(source),
                Trouble::Panicked => BenchError::Panicked { phase },
            })?;
            let own = thread_cpu_time();
            for batch in self.piece.found(subject) {
                let (count, of_batch) = batch.map_err(failed)?;
                judge(ask, place, count, of_batch)?;
                found += of_batch;
                place += count;
            }
            own_cpu += thread_cpu_time().saturating_sub(own);
        }
        let cpu = cpu_time().saturating_sub(cpu).saturating_sub(own_cpu);
        Ok(Spent { wall, cpu, found })
    }

    fn tell<E: std::error::Error>(
        &mut self,
        phase: PhaseName,
        done: u64,
        count: u64,
    ) -> Result<(), BenchError<E>> {
        match (self.progress)(phase, done, count) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(BenchError::Stopped),
        }
    }
}

/// What a phase took, and found.
struct Spent {
    wall: Duration,
    cpu: Duration,
    found: u64,
}

/// Whether as many names of a batch were found as are there.
fn judge<E: std::error::Error>(
    ask: &Ask,
    first: u64,
    count: u64,
    found: u64,
) -> Result<(), BenchError<E>> {
    let wanted = match ask.wanted {
        Wanted::None => 0,
        Wanted::All => count,
        Wanted::Any => return Ok(()),
    };
    if found == wanted {
        return Ok(());
    }
    Err(BenchError::WrongAnswers { phase: ask.phase, first, count, found, wanted })
}

fn recent(window: Window) -> Range<u64> {
    window.end - window.recent.clamp(1, window.len())..window.end
}

fn per_op(time: Duration, count: u64) -> f64 {
    time.as_nanos() as f64 / count.max(1) as f64
}
