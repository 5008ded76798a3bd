use occamy_core::Value;

use super::*;

fn read(headers: impl Into<Bytes>, body: &'static str) -> Result<Entry, Malformed> {
    let fields = [(HEADERS, headers.into()), ("other", "x".into()), (BODY, body.into())];
    Entry::read(fields.map(|(name, value)| (name.into(), value)).into())
}

#[test]
fn what_was_written_is_read() {
    let headers = Headers::new()
        .with("größe: \n", " a\nb ")
        .with("bytes", Bytes::from_static(b"\xff\n"))
        .with("empty", "")
        .with("deep", Value::list([Value::Null, "x: y".into()]).unwrap());
    let entry = read(encode(&headers), "body").unwrap();
    assert_eq!(entry, Entry { headers, attempt: 1, body: "body".into() });
    assert_eq!(read(entry.again(3), "body").unwrap(), Entry { attempt: 3, ..entry });
}

#[test]
fn what_a_stranger_writes_is_read_as_it_is_meant() {
    let entry = read("task-id:7\n\nline: a\rb\noccamy-attempt: x\nbytes: \u{ff}", "").unwrap();
    let expected = Headers::new().with("task-id", "7").with("line", "a\rb").with("bytes", "\u{ff}");
    assert_eq!(entry, Entry { headers: expected, attempt: 1, body: Bytes::new() });
    let nothing = Entry::read(Vec::new()).unwrap();
    assert_eq!(nothing, Entry { headers: Headers::new(), attempt: 1, body: Bytes::new() });
}

#[test]
fn a_dead_letter_tells_why_and_goes_on_counting_when_it_is_sent_again() {
    let entry = Entry { headers: Headers::new().with("place", "Pisa"), attempt: 3, body: "tower".into() };
    let error = Error::new(ErrorKind::InvalidTask, "it\nleans");
    let letter = entry.dead(&error, "demo-request");
    let headers = decode(letter.as_bytes()).unwrap();
    assert_eq!(headers.string(header::REASON).unwrap(), "it\nleans");
    assert_eq!(headers.string(header::KIND).unwrap(), "invalid_task");
    assert_eq!(headers.string(header::ORIGIN).unwrap(), "demo-request");
    assert_eq!(headers.integer(header::ATTEMPT).unwrap(), 3);
    assert_eq!(read(letter, "tower").unwrap(), entry);
}

#[test]
fn what_cannot_be_read_is_buried_as_it_came() {
    for lines in ["no colon", "a: b\nlist: occamy:list:[", "list: occamy:int:x"] {
        let malformed = read(lines, "body").unwrap_err();
        assert_eq!(malformed.error.kind(), ErrorKind::InvalidHeaders);
        let letter = String::from_utf8(malformed.dead("demo-request")).unwrap();
        assert!(letter.starts_with(&format!("{lines}\n")), "{letter}");
        assert!(letter.contains("\noccamy-origin: demo-request\n"), "{letter}");
    }
}
