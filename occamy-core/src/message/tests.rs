use std::task::{Context, Poll, Waker};

use super::*;

/// The result of a future that never has to wait.
fn at_once<T>(mut future: BoxFuture<'static, T>) -> T {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the future waits"),
    }
}

fn boxed() -> (Box<dyn Message>, Settled) {
    let message = TestMessage::new(Headers::new(), "body");
    let settled = message.settled();
    (Box::new(message), settled)
}

#[test]
fn ack_is_done() {
    let (message, settled) = boxed();
    assert_eq!(at_once(message.ack()), Ok(()));
    assert_eq!(settled.verdict(), Some(&Verdict::Done));
}

#[test]
fn reject_requeues_or_makes_a_dead_letter() {
    let (message, settled) = boxed();
    assert_eq!(at_once(message.reject(true)), Ok(()));
    assert_eq!(settled.verdict(), Some(&Verdict::Interrupted));

    let (message, settled) = boxed();
    assert_eq!(at_once(message.reject(false)), Ok(()));
    assert!(matches!(settled.verdict(), Some(Verdict::Failed(_))));
}

#[test]
fn a_settlement_that_is_never_polled_settles_nothing() {
    let (message, settled) = boxed();
    drop(message.ack());
    assert_eq!(settled.verdict(), None);
}

#[test]
fn a_second_settlement_fails_and_changes_nothing() {
    let message = TestMessage::new(Headers::new(), "");
    let (settled, again) = (message.settled(), message.clone());
    assert_eq!(at_once(Box::new(message).settle(Verdict::Busy)), Ok(()));
    let error = at_once(Box::new(again).ack()).expect_err("it was settled before");
    assert_eq!(error.kind(), ErrorKind::MessageNotAcked);
    assert_eq!(settled.verdict(), Some(&Verdict::Busy));
}

#[test]
fn a_message_that_cannot_tell_lets_go_of_the_watch() {
    let watch: LeaseWatch = Arc::new(|| panic!("nobody can tell"));
    let (message, _) = boxed();
    message.watch_lease(Arc::clone(&watch));
    assert_eq!(Arc::strong_count(&watch), 1);
    assert_eq!((message.attempt(), message.deliveries()), (1, None));
}
