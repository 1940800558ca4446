//! Processes that open one index at the same time (row F9): one writer, or readers, and everybody
//! else is told at once that it is in use.

use std::process::{Child, Stdio};

use crate::support::{Ran, Random, Uds, blocks, start};

const BLOCKS: u64 = 200;

fn spawn(uds: &Uds, arguments: &[&str]) -> Child {
    start(uds.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped())).unwrap()
}

// Guards an index against two writers, or a writer among readers, and those who come second against
// waiting: of all who race, each either does its work or is told that the index is in use.
#[test]
fn of_many_processes_one_writes() {
    let uds = Uds::new();
    uds.write("tree/data", &blocks(1..=BLOCKS));
    uds.small_index("index", 20, 3000);
    let mut random = Random::new(9);
    let (mut processes, mut turned_away) = (0, 0);
    for round in 0..60 {
        let kinds: [&[&str]; 4] = [
            &["rebuild", "index", "--quiet"],
            &["info", "index"],
            &["estimate", "--index", "index", "--quiet", "tree"],
            &["create", "index", "--memory", "256M"],
        ];
        let count = 2 + random.below(7);
        let racing: Vec<(usize, Child)> = (0..count)
            .map(|_| random.below(4) as usize)
            .map(|kind| (kind, spawn(&uds, kinds[kind])))
            .collect();
        for (kind, child) in racing {
            let ran = Ran::from(child.wait_with_output().unwrap());
            processes += 1;
            let is_in_use = ran.stderr.contains("is in use");
            turned_away += u64::from(is_in_use);
            match (kind, ran.code) {
                (0..3, Some(0)) => {}
                // There is one already, and it may be in use as well.
                (3, Some(2)) => {}
                (_, Some(2 | 3)) if is_in_use => {}
                _ => panic!("round {round}, {:?}: {ran:?}", kinds[kind]),
            }
        }
        // Whoever was there has let go of it, and it is whole.
        let info = uds.run(&["info", "index"]);
        assert_eq!(info.code, Some(0), "{info:?}");
        assert!(info.stdout.contains("closed cleanly"), "{info:?}");
    }
    println!("openers: {processes} processes, {turned_away} turned away");
    assert!(turned_away > 0, "they never met");
}
