//! The campaigns' own tests: what must not pass does not.

use std::sync::Arc;

use anyhow::{Result, ensure};
use uds_faults::campaign::{Outcome, Plan};
use uds_faults::judge::{Opened, judge};
use uds_faults::rows::CAMPAIGNS;
use uds_faults::script::Script;
use uds_faults::script::Step::{Create, Do, Save};
use uds_faults::trace::Trace;
use uds_faults::world::{BLOCK, World};
use uds_index::Operation::Post;
use uds_volume::Storage as _;
use uds_volume::sim::SimDisk;

/// A script with a save and chapters after it.
fn trace() -> Trace {
    let world = Arc::new(World::dense().expect("it is possible"));
    let steps = vec![Create(1), Do(Post, 0..300), Save, Do(Post, 300..900)];
    Trace::of(&Script { name: "test", world, steps }, 1).expect("nothing fails")
}

/// What the judge says of the end of the script, spoilt.
fn verdict(trace: &Trace, spoil: impl FnOnce(&SimDisk)) -> Result<Opened> {
    let disk = trace.epochs.last().expect("it has written").cut(|_| true);
    spoil(&disk);
    let disk = SimDisk::from_bytes(&disk.to_vec(), 1);
    let expected = trace.expected(trace.epochs.len() - 1)?;
    Ok(judge(&trace.world, &Arc::new(disk), 1, &expected, trace.names)?.opened)
}

// Guards the judge, on whom all campaigns rely: a synced chapter that is missing, data of another
// name, and a save that is older than the volume are each seen for what they are.
#[test]
fn the_judge_sees_what_is_wrong() {
    let trace = trace();
    let world = &trace.world;
    assert_eq!(verdict(&trace, |_| {}).unwrap(), Opened::Recovered);
    let complaint = |spoil: &dyn Fn(&SimDisk)| format!("{:#}", verdict(&trace, spoil).unwrap_err());

    let lost = complaint(&|disk| disk.write_at(world.page(2, 0), &[0; 4096]).unwrap());
    assert!(lost.contains("LOST: name 256"), "{lost}");

    // The data of one record of a page for that of another.
    let swapped = complaint(&|disk| {
        let mut data = [0; 16];
        disk.read_at(world.page(1, 1) + 16, &mut data).unwrap();
        disk.write_at(world.page(1, 1) + 32 + 16, &data).unwrap();
    });
    assert!(swapped.contains("WRONG: name"), "{swapped}");

    // The save as it was before it was discarded, and the volume as it was then.
    let before = trace.epochs.iter().position(|epoch| epoch.has_discard).unwrap();
    let old = trace.epochs[before].cut(|_| false).to_vec();
    let rolled_back = complaint(&|disk| disk.write_at(0, &old).unwrap());
    assert!(rolled_back.contains("opened as saved"), "{rolled_back}");

    let no_index = complaint(&|disk| disk.write_at(0, &[0; BLOCK as usize]).unwrap());
    assert!(no_index.contains("does not open"), "{no_index}");
}

fn plan(row: &'static str, count: u64, only: Option<u64>) -> Plan {
    Plan { row, count, seed: 3, only, threads: 2 }
}

// Guards against campaigns that swallow failures: an error and a panic are failures, each with its
// number, and the other cases run.
#[test]
fn errors_and_panics_are_failures() {
    let outcome = plan("F0", 100, None).each(0..100, |case, tally| {
        tally.clean += 1;
        assert_ne!(case, 40, "a panic");
        ensure!(case != 70, "an error");
        Ok(())
    });
    assert_eq!((outcome.tally.cases, outcome.tally.clean), (100, 100));
    let numbers: Vec<u64> = outcome.failures.iter().map(|failure| failure.0).collect();
    assert_eq!(numbers, [40, 70]);
    let command = plan("F9", 1, None).command(40);
    assert_eq!(command, "cargo xtask faults F9 --seed 3 --case 40");
}

// Guards the way back to a case that failed: each row repeats one case alone, and comes to the
// same.
#[test]
fn a_case_alone_is_the_same_each_time() {
    let run = |campaign: &uds_faults::campaign::Campaign, case| -> Outcome {
        (campaign.run)(&plan(campaign.row, 500, Some(case))).unwrap()
    };
    for campaign in &CAMPAIGNS {
        for case in [0, 3, 40] {
            let (first, second) = (run(campaign, case), run(campaign, case));
            assert_eq!(first.tally.cases, 1, "{}", campaign.row);
            assert!(first.failures.is_empty(), "{} {case}: {:?}", campaign.row, first.failures);
            let figures = |outcome: &Outcome| {
                let tally = &outcome.tally;
                // Where zones fill lists side by side, chance decides what these drop.
                let is_exact = !["F12", "F13"].contains(&campaign.row);
                let notes = is_exact.then(|| tally.notes.clone());
                (tally.clean, tally.recovered, tally.refused, tally.worst, notes)
            };
            assert_eq!(figures(&first), figures(&second), "{} {case}", campaign.row);
        }
    }
}
