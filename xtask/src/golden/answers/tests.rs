//! The checker, given right and wrong answers.

use super::super::case::tests::small;
use super::*;

const fn found(data: RecordData, region: Region) -> Option<Found> {
    Some(Found { data, region })
}

/// Answers as the reference did for every counter but `at`, and `other` for that one.
fn answer_with(case: &Case, at: u64, other: Option<Found>) -> Result<u64, WrongAnswer> {
    let mut checker = AnswerChecker::new(case);
    for counter in case.answers.counters() {
        let answer = if counter == at { other } else { case.answers.expected(counter) };
        checker.check(counter, answer)?;
    }
    checker.finish()
}

// Guards the ends of runs and the gaps between them.
#[test]
fn runs_are_expanded() {
    let answers = small().answers;
    assert_eq!(answers.counters(), 0..42);
    assert_eq!(answers.expected(9), found(data_of(9, 0), Region::Dense));
    assert_eq!(answers.expected(10), found(data_of(10, 5), Region::Open));
    assert_eq!(answers.expected(12), None);
    assert_eq!(answers.expected(19), None);
    assert_eq!(answers.expected(20), found(data_of(20, 0), Region::Sparse));
    assert_eq!(answers.expected(40), None);
}

// Guards the strictness for dense indexes: every deviation is one.
#[test]
fn dense_answers_are_exact() {
    let case = small();
    assert_eq!(answer_with(&case, 99, None), Ok(0));
    let data = data_of(9, 0);
    assert!(matches!(answer_with(&case, 9, None), Err(WrongAnswer::Missing { counter: 9, .. })));
    for (at, answer) in [(9, data_of(9, 1)), (9, data_of(8, 0))] {
        let outcome = answer_with(&case, at, found(answer, Region::Dense));
        assert!(matches!(outcome, Err(WrongAnswer::Data { counter: 9, .. })), "{outcome:?}");
    }
    let outcome = answer_with(&case, 9, found(data, Region::Open));
    assert!(matches!(outcome, Err(WrongAnswer::Region { counter: 9, .. })), "{outcome:?}");
    let outcome = answer_with(&case, 15, found(data_of(15, 0), Region::Dense));
    assert!(matches!(outcome, Err(WrongAnswer::Unexpected { counter: 15, .. })), "{outcome:?}");
}

// Guards the freedom for sparse indexes, and its limit: never other data.
#[test]
fn sparse_answers_may_be_more_but_not_other() {
    let mut case = small();
    case.sparse = true;
    assert_eq!(answer_with(&case, 9, found(data_of(9, 0), Region::Sparse)), Ok(0));
    assert_eq!(answer_with(&case, 15, found(data_of(15, 0), Region::Sparse)), Ok(1));
    assert!(matches!(answer_with(&case, 9, None), Err(WrongAnswer::Missing { counter: 9, .. })));
    for data in [data_of(15, 5), data_of(14, 0)] {
        let outcome = answer_with(&case, 15, found(data, Region::Sparse));
        assert!(matches!(outcome, Err(WrongAnswer::NeverWritten { .. })), "{outcome:?}");
    }
    // The program stops at 40.
    let outcome = answer_with(&case, 41, found(data_of(41, 0), Region::Dense));
    assert!(matches!(outcome, Err(WrongAnswer::NeverWritten { .. })), "{outcome:?}");
}

// Guards against a run that asks too little and passes.
#[test]
fn every_counter_is_asked_once_and_in_order() {
    let case = small();
    let mut checker = AnswerChecker::new(&case);
    let first = case.answers.expected(0);
    assert_eq!(checker.check(1, first), Err(WrongAnswer::Turn { counter: 1, wanted: 0 }));
    assert_eq!(checker.check(0, first), Ok(()));
    assert_eq!(checker.check(0, first), Err(WrongAnswer::Turn { counter: 0, wanted: 1 }));
    assert_eq!(checker.finish(), Err(WrongAnswer::Unfinished { stopped: 1, end: 42 }));
    let mut checker = AnswerChecker { case: &case, next: 42, more: 0 };
    assert!(checker.check(42, None).is_err());
}

// Guards against runs that overlap, leave the range or do not add up.
#[test]
fn impossible_runs_are_refused() {
    let run = |start, end| FoundRun { start, end, version: 0, region: Region::Dense };
    let check = |runs: &[FoundRun], total| {
        let answers = Answers { checked_from: 5, checked_up_to: 20, found_runs: runs.to_vec() };
        answers.check(total)
    };
    assert!(check(&[run(5, 10), run(10, 20)], Some(15)).is_ok());
    assert!(check(&[], None).is_ok());
    assert!(check(&[run(7, 7)], None).is_err());
    assert!(check(&[run(4, 7)], None).is_err());
    assert!(check(&[run(5, 10), run(9, 12)], None).is_err());
    assert!(check(&[run(5, 21)], None).is_err());
    assert!(check(&[run(5, 10)], Some(6)).is_err());
}
