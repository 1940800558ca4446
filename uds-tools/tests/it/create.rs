//! `uds create`.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::{Uds, fingerprint};

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
    let create = ["create", "index", "--memory", "256M", "--offset", "3", "--sparse-file"];
    uds.run(&create).failed(2, &["index", "not empty", "--force"]);
    assert_eq!(uds.run(&[&create[..], &["--force"]].concat()).code, Some(0));
    let metadata = fs::metadata(uds.path("index")).unwrap();
    assert_eq!(metadata.len(), BYTES_256M + 3 * 4096);
    assert!(metadata.blocks() * 512 < 1 << 30);
    let mut front = [0; 21];
    let file = fs::File::open(uds.path("index")).unwrap();
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut front, 0).unwrap();
    assert_eq!(&front, b"somebody else's block");
    uds.run(&["info", "index"]).failed(4, &["there is no index"]);
    assert_eq!(uds.run(&["info", "index", "--offset", "3"]).code, Some(0));
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

// Guards against a half-made file on a full disk, and against a file that grew in vain.
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let uds = Uds::new();
    // No disk that tests run on has 9 TB to spare.
    let available = rustix::fs::statvfs(uds.directory.path()).unwrap();
    if available.f_bavail * available.f_frsize > 9 << 40 {
        return;
    }
    let create = ["create", "index", "--memory", "1024G"];
    uds.run(&create).failed(3, &["index", "bytes"]);
    assert!(!uds.path("index").exists());
    uds.write("index", b"");
    uds.run(&create).failed(3, &["index"]);
    assert_eq!(fs::metadata(uds.path("index")).unwrap().len(), 0);
    let path = uds.small_index("old", 4, 10);
    let before = fingerprint(&path);
    uds.run(&["create", "old", "--memory", "1024G", "--force"]).failed(3, &["old"]);
    assert_eq!(fingerprint(&path), before);
}

// Guards places where no index can be.
#[test]
fn impossible_places() {
    let uds = Uds::new();
    fs::create_dir(uds.path("directory")).unwrap();
    let create = |name| uds.run(&["create", name, "--memory", "256M", "--force"]);
    create("directory").failed(3, &["directory"]);
    create("no/such/place").failed(3, &["no/such/place", "No such file"]);
    create("/dev/null").failed(3, &["/dev/null", "character device"]);
    let far = ["create", "index", "--memory", "256M", "--offset", "18446744073709551615"];
    uds.run(&far).failed(2, &["--offset"]);
    assert!(!uds.path("index").exists());
}
