use futures_util::FutureExt;
use occamy_core::{ErrorKind, Headers, TestMessage};

use super::*;

fn message(body: &'static str) -> TestMessage {
    TestMessage::new(Headers::new(), body)
}

fn put(shelf: &Shelf<TestMessage>, body: &'static str) {
    assert!(shelf.put(message(body)).is_none());
}

fn stream(shelf: &Shelf<TestMessage>) -> Requests<TestMessage> {
    shelf.stream(Arc::new(()))
}

/// The body of the next one, if there is one at once; `None` for the end.
fn take(requests: &mut Requests<TestMessage>, credit: usize) -> Option<Option<String>> {
    let next = requests.next(credit).now_or_never()?.unwrap();
    Some(next.map(|message| String::from_utf8(message.body().to_vec()).unwrap()))
}

fn some(body: &str) -> Option<Option<String>> {
    Some(Some(body.to_owned()))
}

#[test]
fn as_many_are_wanted_as_the_server_would_start() {
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    assert_eq!(shelf.missing(), 0);
    assert_eq!(take(&mut requests, 2), None);
    assert_eq!(shelf.missing(), 2);
    put(&shelf, "a");
    put(&shelf, "b");
    assert_eq!(shelf.missing(), 0);
    assert_eq!(take(&mut requests, 2), some("a"));
    assert_eq!(shelf.missing(), 0, "the other one is for the credit that is left");
    assert_eq!(take(&mut requests, 1), some("b"));
    assert_eq!(take(&mut requests, 0), None);
}

#[test]
fn settlements_count_against_the_credit_until_they_are_over() {
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    put(&shelf, "a");
    let settling = shelf.settling();
    assert_eq!(take(&mut requests, 1), None);
    assert_eq!(shelf.take_surplus().len(), 1);
    put(&shelf, "b");
    drop(settling);
    assert_eq!(take(&mut requests, 1), some("b"));
}

#[test]
fn acknowledgements_on_their_way_hold_no_slots_unless_they_are_more_than_there_are() {
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    assert_eq!(take(&mut requests, 2), None);
    let mut on_their_way = vec![shelf.acknowledging(), shelf.acknowledging()];
    assert_eq!(shelf.missing(), 2);
    put(&shelf, "a");
    put(&shelf, "b");
    on_their_way.extend([shelf.acknowledging(), shelf.acknowledging()]);
    assert_eq!(take(&mut requests, 2), None);
    assert!(shelf.take_surplus().is_empty(), "there will be slots for them");
    on_their_way.pop();
    assert_eq!(take(&mut requests, 2), some("a"));
    assert_eq!(take(&mut requests, 1), None);
    // The greatest credit told counts, not the last.
    on_their_way.pop();
    assert_eq!(take(&mut requests, 1), some("b"));
}

#[tokio::test]
async fn who_waits_hears_of_an_acknowledgement_only_if_that_frees_a_slot() {
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    assert_eq!(take(&mut requests, 1), None);
    shelf.changed().await;
    let (first, second) = (shelf.acknowledging(), shelf.acknowledging());
    assert_eq!(shelf.missing(), 0);
    put(&shelf, "a");
    let mut next = requests.next(1);
    assert!((&mut next).now_or_never().is_none());
    drop(first);
    assert!(shelf.changed().now_or_never().is_some());
    assert!(next.now_or_never().is_some(), "what lies there is wanted again");
    drop(second);
    assert!(shelf.changed().now_or_never().is_none());
}

#[test]
fn an_acknowledgement_that_did_not_arrive_is_a_settlement_from_then_on() {
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    assert_eq!(take(&mut requests, 1), None);
    let lost = shelf.acknowledging();
    // Its slot is in the credit by now.
    assert_eq!(take(&mut requests, 2), None);
    shelf.changed().now_or_never().expect("two are missing");
    put(&shelf, "a");
    put(&shelf, "b");
    let settling = lost.into_settling();
    shelf.changed().now_or_never().expect("one is too many");
    assert_eq!(shelf.take_surplus().len(), 1);
    assert_eq!(take(&mut requests, 2), some("a"));
    put(&shelf, "c");
    assert_eq!(take(&mut requests, 1), None);
    drop(settling);
    assert_eq!(take(&mut requests, 1), some("c"));
}

#[test]
fn no_more_than_twice_the_slots_are_unsettled() {
    const SLOTS: usize = 3;
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    let mut on_their_way = Vec::new();
    assert_eq!(take(&mut requests, SLOTS), None);
    // Tasks that take no time, and a broker that answers no acknowledgement.
    for _ in 0..100 {
        if shelf.missing() > 0 {
            put(&shelf, "a");
            assert_eq!(take(&mut requests, SLOTS), some("a"));
            on_their_way.push(shelf.acknowledging());
            assert_eq!(take(&mut requests, SLOTS), None);
        }
    }
    assert_eq!(on_their_way.len(), 2 * SLOTS);
}

#[test]
fn a_settlement_that_begins_makes_no_surplus_until_the_server_has_told_its_credit_again() {
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    assert_eq!(take(&mut requests, 2), None);
    put(&shelf, "a");
    put(&shelf, "b");
    // Of a third slot, which the server did not count: it was taken.
    let third = shelf.settling();
    assert_eq!(shelf.missing(), 0);
    assert!(shelf.take_surplus().is_empty());
    assert_eq!(take(&mut requests, 3), some("a"));
    assert!(shelf.take_surplus().is_empty());
    drop(third);
    assert_eq!(shelf.missing(), 1);
    // Counted, it takes a place.
    let _counted = shelf.settling();
    assert_eq!(take(&mut requests, 1), None);
    assert_eq!(shelf.take_surplus().len(), 1);
}

#[tokio::test]
async fn who_fetches_is_woken_only_where_something_is_to_be_done() {
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    assert_eq!(take(&mut requests, 1), None);
    shelf.changed().await;
    put(&shelf, "a");
    assert_eq!(take(&mut requests, 1), some("a"));
    assert_eq!(take(&mut requests, 0), None);
    let settling = shelf.settling();
    assert!(shelf.changed().now_or_never().is_none());
    assert_eq!(take(&mut requests, 1), None);
    assert!(shelf.changed().now_or_never().is_none());
    drop(settling);
    shelf.changed().await;
    assert_eq!(take(&mut requests, 0), None);
    shelf.changed().await;
    // No room came of it: so what could still be brought in its place is too much.
    drop(shelf.settling());
    shelf.changed().now_or_never().expect("who fetches hears of it");
}

#[test]
fn the_youngest_are_given_back() {
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    assert_eq!(take(&mut requests, 3), None);
    ["a", "b", "c"].into_iter().for_each(|body| put(&shelf, body));
    assert!(shelf.take_surplus().is_empty());
    assert_eq!(take(&mut requests, 1), some("a"));
    // It said 1, and has it.
    let surplus: Vec<_> = shelf.take_surplus().iter().map(|message| message.body().clone()).collect();
    assert_eq!(surplus, ["c", "b"]);
}

#[test]
fn errors_come_before_requests_and_are_bounded() {
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    for _ in 0..99 {
        shelf.fail(Error::new(ErrorKind::UnknownTask, "no"));
    }
    put(&shelf, "a");
    let errors = (0..99).take_while(|_| requests.next(1).now_or_never().unwrap().is_err());
    assert_eq!(errors.count(), ERRORS);
}

#[tokio::test]
async fn draining_ends_the_stream_and_is_over_when_nothing_is_left() {
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    assert_eq!(take(&mut requests, 1), None);
    put(&shelf, "a");
    shelf.drain();
    assert_eq!((take(&mut requests, 1), shelf.missing()), (Some(None), 0));
    assert!(shelf.is_draining() && shelf.drained().now_or_never().is_none());
    assert_eq!(shelf.finish_draining().len(), 1);
    shelf.drained().await;
    shelf.drain();
    assert!(!shelf.is_draining(), "it only goes on");
    assert!(shelf.put(message("late")).is_some());
    assert!(shelf.close().is_empty() && shelf.is_closed());
}

#[tokio::test]
async fn who_waits_is_woken() {
    let shelf = Shelf::new();
    let mut requests = stream(&shelf);
    let (taken, ()) = tokio::join!(requests.next(1), async {
        tokio::task::yield_now().await;
        shelf.changed().await;
        assert_eq!(shelf.missing(), 1);
        put(&shelf, "a");
    });
    assert_eq!(taken.unwrap().unwrap().body(), "a");
}

#[test]
fn what_it_keeps_alive_goes_with_the_stream() {
    let kept = Arc::new(());
    let requests = Shelf::<TestMessage>::new().stream(kept.clone());
    assert_eq!(Arc::strong_count(&kept), 2);
    drop(requests);
    assert_eq!(Arc::strong_count(&kept), 1);
}
