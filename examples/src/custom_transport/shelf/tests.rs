use occamy_core::ErrorKind;

use super::*;

#[test]
fn as_many_are_fetched_ahead_as_the_server_would_start() {
    let shelf = Shelf::default();
    assert_eq!(shelf.wanted(), 0);
    let mut asking = shelf.ask(3);
    assert_eq!(shelf.wanted(), 3);
    shelf.put(1);
    shelf.put(2);
    assert_eq!(asking.take(), Some(Ok(1)));
    drop(asking);
    assert_eq!((shelf.wanted(), shelf.surplus()), (1, None));
    assert_eq!(shelf.ask(2).take(), Some(Ok(2)));
}

#[test]
fn settlements_under_way_count_against_the_credit() {
    let shelf = Arc::new(Shelf::default());
    let settling = shelf.settling();
    let mut asking = shelf.ask(1);
    assert_eq!(shelf.wanted(), 0);
    shelf.put(1);
    assert_eq!(asking.take(), None);
    assert_eq!(shelf.surplus(), Some(1));
    drop(settling);
    assert_eq!(shelf.wanted(), 1);
}

#[test]
fn what_nobody_asks_for_any_more_is_surplus_the_last_first() {
    let shelf = Shelf::default();
    let asking = shelf.ask(3);
    (1..=3).for_each(|number| shelf.put(number));
    drop(asking);
    let mut asking = shelf.ask(1);
    assert_eq!((shelf.surplus(), shelf.surplus(), shelf.surplus()), (Some(3), Some(2), None));
    assert_eq!(asking.take(), Some(Ok(1)));
    drop(shelf.ask(1));
    shelf.put(4);
    assert_eq!((shelf.wanted(), shelf.surplus()), (0, Some(4)));
}

#[test]
fn an_error_is_told_once_and_only_to_who_has_credit() {
    let shelf = Shelf::<u8>::default();
    let error = Error::new(ErrorKind::UnknownTask, "out of memory");
    shelf.fail(error.clone());
    assert_eq!(shelf.ask(0).take(), None);
    let mut asking = shelf.ask(1);
    assert_eq!((asking.take(), asking.take()), (Some(Err(error)), None));
}
