//! Look-ups while chapters are written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uds_geometry::VirtualChapter;
use uds_volume::MemoryStorage;

use crate::support::{
    assert_all_found, chapter, open, record, scratch, small_geometry, storage_bytes, write,
};

// Guards against pages that are read from under the writer: found as another chapter's records,
// reported as damage, or left in the cache for the next chapter. Readers also ask for chapters
// that are being overwritten, which an index avoids but cannot exclude.
#[test]
fn readers_and_the_writer_do_not_disturb_each_other() {
    let geometry = small_geometry(2, 3);
    let storage = Arc::new(MemoryStorage::new(storage_bytes(&geometry)));
    let volume = open(storage, &geometry);
    let mut scratch = scratch(&geometry);
    (0..3).for_each(|number| write(&volume, chapter(number), &mut scratch));
    let last = 1500;
    // Chapters below this are all written.
    let written = AtomicU64::new(3);
    std::thread::scope(|scope| {
        for thread in 0..3_u32 {
            let (volume, written, geometry) = (&volume, &written, &geometry);
            scope.spawn(move || {
                let mut step = thread;
                loop {
                    let newest = written.load(Ordering::Acquire);
                    if newest == last {
                        break;
                    }
                    step = step.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let number = VirtualChapter::new(newest - 3 + u64::from(step >> 8) % 4);
                    let record = record(number, (step >> 12) % geometry.records_per_chapter());
                    let found = volume.find_record(number, &record.name).unwrap();
                    // The two chapters that the writer is far from must be there.
                    let is_safe = number.get() + 1 >= newest && number.get() < newest;
                    let still = written.load(Ordering::Acquire) == newest;
                    match found {
                        Some(data) => assert_eq!(data, record.data, "{number:?}"),
                        None => assert!(!(is_safe && still), "{number:?} of {newest} is gone"),
                    }
                    volume.forget_chapter(VirtualChapter::new(newest.saturating_sub(4)));
                }
            });
        }
        for number in 3..last {
            write(&volume, chapter(number), &mut scratch);
            assert_all_found(&volume, chapter(number));
            written.store(number + 1, Ordering::Release);
        }
    });
    (last - 3..last).for_each(|number| assert_all_found(&volume, chapter(number)));
}
