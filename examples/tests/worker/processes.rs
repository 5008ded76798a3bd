//! Processes side by side: how many, with which limits, and assistants beside them.

use crate::support::{SharedFile, Worker, command, run};

#[test]
fn as_many_programs_run_side_by_side_as_there_are_slots() {
    let log = SharedFile::new("log");
    // The first two end only when both have begun.
    let program = r#"
        echo begin >> "$0"
        while [ "$(grep -c begin "$0")" -lt 2 ]; do sleep 0.01; done
        echo end >> "$0""#;
    let ended = run(&["--slots", "2", "--", "sh", "-c", program, log.path()], "{}\n".repeat(10));
    ended.assert(0, &(1..=10).map(|line| (line, "done")).collect::<Vec<_>>());
    let mut running = 0;
    for line in log.text().lines() {
        running += if line == "begin" { 1 } else { -1 };
        assert!((0..=2).contains(&running), "{}", log.text());
    }
    assert_eq!((running, log.text().lines().count()), (0, 20));
}

#[test]
fn a_program_over_its_memory_limit_fails_alone() {
    // What comes through a pipe `tail` has to keep, since all of it may be the end.
    let program = r#"head -c "$(cat)" /dev/zero | tail -c "1000000000" > /dev/null"#;
    let input = "{\"body\": \"1000\"}\n{\"body\": \"500000000\"}\n{\"body\": \"1000\"}\n";
    let arguments = ["--slots", "1", "--memory-limit", "200MB", "--", "sh", "-c", program];
    let ended = run(&arguments, input);
    ended.assert(0, &[(1, "done"), (2, "failed"), (3, "done")]);
    assert_eq!(ended.settlements[1]["kind"], "unknown_task_error");
}

#[test]
fn a_program_that_runs_too_long_fails() {
    let ended = run(&["--max-run", "50ms", "--", "sleep", "1000"], "{}");
    ended.assert(0, &[(1, "failed")]);
    assert!(ended.settlements[0]["reason"].as_str().unwrap().contains("max_run"), "{ended:?}");
}

#[test]
fn a_request_may_have_assistants_which_end_with_the_worker() {
    let log = SharedFile::new("log");
    let program = r#"
        echo "$OCCAMY_STATUS $OCCAMY_TASK_ID $OCCAMY_HEADER_ZOOM $(cat)" >> "$0"
        [ "$OCCAMY_STATUS" = protected ] || exec sleep 1000
        until grep -q unprotected "$0"; do sleep 0.01; done"#;
    let input = r#"{"headers": {"task-id": "a", "zoom": 3}, "body": "text"}"#;
    let ended = run(&["--slots", "2", "--assist", "--", "sh", "-c", program, log.path()], input);
    ended.assert(0, &[(1, "done")]);
    let text = log.text();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines, ["protected a 3 text", "unprotected_internal a 3 text"]);
}

#[test]
fn a_request_evicts_an_optional_one() {
    let log = SharedFile::new("log");
    // The optional one ignores its stop; the request needs its slot.
    let program = r#"
        trap '' TERM
        echo "$OCCAMY_STATUS" >> "$0"
        [ "$OCCAMY_STATUS" = protected ] || [ "$(grep -c unprotected "$0")" -gt 1 ] || exec sleep 1000"#;
    let arguments = ["--slots", "1", "--kill-timeout", "1s", "--", "sh", "-c", program, log.path()];
    let mut worker = Worker::start(&mut command(&arguments));
    worker.send(r#"{"kind": "control"}"#);
    assert_eq!(worker.receive()["verdict"], "done");
    assert_eq!(log.first_line(), "unprotected_external");
    worker.send("{}");
    worker.end_input();
    // The optional request is run again after that.
    worker.wait().assert(0, &[(2, "done")]);
    assert_eq!(log.text(), "unprotected_external\nprotected\nunprotected_external\n");
}
