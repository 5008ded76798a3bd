use super::*;
use crate::{Error, ErrorKind};
use bytes::Bytes;

fn nested(depth: usize, wrap: fn(Value) -> Result<Value, Error>) -> Result<Value, Error> {
    (0..depth).try_fold(Value::Null, |inner, _| wrap(inner))
}

fn list(inner: Value) -> Result<Value, Error> {
    Value::list([inner])
}

fn table(inner: Value) -> Result<Value, Error> {
    Value::table(Headers::new().with("inner", inner))
}

/// Runs on a stack that is a quarter of what a thread usually gets: enough without optimisation, too.
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "only a thread of its own has a stack of a known size"
)]
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread =
        std::thread::Builder::new().stack_size(512 << 10).spawn(test).expect("a test may start a thread");
    thread.join().expect("the test passes");
}

#[test]
fn the_order_is_that_of_adding() {
    let headers = Headers::from([("b", 1), ("a", 2), ("c", 3)]);
    assert_eq!(headers.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["b", "a", "c"]);
    assert_eq!(headers.iter().rev().map(|(name, _)| name).collect::<Vec<_>>(), ["c", "a", "b"]);
    assert_eq!(headers.len(), 3);
}

#[test]
fn names_are_case_sensitive() {
    let headers = Headers::new().with("Task-Id", "a");
    assert!(!headers.contains("task-id"));
    assert_eq!(headers.optional_string("task-id"), Ok(None));
}

#[test]
fn insert_replaces_in_place_and_leaves_one() {
    let mut headers = Headers::from([("a", 1), ("b", 2), ("a", 3), ("c", 4), ("a", 5)]);
    assert_eq!(headers.insert("a", "new"), Some(Value::Integer(1)));
    assert_eq!(format!("{headers:?}"), r#"{"a": "new", "b": 2, "c": 4}"#);
    assert_eq!(headers.insert("d", true), None);
    assert_eq!(format!("{headers:?}"), r#"{"a": "new", "b": 2, "c": 4, "d": true}"#);
}

#[test]
fn append_keeps_what_is_there_and_get_takes_the_first() {
    let mut headers = Headers::new();
    headers.append("a", 1);
    headers.append("a", 2);
    assert_eq!(headers.get("a"), Some(&Value::Integer(1)));
    assert_eq!(headers.get_all("a").collect::<Vec<_>>(), [&Value::Integer(1), &Value::Integer(2)]);
    assert_eq!(headers.remove("a"), Some(Value::Integer(1)));
    assert!(headers.is_empty());
    assert_eq!(headers.remove("a"), None);
}

#[test]
fn every_accessor_gives_its_type() -> Result<(), Error> {
    let headers = Headers::new()
        .with("string", "text")
        .with("bytes", vec![0_u8, 255])
        .with("integer", u32::MAX)
        .with("float", 1.5_f32)
        .with("bool", true)
        .with("list", Value::list([1, 2])?)
        .with("table", Value::table(Headers::new().with("x", 1))?);
    assert_eq!(headers.string("string")?, "text");
    assert_eq!(headers.bytes("bytes")?, [0, 255]);
    assert_eq!(headers.bytes("string")?, b"text");
    assert_eq!(headers.integer("integer")?, i64::from(u32::MAX));
    assert!((headers.float("float")? - 1.5).abs() < f64::EPSILON);
    assert!(headers.bool("bool")?);
    assert_eq!(headers.list("list")?.len(), 2);
    assert_eq!(headers.table("table")?.integer("x")?, 1);
    Ok(())
}

#[test]
fn a_missing_header_is_an_error_that_names_it() {
    let error = Headers::new().integer("limit").expect_err("not that type, or missing");
    assert_eq!(error.kind(), ErrorKind::InvalidHeaders);
    assert_eq!(error.message(), r#"header "limit": expected an integer, it is missing"#);
}

#[test]
fn another_type_is_an_error_that_names_both_even_if_the_header_is_optional() {
    let headers = Headers::new().with("id", Value::Null);
    let error = headers.optional_string("id").expect_err("not that type, or missing");
    assert_eq!(error.message(), r#"header "id": expected a string, found null"#);
    let headers = Headers::new().with("id", 1);
    assert!(headers.float("id").is_err());
    assert!(headers.bytes("id").is_err());
    assert!(headers.bool("id").is_err());
    assert!(headers.list("id").is_err());
    assert!(headers.table("id").is_err());
}

#[test]
fn a_hostile_name_is_cut_and_escaped_in_messages() {
    let name = "é\n".repeat(10_000);
    let error = Headers::new().string(&name).expect_err("not that type, or missing");
    assert!(error.message().len() < 300, "{}", error.message().len());
    assert!(!error.message().contains('\n'));
}

#[test]
fn values_come_from_what_users_have() {
    assert_eq!(Value::from(None::<&str>), Value::Null);
    assert_eq!(Value::from(Some(3)), Value::Integer(3));
    assert_eq!(Value::from(String::from("a")), Value::String("a".into()));
    assert_eq!(Value::from(Bytes::from_static(b"a")), Value::Bytes(Bytes::from_static(b"a")));
    assert_eq!(Value::try_from(7_usize), Ok(Value::Integer(7)));
    assert!(Value::try_from(u64::MAX).is_err());
}

#[test]
fn sizes_count_names_and_contents() -> Result<(), Error> {
    let inner = Headers::new().with("ab", "cde").with("f", 1);
    assert_eq!(inner.size(), 2 + 3 + 1 + 8);
    let outer = Headers::new()
        .with("x", Value::table(inner)?)
        .with("y", Value::list([Value::Null, Value::from(true)])?);
    assert_eq!(outer.size(), 1 + 14 + 1 + 4);
    assert_eq!(outer.depth(), 1);
    Ok(())
}

#[test]
fn equality_minds_the_order_unless_told_otherwise() -> Result<(), Error> {
    let (one, other) = (Headers::from([("a", 1), ("b", 2)]), Headers::from([("b", 2), ("a", 1)]));
    assert_ne!(one, other);
    assert!(one.eq_unordered(&other));
    let deep =
        |inner: Headers| Ok::<_, Error>(Headers::new().with("x", Value::list([Value::table(inner)?])?));
    assert!(deep(one.clone())?.eq_unordered(&deep(other)?));
    assert!(!deep(one)?.eq_unordered(&deep(Headers::from([("a", 1), ("b", 3)]))?));
    Ok(())
}

#[test]
fn the_greatest_depth_is_built_compared_printed_cloned_and_dropped_on_a_small_stack() {
    on_a_small_stack(|| {
        for wrap in [list, table] {
            let build = || nested(Value::MAX_DEPTH, wrap).expect("the limit itself is allowed");
            let (one, other) = (build(), build());
            assert_eq!(one.depth(), Value::MAX_DEPTH);
            assert_eq!(one, other);
            assert!(one.eq_unordered(&other));
            assert!(format!("{one:?}").len() > 2 * Value::MAX_DEPTH);
            assert_eq!(format!("{one:?}"), format!("{:#?}", one.clone()));
        }
    });
}

#[test]
fn beyond_the_greatest_depth_is_an_error() {
    for wrap in [list, table] {
        let error = nested(Value::MAX_DEPTH + 1, wrap).expect_err("too deep");
        assert_eq!(error.kind(), ErrorKind::InvalidHeaders);
        assert!(nested(100_000, wrap).is_err());
    }
}

#[test]
fn sharing_cannot_build_what_takes_ages_to_print() {
    let doubled = (0..64).try_fold(Value::from("x"), |inner, _| Value::list([inner.clone(), inner]));
    assert_eq!(doubled.expect_err("2^64 letters").kind(), ErrorKind::InvalidHeaders);
}
