//! Whole runs on small indexes.

use std::ops::ControlFlow;

use uds_bench::{BenchError, IndexMaker, PhaseName, Plan, run_phases};
use uds_geometry::{Configuration, CustomConfiguration, ZoneCount};

// Guards the workload against an index whose window is full many times over, in which names are
// forgotten while others are looked up, with chapters that several callers and zones fill.
#[test]
fn a_window_that_moves_is_followed() {
    for (zones, callers, sparse) in [(1, 1, false), (3, 4, false), (1, 1, true), (2, 3, true)] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index");
        // The tiny sparse configuration has but one dense chapter beside the open one.
        let custom = CustomConfiguration {
            record_pages_per_chapter: 8,
            chapters_per_volume: 40,
            sparse_chapters_per_volume: 30,
            sample_rate: 32,
            ..CustomConfiguration::default()
        };
        let tiny = Configuration::tiny(false);
        let configuration = if sparse { Configuration::custom(&custom).unwrap() } else { tiny };
        let window = configuration.geometry().records_per_volume();
        let maker = IndexMaker::new(&path, configuration, ZoneCount::new(zones).unwrap());
        let plan = Plan { callers, sparse, ..Plan::new(2 * window, window / 4) };
        let mut told = Vec::new();
        let report = run_phases(&maker, &plan, &mut |phase, done, count| {
            assert!(done <= count);
            told.push(phase);
            ControlFlow::Continue(())
        });
        let report = report.unwrap();
        told.dedup();
        let names: Vec<_> = report.phases.iter().map(|phase| phase.name).collect();
        assert_eq!(names.len(), 10);
        assert_eq!(told.first(), names.first());
        let found = |name| report.phase(name).unwrap().found.unwrap();
        assert_eq!(found(PhaseName::Steady), 0.0);
        assert_eq!(found(PhaseName::HitRecent), 1.0);
        if !sparse {
            assert_eq!(found(PhaseName::HitRandom), 1.0);
            assert_eq!(found(PhaseName::PostDuplicate), 1.0);
        }
        assert!(report.bytes_on_storage > 0 && report.bytes_on_storage < 1 << 30);
    }
}

// Guards against a run that measures nothing because nothing can be found, and against one that
// goes on although nobody wants it to.
#[test]
fn what_cannot_be_run_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let maker = IndexMaker::new(&path, Configuration::tiny(false), ZoneCount::ONE);
    let result = run_phases(&maker, &Plan::new(1, 1), &mut |_, _, _| ControlFlow::Continue(()));
    assert!(matches!(result, Err(BenchError::NoWindow { posted: 2 })), "{result:?}");
    // The file is there now, and is not overwritten.
    let result = run_phases(&maker, &Plan::new(1, 1), &mut |_, _, _| ControlFlow::Continue(()));
    assert!(matches!(result, Err(BenchError::Create { .. })), "{result:?}");
    std::fs::remove_file(&path).unwrap();
    let result = run_phases(&maker, &Plan::new(1, 1), &mut |phase, _, _| match phase {
        PhaseName::Fill => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    assert!(matches!(result, Err(BenchError::Stopped)), "{result:?}");
}
