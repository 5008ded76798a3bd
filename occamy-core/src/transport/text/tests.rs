use super::*;
use crate::headers::{List, Table};

fn encoded(value: impl Into<Value>) -> String {
    encode_value(&value.into()).into_owned()
}

fn decoded(text: &str) -> Value {
    decode_value(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Equal to the bit: unlike `==` this holds for NaN, and tells the zeros apart.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Float(one), Value::Float(other)) => one.to_bits() == other.to_bits(),
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(&**other).all(|(one, other)| same(one, other))
        }
        (Value::Table(one), Value::Table(other)) => same_headers(one, other),
        _ => one == other,
    }
}

fn same_headers(one: &Headers, other: &Headers) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && same(one.1, other.1))
}

#[test]
fn plain_strings_go_as_they_are() {
    for text in
        ["", "a", "route 7, north", "größe", "100%", "{\"json\": [1]}", "occamy", "Occamy:x", "a\u{301}"]
    {
        assert_eq!(encoded(text), text);
        assert_eq!(decoded(text), Value::from(text));
    }
}

#[test]
fn other_strings_are_marked_and_escaped() {
    let texts = [
        (" a b ", "occamy:str:%20a b%20"),
        (" ", "occamy:str:%20"),
        ("a\r\nb", "occamy:str:a%0D%0Ab"),
        ("\u{a0}a", "occamy:str:%C2%A0a"),
        ("a\u{2028}b", "occamy:str:a%E2%80%A8b"),
        ("occamy:int:1", "occamy:str:occamy:int:1"),
        ("occamy:100%, [x] {y=z}\0", "occamy:str:occamy:100%25%2C %5Bx%5D %7By%3Dz%7D%00"),
    ];
    for (text, expected) in texts {
        assert_eq!(encoded(text), expected);
        assert_eq!(decoded(expected), Value::from(text));
    }
}

#[test]
fn every_type_has_its_readable_text() -> Result<(), Error> {
    let table =
        Headers::new().with("a=b", "x, y").with("", Value::list([Value::Null, Value::list([0; 0])?])?);
    let texts = [
        (Value::Null, "occamy:null"),
        (Value::Bool(false), "occamy:bool:false"),
        (Value::Integer(i64::MIN), "occamy:int:-9223372036854775808"),
        (Value::Float(1.5), "occamy:float:1.5"),
        (Value::Float(2.0), "occamy:float:2.0"),
        (Value::Float(f64::NEG_INFINITY), "occamy:float:-inf"),
        (Value::Float(5e-324), "occamy:float:5e-324"),
        (Value::Float(-0.0), "occamy:float:-0.0"),
        (Value::Float(f64::from_bits(0x7ff8_0000_0000_002a)), "occamy:float:nan:7ff800000000002a"),
        (Value::from(vec![0, 255, 126]), "occamy:bytes:00ff7e"),
        (Value::from(Bytes::new()), "occamy:bytes:"),
        (Value::Timestamp(u64::MAX), "occamy:time:18446744073709551615"),
        (Value::list([1, 2])?, "occamy:list:[int:1,int:2]"),
        (Value::table(Headers::new())?, "occamy:table:{}"),
        (Value::table(table)?, "occamy:table:{a%3Db=str:x%2C y,=list:[null,list:[]]}"),
    ];
    for (value, expected) in texts {
        assert_eq!(encode_value(&value), expected);
        assert!(same(&decoded(expected), &value), "{expected}");
    }
    Ok(())
}

#[test]
fn names_become_ascii_without_a_colon_and_come_back() {
    for (name, expected) in [
        ("task-id", "task-id"),
        ("X-Request-ID", "X-Request-ID"),
        ("", "%"),
        ("%", "%25"),
        ("a:b c", "a%3Ab%20c"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("a%41", "a%2541"),
        ("\r\n", "%0D%0A"),
    ] {
        assert_eq!(encode_name(name), expected);
        assert_eq!(decode_name(expected), name);
    }
}

#[test]
fn foreign_names_are_left_as_they_are() {
    for name in ["100%", "a%41", "%zz", "%c3%b6", "%C3", "gr\u{f6}\u{df}e%20", "a b%20"] {
        assert_eq!(decode_name(name), name);
    }
}

#[test]
fn foreign_values_are_strings_or_bytes() {
    assert_eq!(decode_value(b"42"), Ok(Value::from("42")));
    assert_eq!(decode_value(b" as it came "), Ok(Value::from(" as it came ")));
    assert_eq!(decode_value(b"\xff\xfe"), Ok(Value::from(vec![0xff, 0xfe])));
}

#[test]
fn malformed_values_are_errors_that_name_the_header() {
    for text in [
        "",
        "rocks",
        "int",
        "int:",
        "int:x",
        "int:9223372036854775808",
        "int:1,",
        "int:1]",
        "bool:1",
        "null:",
        "float:nan",
        "float:nan:7ff0000000000000",
        "float:nan:+ff8000000000000",
        "float:",
        "bytes:0",
        "bytes:0g",
        "bytes:+1",
        "time:-1",
        "str:%",
        "str:%4",
        "str:%é0",
        "str:%FF",
        "list:",
        "list:[",
        "list:[]]",
        "list:[int:1",
        "list:[int:1,",
        "list:[,]",
        "list:[int:1}",
        "list:[int:1]]",
        "list:[list:[null]],null",
        "table:{a=null}x",
        "table:{",
        "table:{a}",
        "table:{a=",
        "table:{a=null",
        "table:{a=null]",
        "table:{%=null}",
        "table:{a=null,}",
        "list:[occamy:null]",
        "list:[plain]",
    ] {
        let text = format!("occamy:{text}");
        let error = decode([("some-name", text.as_bytes())]).expect_err(&text);
        assert_eq!(error.kind(), ErrorKind::InvalidHeaders);
        assert!(error.message().starts_with(r#"header "some-name": "#), "{error}");
    }
}

#[test]
fn the_greatest_depth_round_trips_and_more_is_an_error() {
    let open = |depth: usize| format!("occamy:{}null{}", "list:[".repeat(depth), "]".repeat(depth));
    let text = open(Value::MAX_DEPTH);
    assert_eq!(encode_value(&decoded(&text)), text);
    assert!(decode_value(open(Value::MAX_DEPTH + 1).as_bytes()).is_err());
    assert!(decode_value(open(100_000).as_bytes()).is_err());
    assert!(decode_value(format!("occamy:{}", "table:{x=".repeat(100_000)).as_bytes()).is_err());
}

#[test]
fn sizes_are_capped() {
    let large = vec![b'x'; MAX_SIZE];
    assert!(decode_value(&large).is_ok());
    assert!(decode([("", &*large)]).is_err());
    assert!(decode(std::iter::repeat((" ", &large[..1000]))).is_err(), "headers without end");
    assert!(decode(std::iter::repeat(("", &large[..0]))).is_err(), "empty headers without end");
}

#[test]
fn any_headers_round_trip_through_what_a_broker_of_strings_can_carry() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..5_000 {
        let headers = random_headers(&mut random, 4);
        let encoded: Vec<_> = encode(&headers).collect();
        for (name, value) in &encoded {
            assert!(
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'),
                "{name:?}"
            );
            assert!(!value.contains(['\r', '\n', '\0']), "{value:?}");
            assert_eq!(value.trim(), value);
        }
        let decoded = decode(encoded.iter().map(|(name, value)| (&**name, value.as_bytes())));
        assert!(
            decoded.as_ref().is_ok_and(|decoded| same_headers(decoded, &headers)),
            "{headers:?}\n{decoded:?}"
        );
    }
}

#[test]
fn different_values_have_different_texts() {
    let mut random = fastrand::Rng::with_seed(2);
    let mut texts = std::collections::BTreeMap::new();
    for _ in 0..20_000 {
        let value = random_value(&mut random, 2);
        let text = encode_value(&value).into_owned();
        let before = texts.entry(text).or_insert_with(|| value.clone());
        assert!(same(before, &value), "{before:?}\n{value:?}");
    }
}

#[test]
fn random_text_gives_a_value_or_an_error_and_a_value_round_trips() {
    let pieces = [
        "list:[",
        "table:{",
        "]",
        "}",
        ",",
        "=",
        "str:",
        "int:",
        "1",
        "null",
        "float:",
        "nan:",
        "bytes:",
        "ff",
        "%",
        "20",
        " ",
        "é",
        "occamy:",
        "a",
        "time:",
        "bool:true",
    ];
    let mut random = fastrand::Rng::with_seed(3);
    let mut values = 0;
    for _ in 0..200_000 {
        let length = random.usize(0..8);
        let text: String = (0..length).map(|_| pieces[random.usize(0..pieces.len())]).collect();
        if let Ok(value) = decode_value(format!("occamy:{text}").as_bytes()) {
            values += 1;
            let again = decode_value(encode_value(&value).as_bytes());
            assert!(again.as_ref().is_ok_and(|again| same(again, &value)), "{text}\n{value:?}\n{again:?}");
        }
    }
    assert!(values > 1_000, "only {values} of the random texts were values");
}

fn random_headers(random: &mut fastrand::Rng, depth: usize) -> Headers {
    let count = random.usize(0..5);
    (0..count).map(|_| (random_string(random), random_value(random, depth))).collect()
}

fn random_value(random: &mut fastrand::Rng, depth: usize) -> Value {
    let kinds = if depth == 0 { 8 } else { 10 };
    match random.u8(0..kinds) {
        0 => Value::Null,
        1 => Value::Bool(random.bool()),
        2 => Value::Integer(random.i64(..)),
        3 => Value::Float(f64::from_bits(random.u64(..))),
        4 => Value::Timestamp(random.u64(..)),
        5 => Value::from((0..random.usize(0..6)).map(|_| random.u8(..)).collect::<Vec<_>>()),
        6 | 7 => Value::from(random_string(random)),
        8 => {
            let items: Vec<_> = (0..random.usize(0..4)).map(|_| random_value(random, depth - 1)).collect();
            List::try_from(items).expect("a few levels are no problem").into()
        }
        _ => Table::try_from(random_headers(random, depth - 1)).expect("a few levels are no problem").into(),
    }
}

/// Short, so that strings repeat, and of what is hard: blanks, breaks, escapes, delimiters, marks.
fn random_string(random: &mut fastrand::Rng) -> String {
    let pieces = [
        "a",
        " ",
        "\n",
        "\r",
        "\t",
        "\0",
        "%",
        "%41",
        ",",
        "=",
        "[",
        "]",
        "{",
        "}",
        ":",
        "é",
        "\u{a0}",
        "\u{85}",
        "\u{2028}",
        "occamy:",
        "str:",
        "int:1",
        "null",
        "\u{1f980}",
        "\"",
        "\\",
        "\u{7f}",
        "\u{feff}",
    ];
    (0..random.usize(0..5)).map(|_| pieces[random.usize(0..pieces.len())]).collect()
}
