//! The command line itself: help, wrong usage, sizes, and output that nobody takes.

use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::support::{Uds, finish, skipped};

// Guards the help: each command with examples, and the exit codes everywhere.
#[test]
fn help_has_examples_and_exit_codes() {
    let uds = Uds::new();
    for command in [&[][..], &["estimate"], &["create"], &["dump"], &["info"], &["size"]] {
        let help = uds.run(&[command, &["--help"]].concat());
        assert_eq!(help.code, Some(0));
        assert!(help.stdout.contains("Exit codes:\n  0    done\n"), "{}", help.stdout);
        assert!(help.stdout.ends_with(" printed)\n"), "{}", help.stdout);
    }
    for command in ["estimate", "create", "dump", "info", "size"] {
        let help = uds.run(&[command, "--help"]);
        assert_eq!(help.code, Some(0));
        assert!(help.stdout.contains(&format!("Examples:\n  uds {command}")), "{}", help.stdout);
    }
    let version = uds.run(&["--version"]);
    assert_eq!(version.stdout, format!("uds {}\n", env!("CARGO_PKG_VERSION")));
}

// Guards exit code 2 for everything that the caller can put right, with words that help.
#[test]
fn wrong_usage_is_told() {
    let uds = Uds::new();
    uds.write("file", b"x");
    let cases: [(&[&str], &str); 15] = [
        (&[], "Usage"),
        (&["frobnicate"], "frobnicate"),
        (&["estimate"], "<PATH>"),
        (&["estimate", "--memory", "300M", "file"], "256M, 512M, 768M"),
        (&["estimate", "--memory", "0G", "file"], "256M, 512M, 768M"),
        (&["create", "index", "--memory", "1025G"], "1G to 1024G"),
        (&["create", "index"], "--memory"),
        (&["estimate", "--hash", "md5", "file"], "murmur"),
        (&["estimate", "--threads", "0", "file"], "--threads"),
        (&["estimate", "--nonce", "1", "file"], "--index"),
        (&["create", "index", "--memory", "1G", "--nonce", "one"], "hexadecimal with 0x"),
        (&["size", "--data", "lots"], "10T"),
        (&["size", "--block-size", "0"], "512 bytes to 4M"),
        (&["size", "--block-size", "511"], "512 bytes to 4M"),
        (&["size", "--block-size", "1P"], "512 bytes to 4M"),
    ];
    for (arguments, words) in cases {
        let ran = uds.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    }
    assert!(!uds.path("index").exists());
}

// Guards the sizes that people plan with; they are those of the on-disk format.
#[test]
fn sizes() {
    let uds = Uds::new();
    let table = uds.run(&["size"]);
    assert_eq!((table.code, table.stderr.as_str()), (Some(0), ""));
    for line in table.stdout.lines() {
        assert!(line.len() <= 60, "{line:?}");
    }
    insta::assert_snapshot!("size_table", table.stdout);
    insta::assert_snapshot!("size_of_10T", uds.run(&["size", "--data", "10T"]).stdout);
    let json = uds.run(&["size", "--memory", "256M", "--format", "json"]).json();
    assert_eq!(json["sizes"][0]["disk_bytes"], 2_781_704_192_u64);
    assert_eq!(json["sizes"][1]["disk_bytes"], 23_847_940_096_u64);
    uds.run(&["size", "--data", "16383P"]).failed(2, &["no index", "1024G"]);
}

// Guards against a panic when the reader of a pipe has gone, as `head` does.
#[test]
fn a_closed_pipe_is_no_failure() {
    let uds = Uds::new();
    let (writer, reader) = UnixStream::pair().unwrap();
    drop(reader);
    let ran = finish(uds.command(&["size"]).stdout(Stdio::from(OwnedFd::from(writer))));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

// Guards against a result that was lost without a word.
#[test]
fn a_full_output_is_a_failure() {
    let uds = Uds::new();
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        return skipped("a_full_output_is_a_failure", "there is no /dev/full");
    };
    let ran = finish(uds.command(&["size"]).stdout(full));
    ran.failed(3, &["standard output", "No space left"]);
}

// Guards against an answer that leaves out what it does not say: only dense indexes can be made.
#[test]
fn data_that_no_dense_index_remembers() {
    let uds = Uds::new();
    let ran = uds.run(&["size", "--data", "10P"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let text = ran.stdout.replace('\n', " ");
    assert!(text.contains("No dense index is large enough: the largest, with 1024G of"), "{text}");
    assert!(text.contains("remembers 1 PiB."), "{text}");
    let ran = uds.run(&["size", "--data", "1P"]);
    assert!(!ran.stdout.contains("No dense index"), "{}", ran.stdout);
    uds.run(&["size", "--data", "16E"]).failed(2, &["is 16 EiB or more"]);
}
