//! One test for each cell of the table of endings, named after its row and its column, and then the limits.

use super::*;

const DELAY: Duration = Duration::from_secs(1);
const LIMITS: Limits = Limits { max_attempts: 5, max_deliveries: 100, retry_delay: DELAY };

fn error() -> Error {
    Error::new(ErrorKind::InvalidBody, "not a route")
}

fn on_first_end(outcome: Outcome, fate: Fate) -> Verdict {
    Verdict::on_end(outcome, fate, 1, LIMITS)
}

#[test]
fn completed_and_not_stopped_is_done() {
    assert_eq!(on_first_end(Outcome::Completed, Fate::Undisturbed), Verdict::Done);
}

#[test]
fn completed_and_stopped_is_done() {
    assert_eq!(on_first_end(Outcome::Completed, Fate::Stopped), Verdict::Done);
}

#[test]
fn failed_retryable_and_not_stopped_is_retried_after_its_delay() {
    let own = error().retry_after(Duration::from_secs(7));
    let verdict = on_first_end(Outcome::Failed(own.clone()), Fate::Undisturbed);
    assert_eq!(verdict, Verdict::Retry { after: Duration::from_secs(7), error: own });

    let default = error().retryable();
    let verdict = on_first_end(Outcome::Failed(default.clone()), Fate::Undisturbed);
    assert_eq!(verdict, Verdict::Retry { after: DELAY, error: default });
}

#[test]
fn failed_retryable_and_stopped_is_requeued() {
    assert_eq!(on_first_end(Outcome::Failed(error().retryable()), Fate::Stopped), Verdict::Interrupted);
}

#[test]
fn failed_and_not_stopped_is_a_dead_letter_with_its_error() {
    assert_eq!(on_first_end(Outcome::Failed(error()), Fate::Undisturbed), Verdict::Failed(error()));
}

#[test]
fn failed_and_stopped_is_requeued() {
    assert_eq!(on_first_end(Outcome::Failed(error()), Fate::Stopped), Verdict::Interrupted);
}

#[test]
fn interrupted_and_not_stopped_is_retried() {
    let verdict = on_first_end(Outcome::Interrupted, Fate::Undisturbed);
    assert!(
        matches!(&verdict, Verdict::Retry { after: DELAY, error } if error.kind() == ErrorKind::TaskInterrupted)
    );
}

#[test]
fn interrupted_and_stopped_is_requeued() {
    assert_eq!(on_first_end(Outcome::Interrupted, Fate::Stopped), Verdict::Interrupted);
}

#[test]
fn not_started_is_refused_however_often_unless_it_was_stopped() {
    for attempt in [1, LIMITS.max_attempts] {
        let verdict = |fate| Verdict::on_end(Outcome::NotStarted(error().retryable()), fate, attempt, LIMITS);
        assert_eq!(verdict(Fate::Undisturbed), Verdict::Busy);
        assert_eq!(verdict(Fate::Overran), Verdict::Busy);
        assert_eq!(verdict(Fate::Stopped), Verdict::Interrupted);
    }
}

#[test]
fn panicked_and_not_stopped_is_a_dead_letter_with_its_error() {
    assert_eq!(on_first_end(Outcome::Panicked(error()), Fate::Undisturbed), Verdict::Failed(error()));
}

#[test]
fn panicked_retryable_and_not_stopped_is_a_dead_letter_all_the_same() {
    let error = error().retryable();
    assert_eq!(on_first_end(Outcome::Panicked(error.clone()), Fate::Undisturbed), Verdict::Failed(error));
}

#[test]
fn panicked_and_stopped_is_requeued() {
    assert_eq!(on_first_end(Outcome::Panicked(error()), Fate::Stopped), Verdict::Interrupted);
}

#[test]
fn not_ended_in_time_and_stopped_is_requeued() {
    assert_eq!(Verdict::on_not_killed(Fate::Stopped), Verdict::Interrupted);
}

#[test]
fn handler_failed_and_not_stopped_is_a_dead_letter_with_its_error() {
    assert_eq!(Verdict::on_handler_error(error()), Verdict::Failed(error()));
}

#[test]
fn an_unknown_error_of_a_handler_is_named_so() {
    let verdict = Verdict::on_handler_error(Error::new(ErrorKind::UnknownTask, "no"));
    assert_eq!(verdict.error().map(Error::kind), Some(ErrorKind::UnknownHandler));
}

#[test]
fn no_room_or_draining_before_the_handler_is_requeued_and_uses_up_no_attempt() {
    assert_eq!(Verdict::on_refusal(), Verdict::Busy);
}

#[test]
fn handler_failed_retryable_is_a_dead_letter_all_the_same() {
    assert_eq!(Verdict::on_handler_error(error().retryable()), Verdict::Failed(error().retryable()));
}

#[test]
fn only_failed_and_retry_carry_an_error() {
    assert_eq!(Verdict::Failed(error()).error(), Some(&error()));
    assert_eq!(Verdict::Retry { after: DELAY, error: error() }.error(), Some(&error()));
    for verdict in [Verdict::Done, Verdict::Interrupted, Verdict::Busy] {
        assert_eq!(verdict.error(), None, "{verdict:?}");
    }
}

#[test]
fn attempts_below_the_limit_are_retried_and_the_last_is_a_dead_letter() {
    for attempt in 1..=7 {
        for outcome in [Outcome::Failed(error().retryable()), Outcome::Interrupted] {
            let verdict = Verdict::on_end(outcome, Fate::Undisturbed, attempt, LIMITS);
            let expected = if attempt < 5 { VerdictKind::Retry } else { VerdictKind::Failed };
            assert_eq!(verdict.kind(), expected, "attempt {attempt}");
        }
    }
}

#[test]
fn a_single_attempt_is_never_retried() {
    let limits = Limits { max_attempts: 1, ..LIMITS };
    let error = error().retryable();
    let verdict = Verdict::on_end(Outcome::Failed(error.clone()), Fate::Undisturbed, 1, limits);
    assert_eq!(verdict, Verdict::Failed(error));
}

#[test]
fn interruption_by_a_stop_uses_up_no_attempt() {
    for outcome in [Outcome::Interrupted, Outcome::Failed(error()), Outcome::Panicked(error())] {
        assert_eq!(Verdict::on_end(outcome, Fate::Stopped, u32::MAX, LIMITS), Verdict::Interrupted);
    }
}

#[test]
fn overran_and_interrupted_fails_as_an_invalid_task() {
    let verdict = on_first_end(Outcome::Interrupted, Fate::Overran);
    assert_eq!(verdict.error().map(Error::kind), Some(ErrorKind::InvalidTask));
    assert_eq!(verdict.kind(), VerdictKind::Failed);
}

#[test]
fn overran_and_completed_is_done() {
    assert_eq!(on_first_end(Outcome::Completed, Fate::Overran), Verdict::Done);
}

#[test]
fn overran_and_failed_or_panicked_is_a_dead_letter_with_the_tasks_own_error() {
    for outcome in [Outcome::Failed, Outcome::Panicked] {
        let error = error().retryable();
        assert_eq!(on_first_end(outcome(error.clone()), Fate::Overran), Verdict::Failed(error));
    }
}

#[test]
fn overran_and_not_ended_in_time_fails_as_an_invalid_task() {
    let verdict = Verdict::on_not_killed(Fate::Overran);
    assert_eq!(verdict.kind(), VerdictKind::Failed);
    assert_eq!(verdict.error().map(Error::kind), Some(ErrorKind::InvalidTask));
}

#[test]
fn deliveries_up_to_the_limit_reach_the_handler_and_one_more_does_not() {
    let arrival = |deliveries| Verdict::on_arrival(Delivery { attempt: 1, deliveries }, LIMITS);
    assert_eq!(arrival(None), None);
    assert_eq!(arrival(Some(1)), None);
    assert_eq!(arrival(Some(100)), None);
    let verdict = arrival(Some(101)).expect("a message delivered too often has a verdict");
    assert_eq!(verdict.kind(), VerdictKind::Failed);
    let error = verdict.error().expect("a dead letter has a reason");
    assert!(error.message().contains("101") && error.message().contains("100"), "{error}");
}

#[test]
fn attempts_alone_never_keep_a_message_from_its_handler() {
    assert_eq!(Verdict::on_arrival(Delivery { attempt: u32::MAX, deliveries: None }, LIMITS), None);
}

#[test]
fn a_result_becomes_the_outcome_of_its_kind() {
    assert_eq!(Outcome::from(Ok(())), Outcome::Completed);
    assert_eq!(Outcome::from(Err(Error::interrupted())), Outcome::Interrupted);
    assert_eq!(Outcome::from(Err(error())), Outcome::Failed(error()));
}

#[test]
fn the_labels_are_public() {
    let verdicts = [
        VerdictKind::Done,
        VerdictKind::Failed,
        VerdictKind::Retry,
        VerdictKind::Interrupted,
        VerdictKind::Busy,
    ];
    assert_eq!(verdicts.map(VerdictKind::as_str), ["done", "failed", "retry", "interrupted", "busy"]);
    let outcomes =
        [OutcomeKind::Completed, OutcomeKind::Failed, OutcomeKind::Interrupted, OutcomeKind::Panicked];
    assert_eq!(outcomes.map(OutcomeKind::as_str), ["completed", "failed", "interrupted", "panicked"]);
    assert_eq!(OutcomeKind::NotStarted.as_str(), "not_started");
}
