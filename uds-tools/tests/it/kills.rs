//! Processes that are killed while they fill an index (row F10): everything in a chapter that was
//! written is found again, and nothing is ever taken for clean that is not.

use std::process::Stdio;
use std::time::Duration;

use crate::support::{Random, Uds, blocks, start};

/// Blocks of the tree, all different.
const BLOCKS: u64 = 8000;
/// Records of a chapter of the small index.
const CHAPTER: u64 = 1024;

// Guards an index against `kill -9` at any moment: after each, it is clean, or recovered with every
// chapter sound; what it says to have recovered is found again.
#[test]
fn a_killed_process_costs_two_chapters_at_most() {
    let uds = Uds::new();
    uds.write("tree/data", &blocks(1..=BLOCKS));
    let mut random = Random::new(7);
    let (mut kills, mut recoveries) = (0, 0);
    for round in 0..12 {
        let name = format!("index {round}");
        uds.small_index(&name, 20, 0);
        let mut command = uds.command(&["estimate", "--index", &name, "--quiet", "tree"]);
        let mut child = start(command.stdout(Stdio::null()).stderr(Stdio::null())).unwrap();
        std::thread::sleep(Duration::from_millis(random.below(40)));
        child.kill().unwrap();
        kills += u64::from(!child.wait().unwrap().success());

        let ran = uds.run(&["rebuild", &name, "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let json = ran.json();
        for loss in ["bad_chapters", "unreadable_pages"] {
            assert_eq!(json[loss], 0, "nothing but a process was killed: {json}");
        }
        // A kill can cut a write in two: of the chapter that was being written, there may be the
        // index page alone.
        let cut = json["stale_pages"].as_u64().unwrap();
        assert!(cut <= 1, "{json}");
        recoveries += u64::from(json["was_clean"] == false);
        let chapters = json["chapters"].as_u64().unwrap() - cut;
        let again = uds.estimate(&["--index", &name, "tree"]);
        let found = again["duplicate_blocks"].as_u64().unwrap();
        assert!(found >= chapters * CHAPTER, "{found} found of {chapters} chapters");
        assert_eq!(found + again["unique_blocks"].as_u64().unwrap(), BLOCKS);
        assert_eq!(uds.run(&["info", &name]).code, Some(0));
    }
    println!("{kills} processes killed, {recoveries} indexes recovered");
}
