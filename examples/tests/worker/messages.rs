//! What comes of each kind of line.

use serde_json::{Value, json};

use crate::support::{SharedFile, distinct, run};

/// Exits with the status that the body says.
const EXIT: [&str; 4] = ["--", "sh", "-c", r#"exit "$(cat)""#];

#[test]
fn requests_are_served_by_running_a_program_for_each() {
    let input = r#"
        {"headers": {"task-id": "a"}, "body": "hello"}
        {"headers": {"task-id": "b"}, "body": "there"}"#;
    let arguments = ["--broker", "memory:", "--service", "demo", "--slots", "2", "--", "cat"];
    let ended = run(&arguments, input);
    ended.assert(0, &[(2, "done"), (3, "done")]);
    let expected = json!({
        "line": 2, "message": "request", "task-id": "a", "verdict": "done", "kind": null, "reason": null,
        "attempt": 1,
    });
    assert_eq!(ended.settlements[0], expected);
    for text in ["hello", "there"] {
        assert!(ended.stderr.contains(text), "what programs write is logged: {}", ended.stderr);
    }
    let ended = run(&["--slots", "2", "--", "false"], input);
    ended.assert(0, &[(2, "failed"), (3, "failed")]);
    assert_eq!(ended.settlements[0]["kind"], "unknown_task_error");
    assert!(ended.settlements[0]["reason"].is_string());
}

#[test]
fn the_exit_status_decides() {
    let lines = ["0", "1", "9", "75"].map(|status| format!("{{\"body\": \"{status}\"}}\n"));
    let options = ["--retry-status", "9", "--attempts", "3", "--retry-delay", "0s"];
    let ended = run(&[&options[..], &EXIT].concat(), lines.concat());
    ended.assert(0, &[(1, "done"), (2, "failed"), (3, "retry"), (3, "retry"), (3, "failed"), (4, "failed")]);
    let attempts: Vec<_> = ended.settlements[2..5].iter().map(|line| &line["attempt"]).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert_eq!(distinct(ended.settlements[2..5].iter().map(|line| &line["task-id"])).len(), 1);
}

#[test]
fn a_later_attempt_may_succeed() {
    let options = ["--retry-delay", "0s", "--", "sh", "-c", r#"[ "$OCCAMY_ATTEMPT" -eq 3 ] || exit 75"#];
    run(&options, "{}").assert(0, &[(1, "retry"), (1, "retry"), (1, "done")]);
}

#[test]
fn the_program_is_told_what_it_works_on() {
    let input =
        r#"{"headers": {"task-id": "a", "group": "maps", "zoom": 3, "X-y": "ä b"}, "body": "text\n"}"#;
    let test = r#"
        read -r body
        [ "$OCCAMY_TASK_ID/$OCCAMY_GROUP/$OCCAMY_STATUS/$OCCAMY_ATTEMPT" = a/maps/protected/1 ] &&
        [ "$OCCAMY_HEADER_ZOOM/$OCCAMY_HEADER_X_Y/$body/$1" = "3/ä b/text/an argument" ]"#;
    run(&["--", "sh", "-c", test, "sh", "an argument"], input).assert(0, &[(1, "done")]);
}

#[test]
fn requests_without_an_id_get_fresh_ones() {
    let ids = SharedFile::new("ids");
    let note = r#"echo "$OCCAMY_TASK_ID" >> "$0""#;
    let ended = run(&["--", "sh", "-c", note, ids.path()], "{}\n{}\n{\"body\": \"a\"}\n");
    ended.assert(0, &[(1, "done"), (2, "done"), (3, "done")]);
    let text = ids.text();
    let mut seen: Vec<_> = text.lines().collect();
    let mut settled: Vec<_> = ended.settlements.iter().map(|line| &line["task-id"]).collect();
    assert_eq!(distinct(&settled).len(), 3);
    seen.sort_unstable();
    settled.sort_unstable_by_key(|id| id.as_str());
    assert_eq!(settled, seen, "the programs were told the same ids");
}

#[test]
fn an_id_or_a_group_that_is_no_string_is_an_invalid_header() {
    let input = "{\"headers\": {\"task-id\": 5}}\n{\"headers\": {\"group\": [1]}}\n\
                 {\"kind\": \"control\", \"headers\": {\"task-id\": null}}\n";
    let ended = run(&["--", "cat"], input);
    ended.assert(0, &[(1, "failed"), (2, "failed"), (3, "failed")]);
    for settlement in &ended.settlements {
        assert_eq!(settlement["kind"], "invalid_headers", "{settlement}");
    }
    assert_eq!(ended.settlements[0]["task-id"], Value::Null);
}

#[test]
fn bad_lines_are_complained_about_and_lose_nothing_else() {
    let mut input = b"{}\nnonsense\n\n{\"body\": 7}\n{\"body\": \"".to_vec();
    input.extend(b"\xff\"}\n{\"headers\": {\"n\": 9223372036854775808}}\n");
    input.extend(vec![b' '; (64 << 20) + 1]);
    input.extend(b"\n{\"body\": \"the last\"}");
    let ended = run(&["--", "cat"], input);
    ended.assert(1, &[(1, "done"), (8, "done")]);
    for expected in [
        "line 2: column 2: ",
        "line 4: column 10: invalid type: integer `7`, expected a string",
        "line 5: expected UTF-8",
        "line 6: the integer 9223372036854775808 is out of range",
        "line 7: more than 67108864 bytes",
    ] {
        assert!(ended.stderr.contains(&format!("error: {expected}")), "{expected}: {}", ended.stderr);
    }
}

#[test]
fn a_large_body_arrives_as_it_was_sent() {
    let body: String =
        (0..16 << 20).map(|n: u32| char::from(b' ' + (n.wrapping_mul(n) % 90) as u8)).collect();
    let expected = SharedFile::new("body");
    std::fs::write(expected.path(), &body).unwrap();
    let input = json!({"body": body}).to_string();
    run(&["--", "cmp", "-", expected.path()], input).assert(0, &[(1, "done")]);
}

#[test]
fn a_control_message_without_an_id_is_an_optional_request() {
    let seen = SharedFile::new("status");
    let note = r#"echo "$OCCAMY_STATUS $(cat)" >> "$0""#;
    let input = r#"{"kind": "control", "body": "optional"}"#;
    let ended = run(&["--slots", "1", "--", "sh", "-c", note, seen.path()], input);
    ended.assert(0, &[(1, "done")]);
    assert_eq!(
        (&ended.settlements[0]["message"], &ended.settlements[0]["task-id"]),
        (&"control".into(), &Value::Null)
    );
    assert_eq!(seen.text(), "unprotected_external optional\n");
}

#[test]
fn a_control_message_with_an_id_is_settled_and_runs_nothing() {
    let ended = run(&["--", "false"], r#"{"kind": "control", "headers": {"task-id": "a"}}"#);
    ended.assert(0, &[(1, "done")]);
    assert_eq!(ended.settlements[0]["task-id"], "a");
}

#[test]
fn a_missing_program_is_an_invalid_task() {
    let ended = run(&["--", "/no/such/program"], "{}\n");
    ended.assert(0, &[(1, "failed")]);
    assert_eq!(ended.settlements[0]["kind"], "invalid_task");
}
