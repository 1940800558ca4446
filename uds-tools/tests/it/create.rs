//! `uds create`.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::{Uds, blocks, fingerprint};

const BYTES_256M: u64 = 2_781_704_192;

// Guards the promise that an index cannot run out of disk later.
#[test]
fn the_full_size_is_reserved() {
    let uds = Uds::new();
    let ran = uds.run(&["create", "index", "--memory", "256M", "--nonce", "0xabc"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ran.stdout);
    let metadata = fs::metadata(uds.path("index")).unwrap();
    assert_eq!(metadata.len(), BYTES_256M);
    assert!(metadata.blocks() * 512 >= BYTES_256M);
    let info = uds.run(&["info", "index", "--format", "json"]).json();
    assert_eq!(info["clean"], true);
    assert_eq!(info["client_nonce"], "0x0000000000000abc");
}

// Guards the choice not to reserve, and an index behind other data in the same file.
#[test]
fn a_sparse_file_with_an_offset() {
    let uds = Uds::new();
    uds.write("index", b"somebody else's block");
    let create = ["create", "index", "--memory", "256M", "--sparse-file", "--offset"];
    uds.run(&[&create[..], &["0"]].concat()).failed(2, &["index", "not empty", "--force"]);
    let ran = uds.run(&[&create[..], &["3"]].concat());
    assert_eq!(ran.code, Some(0), "what would stay needs no --force: {ran:?}");
    let metadata = fs::metadata(uds.path("index")).unwrap();
    assert_eq!(metadata.len(), BYTES_256M + 3 * 4096);
    assert!(metadata.blocks() * 512 < 1 << 30);
    let mut front = [0; 21];
    let file = fs::File::open(uds.path("index")).unwrap();
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut front, 0).unwrap();
    assert_eq!(&front, b"somebody else's block");
    uds.run(&["info", "index", "--offset", "0"]).failed(4, &["there is no index"]);
    let given = uds.run(&["info", "index", "--offset", "3"]);
    let found = uds.run(&["info", "index"]);
    assert_eq!((given.code, given.stderr.as_str()), (Some(0), ""));
    assert_eq!((found.code, &found.stdout), (Some(0), &given.stdout));
    assert!(found.stdout.contains("from block 3 on\n"), "{}", found.stdout);
    assert_eq!(found.stderr, "uds: the index begins at block 3\n");
    assert_eq!(uds.run(&["info", "index", "--quiet"]).stderr, "");
}

// Guards against the loss of an index or of a file that took years to write.
#[test]
fn what_exists_is_not_overwritten() {
    let uds = Uds::new();
    uds.write("thesis", b"all of it");
    let index = uds.small_index("index", 4, 10);
    let before = (fingerprint(&index), fingerprint(&uds.path("thesis")));
    uds.run(&["create", "thesis", "--memory", "256M"]).failed(2, &["thesis", "is not empty"]);
    uds.run(&["create", "index", "--memory", "256M"]).failed(2, &["index", "holds an index"]);
    assert_eq!((fingerprint(&index), fingerprint(&uds.path("thesis"))), before);
    uds.write("empty", b"");
    let ran = uds.run(&["create", "empty", "--memory", "256M", "--sparse-file"]);
    assert_eq!(ran.code, Some(0), "an empty file holds nothing to lose: {ran:?}");
}

// Guards an index that a new one would overlap, wherever it begins, and against a question about
// data that would stay.
#[test]
fn only_what_would_be_lost_needs_force() {
    let uds = Uds::new();
    let index = uds.small_index("index", 4, 10);
    let bytes = fs::metadata(&index).unwrap().len();
    let before = fingerprint(&index);
    let create = |offset: u64| {
        let offset = offset.to_string();
        uds.run(&["create", "index", "--memory", "256M", "--sparse-file", "--offset", &offset])
    };
    create(0).failed(2, &["holds an index"]);
    create(bytes / 4096 - 1).failed(2, &["holds an index"]);
    assert_eq!(fingerprint(&index), before);
    assert_eq!(create(bytes / 4096).code, Some(0));
    assert_eq!(uds.run(&["info", "index"]).code, Some(0), "the old one is as it was");
    let offset = (bytes / 4096).to_string();
    assert_eq!(uds.run(&["info", "index", "--offset", &offset]).code, Some(0));
}

// Guards against a half-made file on a full disk, and against a file that grew in vain.
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let uds = Uds::new();
    uds.write("empty", b"");
    let old = uds.small_index("old", 4, 10);
    let before = fingerprint(&old);
    let unchanged = || {
        assert!(!uds.path("new").exists());
        assert_eq!(fs::metadata(uds.path("empty")).unwrap().len(), 0);
        assert_eq!(fingerprint(&old), before);
    };
    for name in ["new", "empty", "old"] {
        // Refused at once: so much no disk has.
        let huge = ["--memory", "256M", "--offset", "1125899906842624", "--force"];
        let ran = uds.run(&[&["create", name], &huge[..]].concat());
        ran.failed(3, &[name, "bytes", "available"]);
        unchanged();
        // Refused by the system when a part of it is reserved already: 1 GiB of 2.6.
        let create = ["create", name, "--memory", "256M", "--force"];
        uds.run_limited("ulimit -f 2097152", &create).failed(3, &[name, "bytes"]);
        unchanged();
    }
    let estimate = ["estimate", "--index", "new", "empty"];
    uds.run_limited("ulimit -f 2097152", &estimate).failed(3, &["new", "bytes"]);
    unchanged();
}

// Guards an index that was to be overwritten by one that the machine has no memory for.
#[test]
fn want_of_memory_leaves_everything_as_it_was() {
    let uds = Uds::new();
    let old = uds.small_index("old", 4, 10);
    let before = fingerprint(&old);
    for name in ["old", "new"] {
        let create = ["create", name, "--memory", "8G", "--sparse-file", "--force"];
        uds.run_limited("ulimit -v 4000000", &create).failed(3, &[name, "memory"]);
    }
    assert_eq!(fingerprint(&old), before);
    assert!(!uds.path("new").exists());
}

// Guards against a file made for a place where no index can be, and against one mistake with two
// exit codes: what cannot hold an index is a wrong argument, what should be one and is none is no
// index.
#[test]
fn impossible_places() {
    let uds = Uds::new();
    fs::create_dir(uds.path("directory")).unwrap();
    uds.write("data/file", &blocks(1..10));
    let create = |name| uds.run(&["create", name, "--memory", "256M", "--force"]);
    let estimate = |name| uds.run(&["estimate", "--index", name, "data"]);
    for (name, words) in [("directory", "is a directory"), ("/dev/null", "character device")] {
        create(name).failed(2, &[name, words]);
        estimate(name).failed(4, &[name, words]);
        uds.run(&["info", name]).failed(4, &[name, words]);
    }
    let words = ["no/such/place", "the directory \"no/such\" does not exist"];
    create("no/such/place").failed(3, &words);
    estimate("no/such/place").failed(3, &words);
    let far = ["create", "index", "--memory", "256M", "--offset", "18446744073709551615"];
    uds.run(&far).failed(2, &["18446744073709551615", "offset", "blocks of 4 KiB"]);
    assert!(!uds.path("index").exists());
}
