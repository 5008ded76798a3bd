//! What is wrong with options is said, and what they mean is explained.

use std::process::Output;

use crate::support::{command, run};

fn output(arguments: &[&str]) -> Output {
    command(arguments).stdin(std::process::Stdio::null()).output().unwrap()
}

#[test]
fn help_explains_every_option_with_its_default() {
    let help = output(&["--help"]);
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    for (option, default) in [
        ("--broker <URL>", "[default: memory:]"),
        ("--service <NAME>", "[default: worker]"),
        ("--slots <N>", "[default: OCCAMY_SLOTS, or the cores"),
        ("--reserve-cores <CORES>", "[default: 0]"),
        ("--expansion-period <TIME>", "[default: 1s]"),
        ("--buffer <SLOTS>", "[default: 0]"),
        ("--overlap <PROGRAMS>", "[default: 0]"),
        ("--kill-timeout <TIME>", "[default: 5s]"),
        ("--grace <TIME>", "[default: 20s]"),
        ("--attempts <N>", "[default: 5]"),
        ("--retry-delay <TIME>", "[default: 1s]"),
        ("--max-run <TIME>", "[default: as long as it takes]"),
        ("--memory-limit <BYTES>", "[default: no limit"),
        ("--retry-status <STATUS>", "[default: 75]"),
        ("--assist", "[default: no assistants]"),
        ("--replay-dead <N|all|id:ID>", "No program is needed"),
    ] {
        let (_, after) = help.split_once(&format!("      {option}\n")).expect(option);
        // Its explanation ends where the next option begins.
        let explanation = after.split("\n      --").next().unwrap();
        assert!(explanation.contains(default), "{option}: {explanation}");
    }
    assert!(help.contains("PROGRAM ARGS") && help.contains("Exit status:"), "{help}");
}

#[test]
fn nonsense_is_an_error_that_names_the_option() {
    for (arguments, expected) in [
        (&["--slots", "0", "--", "cat"][..], "--slots"),
        (&["--kill-timeout", "0s", "--", "cat"], "--kill-timeout"),
        (&["--slots", "2", "--buffer", "2", "--", "cat"], "--buffer"),
        (&["--broker", "pigeon://coop", "--", "cat"], "the schemes are memory:"),
        (&["--slots", "2"], "PROGRAM"),
        (&["--replay-dead", "0", "--broker", "nats://127.0.0.1:1"], "--replay-dead"),
        (&["--replay-dead", "all", "--broker", "nats://127.0.0.1:1", "--", "cat"], "--replay-dead"),
        (&["--replay-dead", "all"], "memory: has no dead letters"),
    ] {
        let ended = run(arguments, "");
        ended.assert(2, &[]);
        assert!(ended.stderr.contains(expected), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn no_output_shows_a_password() {
    for broker in ["pigeon://user:secret@host", "memory://user:secret@host", "user:secret@host"] {
        let output = output(&["--broker", broker, "--", "cat"]);
        assert_eq!(output.status.code(), Some(2));
        let shown = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert!(!shown.contains("secret") && shown.contains("memory:"), "{shown}");
    }
}
