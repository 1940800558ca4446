//! Tests of the way of chapters, step by step; `lagging.rs` has zones with threads.

mod lagging;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Weak};
use std::thread;

use uds_geometry::{VirtualChapter, ZoneCount, ZoneId};

use super::{Arrival, Chapters};
use crate::IndexError;

const FIRST: VirtualChapter = VirtualChapter::new(7);
const SECOND: VirtualChapter = VirtualChapter::new(8);

fn chapters<P>(zones: u8) -> Chapters<P, &'static str> {
    Chapters::new(ZoneCount::new(zones).unwrap(), FIRST, None)
}

fn zone(number: u8) -> ZoneId {
    ZoneId::new(number)
}

/// Has the writer write what is there.
fn write<P, D>(chapters: &Chapters<P, D>, result: Result<u64, IndexError>) {
    chapters.take().unwrap().write(|_, _, _| result);
}

// Guards the order of records within a chapter: it must not depend on which zone came last.
#[test]
fn parts_reach_the_writer_in_the_order_of_the_zones() {
    let chapters = chapters(3);
    let arrival = |is_first, is_last| Arrival { is_first, is_last };
    assert_eq!(chapters.hand_over(zone(2), FIRST, "c"), arrival(true, false));
    assert_eq!(chapters.hand_over(zone(0), FIRST, "a"), arrival(false, false));
    assert_eq!(chapters.hand_over(zone(1), FIRST, "b"), arrival(false, true));
    let to_write = chapters.take().unwrap();
    assert_eq!(format!("{to_write:?}"), "ToWrite { chapter: v7, .. }");
    to_write.write(|chapter, parts, discard| {
        assert_eq!((chapter, parts, discard), (FIRST, vec!["a", "b", "c"], None));
        Ok(0)
    });
}

// Guards the zones against closing a chapter while its predecessor is under way: the volume has
// room for one, and the zones have memory for one.
#[test]
fn a_chapter_is_closed_when_all_before_it_are_written() {
    let chapters = chapters(1);
    assert!(chapters.may_close(FIRST) && !chapters.may_close(SECOND));
    let arrival = chapters.hand_over(zone(0), FIRST, ());
    assert_eq!(arrival, Arrival { is_first: true, is_last: true });
    assert!(!chapters.may_close(SECOND) && !chapters.is_all_written());
    assert_eq!(chapters.progress(), FIRST.get());
    chapters.take().unwrap().write(|_, _, _| {
        assert!(!chapters.may_close(SECOND), "it is not written yet");
        Ok(3)
    });
    assert!(chapters.may_close(SECOND) && chapters.is_all_written());
    assert_eq!((chapters.newest(), chapters.progress()), (SECOND, SECOND.get()));
    chapters.hand_over(zone(0), SECOND, ());
    write(&chapters, Ok(4));
    assert_eq!(chapters.unindexed(), 7);
    assert_eq!(format!("{chapters:?}"), "Chapters { newest: v9, has_failed: false, .. }");
}

// Guards the save on storage: it is invalid from the first chapter after it, and that chapter
// only: another write to the save's blocks could destroy a later save.
#[test]
fn a_save_is_discarded_once() {
    let chapters = Chapters::new(ZoneCount::ONE, FIRST, Some("old save"));
    let discard_with = |chapter| {
        chapters.hand_over(zone(0), chapter, ());
        let mut found = None;
        chapters.take().unwrap().write(|_, _, discard| {
            assert!(!chapters.save_stands());
            found = discard;
            Ok(0)
        });
        found
    };
    assert!(chapters.save_stands());
    assert_eq!(discard_with(FIRST), Some("old save"));
    assert_eq!(discard_with(SECOND), None);
    chapters.arm_discard("new save");
    assert!(chapters.save_stands());
    assert_eq!(discard_with(SECOND.next()), Some("new save"));
}

// Guards the memory of a zone: with the writer's share alive it would have to find new memory.
#[test]
fn the_parts_are_let_go_of_before_the_chapter_counts_as_written() {
    struct Part {
        chapters: Weak<Chapters<Part, &'static str>>,
        newest_at_drop: Arc<Mutex<Vec<VirtualChapter>>>,
    }
    impl Drop for Part {
        fn drop(&mut self) {
            let chapters = self.chapters.upgrade().unwrap();
            self.newest_at_drop.lock().unwrap().push(chapters.newest());
        }
    }
    let newest_at_drop = Arc::new(Mutex::new(Vec::new()));
    let chapters = Arc::new(chapters(1));
    let part = || Part {
        chapters: Arc::downgrade(&chapters),
        newest_at_drop: Arc::clone(&newest_at_drop),
    };
    chapters.hand_over(zone(0), FIRST, part());
    chapters.take().unwrap().write(|_, _, _| Ok(0));
    chapters.hand_over(zone(0), SECOND, part());
    let to_write = chapters.take().unwrap();
    let write = || to_write.write(|_, _, _| panic!("as a bug would"));
    assert!(catch_unwind(AssertUnwindSafe(write)).is_err());
    assert_eq!(*newest_at_drop.lock().unwrap(), [FIRST, SECOND]);
    assert!(matches!(*chapters.failure().unwrap(), IndexError::Panicked));
}

// Guards the volume after a failed write: nothing may be written after it, and nobody waits.
#[test]
fn the_first_failure_stays_and_ends_all_writing() {
    let chapters = chapters(1);
    assert!(chapters.failure().is_none() && !chapters.has_failed());
    chapters.hand_over(zone(0), FIRST, Arc::new(()));
    write(&chapters, Err(IndexError::NothingToClose));
    assert!(matches!(*chapters.failure().unwrap(), IndexError::NothingToClose));
    assert!(chapters.has_failed() && chapters.may_close(SECOND) && !chapters.is_all_written());
    assert_eq!((chapters.newest(), chapters.progress()), (FIRST, u64::MAX));

    let part = Arc::new(());
    let arrival = chapters.hand_over(zone(0), SECOND, Arc::clone(&part));
    assert_eq!(arrival, Arrival { is_first: false, is_last: false });
    assert_eq!(Arc::strong_count(&part), 1, "the part is dropped");
    chapters.fail(Arc::new(IndexError::Panicked));
    let failure = chapters.wait_until_written().unwrap_err();
    assert!(matches!(*failure, IndexError::NothingToClose), "{failure:?}");
    chapters.stop();
    assert!(chapters.take().is_none());
}

// Guards against a chapter that a thread forgets to write: everybody would wait for it.
#[test]
fn a_chapter_that_is_not_written_is_a_failure() {
    let chapters = chapters(1);
    chapters.hand_over(zone(0), FIRST, ());
    drop(chapters.take().unwrap());
    assert!(matches!(*chapters.failure().unwrap(), IndexError::Panicked));
}

// Guards who waits for a chapter that will never be complete because a zone failed.
#[test]
fn a_failure_from_outside_frees_the_parts_and_wakes_who_waits() {
    let chapters = chapters(2);
    let part = Arc::new(());
    chapters.hand_over(zone(1), FIRST, Arc::clone(&part));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| chapters.wait_until_written());
        chapters.fail(Arc::new(IndexError::Closed));
        let failure = waiter.join().unwrap().unwrap_err();
        assert!(matches!(*failure, IndexError::Closed), "{failure:?}");
    });
    assert_eq!(Arc::strong_count(&part), 1);
    // The other zone's part comes too late, and alone.
    chapters.hand_over(zone(0), FIRST, part);
    chapters.stop();
    assert!(chapters.take().is_none());
}

// Guards a flush: it waits for what was closed, and for nothing where nothing was.
#[test]
fn a_flush_waits_for_the_chapters_that_were_closed() {
    let chapters = chapters(1);
    chapters.wait_until_written().unwrap();
    chapters.hand_over(zone(0), FIRST, ());
    thread::scope(|scope| {
        scope.spawn(|| write(&chapters, Ok(0)));
        chapters.wait_until_written().unwrap();
        assert_eq!(chapters.newest(), SECOND);
    });
}

// Guards the end: a complete chapter is written, an incomplete one is given up.
#[test]
fn the_writer_stops_after_the_chapter_at_hand() {
    let chapters = chapters(2);
    chapters.hand_over(zone(0), FIRST, ());
    chapters.hand_over(zone(1), FIRST, ());
    chapters.stop();
    write(&chapters, Ok(0));
    chapters.hand_over(zone(0), SECOND, ());
    assert!(chapters.take().is_none());
}

// Guards invariant 1 where a zone breaks it: wrong parts in a chapter would be lost records.
#[test]
fn parts_of_the_wrong_chapter_are_bugs() {
    let chapters = chapters(2);
    chapters.hand_over(zone(0), FIRST, ());
    let panics = |zone_number, chapter| {
        let hand_over = || chapters.hand_over(zone(zone_number), chapter, ());
        catch_unwind(AssertUnwindSafe(hand_over)).is_err()
    };
    assert!(panics(0, FIRST), "twice");
    assert!(panics(1, SECOND), "too early");
    assert!(!panics(1, FIRST));
    let to_write = chapters.take().unwrap();
    assert!(panics(0, FIRST), "while it is written");
    to_write.write(|_, _, _| Ok(0));
}
