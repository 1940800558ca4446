//! Whole runs on a store that can lie.

use std::collections::HashSet;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use uds_bench::{
    BenchError, Ending, Maker, Operation, PhaseName, Plan, Report, Subject, Window, record,
    run_phases,
};
use uds_geometry::{Record, RecordName};

type Records = Arc<Mutex<HashSet<RecordName>>>;

/// What a store gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    /// It finds everything.
    FindsAll,
    /// It has forgotten a record in the middle.
    HasForgotten(u64),
    /// It has saved nothing.
    LosesAll,
}

struct Store {
    records: Records,
    lie: Lie,
}

/// Requests, and what they found.
#[derive(Default)]
struct Requests {
    operation: Option<Operation>,
    names: Vec<RecordName>,
    found: u64,
}

impl Subject for Store {
    type Batch = Requests;
    type Error = Infallible;

    fn batch(&self) -> Requests {
        Requests::default()
    }

    fn fill(&self, batch: &mut Requests, operation: Operation, records: &[Record]) {
        batch.operation = Some(operation);
        batch.names = records.iter().map(|record| record.name).collect();
    }

    fn run(&self, batch: &mut Requests) -> Result<(), Infallible> {
        let mut records = self.records.lock().unwrap();
        batch.found = 0;
        for name in &batch.names {
            batch.found += u64::from(self.lie == Lie::FindsAll || records.contains(name));
            if batch.operation == Some(Operation::Post) {
                records.insert(*name);
            }
        }
        Ok(())
    }

    fn found(&self, batch: &Requests, records: &[Record]) -> Result<u64, Infallible> {
        assert_eq!(batch.names.len(), records.len());
        Ok(batch.found)
    }

    fn window(&self) -> Window {
        let mut records = self.records.lock().unwrap();
        let end = records.len() as u64;
        if let Lie::HasForgotten(number) = self.lie {
            records.remove(&record(number).name);
        }
        Window { oldest: 0, end, recent: end / 4 }
    }

    fn close(self) -> Result<(), Infallible> {
        if self.lie == Lie::LosesAll {
            self.records.lock().unwrap().clear();
        }
        Ok(())
    }
}

impl Maker for Store {
    type Error = Infallible;
    type Subject = Self;

    fn create(&self) -> Result<Self, Infallible> {
        Ok(Self { records: Arc::clone(&self.records), lie: self.lie })
    }

    fn open(&self, _: Ending) -> Result<Self, Infallible> {
        self.create()
    }

    fn abandon(&self, _: Self) -> Result<(), Infallible> {
        Ok(())
    }

    fn bytes_on_storage(&self) -> u64 {
        7
    }
}

fn run(lie: Lie, callers: usize) -> Result<Report, BenchError<Infallible>> {
    let store = Store { records: Arc::default(), lie };
    let plan = Plan { callers, batch: 100, ..Plan::new(20_000, 10_010) };
    run_phases(&store, &plan, &mut |_, _, _| ControlFlow::Continue(()))
}

// Guards the counts: that the last batch, which is not full, is run and counted as what it is.
#[test]
fn every_request_is_counted() {
    for callers in [1, 3] {
        let report = run(Lie::None, callers).unwrap();
        let counts: Vec<_> = report.phases.iter().map(|phase| phase.count).collect();
        assert_eq!(counts, [20_000, 10_010, 10_010, 10_010, 10_010, 1251, 10_010, 1, 1, 1]);
        assert_eq!(report.bytes_on_storage, 7);
        let hits = report.phase(PhaseName::HitSequential).unwrap();
        assert_eq!(hits.found, Some(1.0));
        assert!(hits.latency.is_some_and(|latency| latency.max_us > 0.0));
    }
}

// Guards against numbers of a store that answers wrongly: it would be the fastest of all.
#[test]
fn a_lie_is_an_error() {
    let phase_of = |lie, callers| match run(lie, callers) {
        Err(BenchError::WrongAnswers { phase, count, found, wanted, .. }) => {
            assert!(found != wanted && found <= count);
            phase
        }
        result => panic!("{lie:?}: {result:?}"),
    };
    for callers in [1, 3] {
        assert_eq!(phase_of(Lie::FindsAll, callers), PhaseName::Fill);
        assert_eq!(phase_of(Lie::HasForgotten(15_100), callers), PhaseName::HitSequential);
        assert_eq!(phase_of(Lie::LosesAll, callers), PhaseName::CleanOpen);
    }
    let told = run(Lie::HasForgotten(15_105), 1).unwrap_err().to_string();
    assert!(told.contains("hit-sequential") && told.contains("99 of the 100"), "{told}");
}
