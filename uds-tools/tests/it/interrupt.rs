//! Ctrl-C.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use uds_geometry::{Configuration, LayoutSizes, MemorySize};

use crate::support::{self, Ran, Uds, blocks};

/// Files whose reading takes many seconds and no disk: holes that must be looked for.
fn endless_tree(uds: &Uds) {
    uds.write("tree/data", &blocks(1..=100));
    for number in 0..8 {
        let file = File::create(uds.path(&format!("tree/sparse {number}"))).unwrap();
        // The most that common file systems allow.
        if file.set_len(15 << 40).is_err() {
            file.set_len(1 << 40).unwrap();
        }
    }
}

/// A set of signals of a process (`self` for this one): bit 0 for signal 1.
fn signals(process: &str, set: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix(set)).unwrap();
    u64::from_str_radix(mask.trim_start_matches(':').trim(), 16).unwrap()
}

/// Ctrl-C's signal; or, where these tests run in the background and a program that they start
/// ignores it therefore, the one that ends a program.
fn ctrl_c() -> Signal {
    let is_ignored = signals("self", "SigIgn") & (1 << (Signal::INT.as_raw() - 1)) != 0;
    if is_ignored { Signal::TERM } else { Signal::INT }
}

/// Waits until the program watches for signals; before that, they would just end it.
fn wait_until_watching(child: &Child) {
    let patience = Instant::now() + Duration::from_secs(60);
    while Instant::now() < patience {
        // It is the last one that the program asks for.
        if signals(&child.id().to_string(), "SigCgt") & (1 << (Signal::TERM.as_raw() - 1)) != 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the program does not watch for Ctrl-C");
}

/// Starts the program and waits until it watches for signals.
fn start(uds: &Uds, arguments: &[&str]) -> Child {
    let child = support::start(&mut uds.command(arguments)).unwrap();
    wait_until_watching(&child);
    child
}

fn interrupt(uds: &Uds, arguments: &[&str]) -> Ran {
    let child = start(uds, arguments);
    std::thread::sleep(Duration::from_millis(300));
    kill_process(Pid::from_child(&child), ctrl_c()).unwrap();
    support::ended(child, &uds.command(arguments))
}

/// Whether a save slot of a new index of 256M says that it holds a save.
fn is_saved(path: &Path) -> bool {
    let sizes = LayoutSizes::new(&Configuration::dense(MemorySize::MB_256).geometry()).unwrap();
    let slot = (2 + sizes.volume_blocks) * 4096;
    let mut header = [0; 17];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut header, slot));
    // The type of the region table: 2 for a save, 4 for none.
    read.is_ok() && header[16] == 2
}

// Guards the hours that went into a scan: what was read so far is told, and told as partial.
#[test]
fn an_interrupted_scan_tells_the_estimate_so_far() {
    let uds = Uds::new();
    endless_tree(&uds);
    let start = Instant::now();
    let ran = interrupt(&uds, &["estimate", "--format", "json", "tree"]);
    assert!(start.elapsed() < Duration::from_secs(30), "it stops soon");
    assert_eq!(ran.code, Some(130), "{ran:?}");
    let json = ran.json();
    assert_eq!(json["interrupted"], true);
    let field = |name: &str| json[name].as_u64().unwrap();
    let known = field("zero_blocks") + field("unique_blocks") + field("duplicate_blocks");
    assert_eq!(field("blocks"), known, "every block that was read was counted");
    assert!(ran.stderr.contains("stopping"), "{}", ran.stderr);
    let text = interrupt(&uds, &["estimate", "tree"]);
    assert!(text.stdout.contains("INTERRUPTED"), "{}", text.stdout);
}

// Guards against a search through a large device that cannot be ended.
#[test]
fn a_search_for_an_index_can_be_ended() {
    let uds = Uds::new();
    endless_tree(&uds);
    let start = Instant::now();
    let ran = interrupt(&uds, &["info", "tree/sparse 0"]);
    assert!(start.elapsed() < Duration::from_secs(30), "it stops soon");
    ran.failed(130, &["stopping"]);
}

// Guards a run under `nohup`, or in the background, against the signals that these keep from it.
#[test]
fn ignored_signals_stay_ignored() {
    let uds = Uds::new();
    endless_tree(&uds);
    let program = uds.command(&["estimate", "--format", "json", "tree"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP INT; exec \"$0\" \"$@\""]);
    shell.arg(program.get_program()).args(program.get_args());
    shell.current_dir(uds.directory.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = support::start(&mut shell).unwrap();
    wait_until_watching(&child);
    for signal in [Signal::HUP, Signal::INT] {
        kill_process(Pid::from_child(&child), signal).unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ran = support::ended(child, &program);
    assert_eq!((ran.code, ran.stderr.matches("stopping").count()), (Some(130), 1), "{ran:?}");
    assert_eq!(ran.json()["interrupted"], true);
}

// Guards against a wish that is heard only when the next name comes.
#[test]
fn waiting_for_names_can_be_stopped() {
    let uds = Uds::new();
    uds.small_index("index", 4, 100);
    let mut command = uds.command(&["lookup", "index", "-", "--format", "json"]);
    let mut child = support::start(command.stdin(Stdio::piped())).unwrap();
    wait_until_watching(&child);
    // Half a name: the rest never comes.
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"0123456789abcdef").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    kill_process(Pid::from_child(&child), ctrl_c()).unwrap();
    let ran = support::ended(child, &command);
    drop(input);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(130), "uds: stopping\n"), "{ran:?}");
    assert_eq!(ran.json()["asked"], 0);
}

// Guards a run whose terminal is closed.
#[test]
fn a_hang_up_stops_as_ctrl_c_does() {
    if signals("self", "SigIgn") & 1 != 0 {
        return support::skipped("a_hang_up_stops_as_ctrl_c_does", "hang-ups are ignored here");
    }
    let uds = Uds::new();
    endless_tree(&uds);
    let child = start(&uds, &["estimate", "tree"]);
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{ran:?}");
}

// Guards an index that is kept: an interrupted run saves what it has posted.
#[test]
fn an_interrupted_run_saves_its_index() {
    let uds = Uds::new();
    endless_tree(&uds);
    uds.small_index("kept", 4, 10);
    let ran = interrupt(&uds, &["estimate", "--index", "kept", "--format", "json", "tree"]);
    assert_eq!(ran.code, Some(130), "{ran:?}");
    let info = uds.run(&["info", "kept", "--format", "json"]);
    assert_eq!(info.code, Some(0), "{info:?}");
    assert_eq!(
        info.json()["saved"]["records"].as_u64().unwrap(),
        10 + ran.json()["unique_blocks"].as_u64().unwrap()
    );
}

// Guards against a failure of the index that is told as a Ctrl-C, and against a stop of the
// threads that is taken for one.
#[test]
fn a_failing_index_is_no_interruption() {
    let uds = Uds::new();
    uds.small_index("kept", 4, 10);
    uds.write("tree/data", &blocks(1..=5000));
    // The limit lies within the first chapter, and before both save slots.
    let ran = uds
        .run_limited("ulimit -f 128", &["estimate", "--index", "kept", "--format", "json", "tree"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let json = ran.json();
    assert_eq!((&json["interrupted"], &json["failed"]), (&false.into(), &"scan".into()));
    assert!(ran.stderr.contains("\"kept\" would be larger than the limit"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("stopping"), "{}", ran.stderr);
}

// Guards an estimate that is right against being lost because the index cannot be saved.
#[test]
fn a_failing_save_is_told_with_the_estimate() {
    let uds = Uds::new();
    uds.small_index("kept", 4, 10);
    uds.write("tree/data", &blocks(1..=20));
    let ran = uds
        .run_limited("ulimit -f 128", &["estimate", "--index", "kept", "--format", "json", "tree"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let json = ran.json();
    assert_eq!((&json["interrupted"], &json["failed"]), (&false.into(), &"save".into()));
    assert_eq!(json["unique_blocks"], 20);
    let text = uds.run_limited("ulimit -f 128", &["estimate", "--index", "kept", "tree"]);
    assert!(text.stdout.contains("FAILED: the estimate is complete"), "{text:?}");
}

// Guards a new index against the death of the process that made it: until its first chapter is
// full, it can be opened again.
#[test]
fn a_killed_run_leaves_a_new_index_that_opens() {
    let uds = Uds::new();
    endless_tree(&uds);
    uds.write("other/data", &blocks(1..=100));
    let mut child = start(&uds, &["estimate", "--index", "kept", "tree"]);
    let patience = Instant::now() + Duration::from_secs(60);
    while !is_saved(&uds.path("kept")) {
        assert!(Instant::now() < patience, "the new index is not saved");
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    assert!(!child.wait().unwrap().success(), "it was still reading");
    assert_eq!(uds.run(&["info", "kept"]).code, Some(0));
    assert_eq!(uds.estimate(&["--index", "kept", "other"])["unique_blocks"], 100);
}

// Guards against a file that was made in part only: a stopped `create` leaves what there was.
#[test]
fn a_stopped_create_leaves_nothing_behind() {
    let uds = Uds::new();
    let path = uds.path("index");
    for was_there in [false, true] {
        let was_stopped = || {
            let _ = fs::remove_file(&path);
            if was_there {
                fs::write(&path, b"").unwrap();
            }
            let child = start(&uds, &["create", "index", "--memory", "256M"]);
            kill_process(Pid::from_child(&child), ctrl_c()).unwrap();
            let ran = Ran::from(child.wait_with_output().unwrap());
            if ran.code == Some(0) {
                // The signal came when nearly all was done.
                assert_eq!(uds.run(&["info", "index"]).code, Some(0));
                return false;
            }
            ran.failed(130, &["stopping", "stopped before the index was made"]);
            assert_eq!(fs::metadata(&path).ok().map(|file| file.len()), was_there.then_some(0));
            true
        };
        assert!((0..100).any(|_| was_stopped()), "no signal came in time");
    }
}

// Guards against a new file that stays when the second Ctrl-C ends the process at once.
#[test]
fn a_create_that_is_ended_removes_its_file() {
    let uds = Uds::new();
    let path = uds.path("index");
    let was_ended = |attempt: u64| {
        let _ = fs::remove_file(&path);
        let child = start(&uds, &["create", "index", "--memory", "1G"]);
        // How long a process takes to begin, and the reservation, differs from machine to machine.
        for signal in [ctrl_c(), Signal::TERM] {
            std::thread::sleep(Duration::from_micros(attempt * 97 % 4000));
            let _ = kill_process(Pid::from_child(&child), signal);
        }
        let ran = Ran::from(child.wait_with_output().unwrap());
        if path.exists() {
            assert_eq!(uds.run(&["info", "index"]).code, Some(0), "complete or gone: {ran:?}");
            return false;
        }
        ran.code == Some(130) && !ran.stderr.contains("stopped before")
    };
    if !(0..600).any(was_ended) {
        support::skipped(
            "a_create_that_is_ended_removes_its_file",
            "no second signal came in time",
        );
    }
}

// Guards gigabytes in a temporary directory that nobody looks at: a benchmark that is stopped
// leaves no file, and prints no numbers.
#[test]
fn an_interrupted_benchmark_leaves_nothing() {
    let uds = Uds::new();
    let ran = interrupt(&uds, &["bench", "--format", "json"]);
    ran.failed(130, &["stopping", "removed", "no numbers"]);
    assert_eq!(fs::read_dir(uds.directory.path()).unwrap().count(), 0);
}
