//! What a scan leaves in the page cache.

use std::fs::File;
use std::io::IoSliceMut;
use std::path::Path;

use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::support::{Uds, blocks, skipped};

/// Whether a byte of a file is in the page cache, or nothing where the file system does not say.
/// Asking can bring it there: each place is worth one question.
fn is_cached(path: &Path, place: u64) -> Option<bool> {
    let file = File::open(path).unwrap();
    match preadv2(&file, &mut [IoSliceMut::new(&mut [0])], place, ReadWriteFlags::NOWAIT) {
        Ok(_) => Some(true),
        Err(Errno::AGAIN) => Some(false),
        Err(_) => None,
    }
}

fn put_out_of_cache(path: &Path) {
    let file = File::open(path).unwrap();
    file.sync_all().unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
}

// Guards other programs' data in the page cache: a scan of cold files must not fill it, and must
// not empty it of what was there.
#[test]
fn a_scan_leaves_the_page_cache_as_it_was() {
    let uds = Uds::new();
    // Three pieces, and places in each of their steps.
    let large = blocks(1..=10_000);
    let places = [0, 2 << 20, 7 << 20, 11 << 20, 15 << 20, 16 << 20, 20 << 20, 30 << 20, 38 << 20];
    for name in ["cold/large", "warm/large"] {
        uds.write(name, &large);
    }
    for name in ["cold/small", "warm/small", "canary"] {
        uds.write(name, &large[..49_152]);
    }
    for name in ["cold/large", "cold/small", "canary"] {
        put_out_of_cache(&uds.path(name));
    }
    if is_cached(&uds.path("canary"), 0) != Some(false) {
        let reason = "the file system does not tell what is in the page cache, or keeps all";
        return skipped("a_scan_leaves_the_page_cache_as_it_was", reason);
    }
    let json = uds.estimate(&["--threads", "1", "cold", "warm"]);
    assert_eq!(json["unique_blocks"], 10_000);
    for place in places {
        assert_eq!(is_cached(&uds.path("cold/large"), place), Some(false), "{place}");
        assert_eq!(is_cached(&uds.path("warm/large"), place), Some(true), "{place}");
    }
    assert_eq!(is_cached(&uds.path("cold/small"), 0), Some(false));
    assert_eq!(is_cached(&uds.path("warm/small"), 0), Some(true));
}
