use super::*;

fn message(line: &str) -> Parsed {
    parse(line.as_bytes()).unwrap().unwrap()
}

#[test]
fn everything_is_optional() {
    let empty = Parsed { kind: Kind::Request, headers: Headers::new(), body: Bytes::new() };
    assert_eq!(message("{}"), empty);
    assert_eq!(message(r#"{"headers": {}, "body": "", "kind": "request"}"#), empty);
    assert_eq!(message(" \t{}\r"), empty);
    assert_eq!(message(r#"{"kind": "control"}"#).kind, Kind::Control);
    assert_eq!(message(r#"{"body": "a\u00e4\n\"ö"}"#).body, "aä\n\"ö");
}

#[test]
fn blank_lines_are_no_messages() {
    for line in ["", " ", "\r", "\t \r"] {
        assert_eq!(parse(line.as_bytes()), Ok(None));
    }
}

#[test]
fn header_values_have_types() {
    let line = r#"{"headers": {
        "text": "a", "empty": "", "null": null, "yes": true, "no": false, "largest": 9223372036854775807,
        "least": -9223372036854775808, "zero": 0, "half": 0.5, "float": 1.0, "large": 1e300, "e": 12E2,
        "list": [1, "two", [null]], "table": {"a": {"b": 2.5}, "none": {}}, "ä \u0000": "\\\"99999999999999999999"
    }}"#;
    let inner = Value::table(Headers::new().with("b", 2.5)).unwrap();
    let table = Headers::new().with("a", inner).with("none", Value::table(Headers::new()).unwrap());
    let nested = Value::list([Value::Null]).unwrap();
    let expected = Headers::new()
        .with("text", "a")
        .with("empty", "")
        .with("null", Value::Null)
        .with("yes", true)
        .with("no", false)
        .with("largest", i64::MAX)
        .with("least", i64::MIN)
        .with("zero", 0)
        .with("half", 0.5)
        .with("float", 1.0)
        .with("large", 1e300)
        .with("e", 1200.0)
        .with("list", Value::list([Value::from(1), "two".into(), nested]).unwrap())
        .with("table", Value::table(table).unwrap())
        .with("ä \0", "\\\"99999999999999999999");
    assert_eq!(message(line).headers, expected);
}

#[test]
fn a_bad_line_is_an_error_that_says_what_is_wrong() {
    let deep = format!(r#"{{"headers": {{"a": {}{}}}}}"#, "[".repeat(200), "]".repeat(200));
    for (line, expected) in [
        ("no JSON", "column 2: expected ident"),
        ("{", "column 1: EOF while parsing an object"),
        (r#"{"body": "a"} {}"#, "column 15: trailing characters"),
        ("7", "column 1: invalid type: integer `7`, expected a message such as"),
        ("null", "invalid type: null"),
        (r#""text""#, "invalid type: string"),
        (r#" ["request", {}, ""]"#, "column 2: expected an object, found a list"),
        (r#"{"id": 1}"#, "column 5: unknown field `id`, expected one of `kind`, `headers`, `body`"),
        (r#"{"body": 7}"#, "column 10: invalid type: integer `7`, expected a string"),
        (r#"{"body": null}"#, "invalid type: null, expected a string"),
        (r#"{"body": "", "body": ""}"#, "duplicate field `body`"),
        (r#"{"headers": []}"#, "invalid type: sequence, expected an object of headers"),
        (r#"{"headers": null}"#, "invalid type: null, expected an object of headers"),
        (r#"{"headers": {"a": 1, "a": 2}}"#, r#"the header "a" is there twice"#),
        (r#"{"headers": {"t": {"a": 1, "a": 2}}}"#, r#"the header "a" is there twice"#),
        (r#"{"headers": {"a": 9223372036854775808}}"#, "the integer 9223372036854775808 is out of range"),
        (r#"{"headers": {"a": -9223372036854775809}}"#, "the integer -9223372036854775809 is out of range"),
        (
            r#"{"headers": {"a": [true, 99999999999999999999]}}"#,
            "the integer 99999999999999999999 is out of range",
        ),
        (r#"{"headers": {"a": 1e999}}"#, "number out of range"),
        (r#"{"headers": {"a": 01}}"#, "invalid number"),
        (r#"{"kind": "offer"}"#, "unknown variant `offer`, expected `request` or `control`"),
        (r#"{"kind": 1}"#, "column 10"),
        (deep.as_str(), "recursion limit exceeded"),
    ] {
        let error = parse(line.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{line}: {error}");
        assert!(!error.contains("at line"), "{error}");
    }
    let error = parse(b"{\"body\": \"\xff\"}").unwrap_err();
    assert_eq!(error, LineError::NotUtf8(10));
}

/// Whatever is cut off or changed in a line, it is a message or an error.
#[test]
fn no_line_makes_it_panic() {
    let line =
        r#"{"headers": {"a\\\"b": [1, -2.5e7, {"ä": null}], "c": true}, "body": "x\"", "kind": "control"}"#;
    for end in 0..line.len() {
        let _ = parse(&line.as_bytes()[..end]);
        for byte in [b'"', b'\\', b'[', b'9', b'-', 0xff] {
            let mut changed = line.as_bytes().to_vec();
            changed[end] = byte;
            let _ = parse(&changed);
        }
    }
    for json in ["\"", "\"\\", "", "-", "1", "e"] {
        let _ = check_integers(json);
    }
}
