//! Models of the session, each with the weakenings that it catches.

use super::Session;
use crate::IndexError;
use crate::gate::Caller;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutant, model, mutant, thread};

/// A save that must not meet a suspended index.
fn save(session: &Session, is_suspended: &AtomicUsize) {
    if let Ok(_saving) = session.begin_save() {
        assert_eq!(is_suspended.load(Ordering::SeqCst), 0, "a save of a suspended index");
    }
}

/// One thread suspends and resumes, two save.
fn saves() {
    let session = Arc::new(Session::default());
    let is_suspended = Arc::new(AtomicUsize::new(0));
    let savers = [(); 2].map(|()| {
        let (session, is_suspended) = (Arc::clone(&session), Arc::clone(&is_suspended));
        thread::spawn(move || save(&session, &is_suspended))
    });
    let change = session.begin_suspend(Caller::Other).unwrap().unwrap();
    change.wait_for_saves();
    is_suspended.store(1, Ordering::SeqCst);
    drop(change);
    assert!(session.begin_save().is_err());
    let change = session.begin_resume(Caller::Other).unwrap().unwrap();
    is_suspended.store(0, Ordering::SeqCst);
    change.open();
    for saver in savers {
        saver.join().unwrap();
    }
    assert!(session.begin_save().is_ok());
}

#[test]
fn no_save_is_at_work_in_a_suspended_index() {
    model("session/saves", saves);
    mutant("session/saves", Mutant::SessionForgetsSaves, saves);
    mutant("session/saves", Mutant::SessionSavesSilently, saves);
}

/// One thread suspends, one closes, and one does either after them.
fn overlaps() {
    let session = Arc::new(Session::default());
    let suspending = thread::spawn({
        let session = Arc::clone(&session);
        move || match session.begin_suspend(Caller::Other) {
            Ok(Some(change)) => {
                change.wait_for_saves();
                true
            }
            Ok(None) => unreachable!("only this thread suspends"),
            Err(error) => {
                assert!(matches!(error, IndexError::Closed));
                false
            }
        }
    });
    let closing = thread::spawn({
        let session = Arc::clone(&session);
        move || session.begin_close(Caller::Other).is_ok()
    });
    let is_closed = session.begin_close(Caller::Other).is_ok();
    let was_suspended = suspending.join().unwrap();
    let ends = usize::from(is_closed) + usize::from(closing.join().unwrap());
    assert!(ends + usize::from(was_suspended) == 1, "just one of them leads");
    assert_eq!(session.is_suspended(), was_suspended);
}

#[test]
fn changes_wait_for_each_other() {
    model("session/overlaps", overlaps);
    mutant("session/overlaps", Mutant::SessionChangesSilently, overlaps);
}
