//! What a program finds in its environment: who its task is, and the headers of its message.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use occamy_core::transport::text;
use occamy_core::{CommandTask, TaskContext, Value};
use tokio::process::Command;

const HEADER: &str = "OCCAMY_HEADER_";
const TRACE: [&str; 2] = ["TRACEPARENT", "TRACESTATE"];

/// Sets the environment of a program.
pub(super) fn set(process: &mut Command, command: &CommandTask, cx: &TaskContext) {
    if command.clear_env {
        process.env_clear();
    } else {
        // Of a server that is a command task itself.
        let foreign = |name: &OsStr| {
            name.as_bytes().starts_with(HEADER.as_bytes()) || TRACE.iter().any(|trace| name == *trace)
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| foreign(name)) {
            process.env_remove(name);
        }
    }
    process.envs(variables(command, cx));
    process.envs(command.env.iter().map(|(name, value)| (name, value)));
}

/// The variables that tell of task and message.
fn variables(command: &CommandTask, cx: &TaskContext) -> Vec<(String, OsString)> {
    let mut variables = vec![
        ("OCCAMY_TASK_ID".to_owned(), cx.id().into()),
        ("OCCAMY_GROUP".to_owned(), cx.group().into()),
        ("OCCAMY_STATUS".to_owned(), cx.status().as_str().into()),
        ("OCCAMY_ATTEMPT".to_owned(), cx.attempt().to_string().into()),
        ("OCCAMY_SLOT".to_owned(), cx.slot().0.to_string().into()),
    ];
    if let Some(trace) = cx.trace_context() {
        let values = [Some(trace.traceparent()), trace.tracestate()];
        let known = TRACE.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?)));
        variables.extend(known.map(|(name, value)| (name.to_owned(), value.into())));
    }
    let mut names = HashSet::new();
    for (header, value) in &command.headers {
        let name = variable_name(header);
        if names.insert(name.clone()) {
            variables.push((name, variable_value(value)));
        }
    }
    variables.retain(|(name, value)| {
        let possible = !value.as_bytes().contains(&0);
        if !possible {
            tracing::debug!(%name, "left out of a program's environment, for there is a NUL in it");
        }
        possible
    });
    variables
}

fn variable_name(header: &str) -> String {
    let known = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    HEADER.chars().chain(header.chars().map(known)).collect()
}

fn variable_value(value: &Value) -> OsString {
    match value {
        Value::Null => OsString::new(),
        Value::Bool(truth) => truth.to_string().into(),
        Value::Integer(number) => number.to_string().into(),
        Value::Float(number) => number.to_string().into(),
        Value::Timestamp(seconds) => seconds.to_string().into(),
        Value::String(string) => OsString::from(&**string),
        Value::Bytes(bytes) => OsString::from_vec(bytes.to_vec()),
        nested => OsString::from(&*text::encode_value(nested)),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use occamy_core::{Headers, SlotStatus, TaskDetails, TraceContext};

    use super::*;
    use crate::test_support::TestContext;

    fn of(headers: &Headers) -> Vec<(String, OsString)> {
        let test = TestContext::of(&TaskDetails::new("a").group("b"), SlotStatus::UnprotectedInternal, 2);
        variables(&CommandTask::new("p").message(headers, &Bytes::new()), test.cx())
    }

    #[test]
    fn a_program_knows_its_task() {
        let pairs = [
            ("OCCAMY_TASK_ID", "a"),
            ("OCCAMY_GROUP", "b"),
            ("OCCAMY_STATUS", "unprotected_internal"),
            ("OCCAMY_ATTEMPT", "2"),
            ("OCCAMY_SLOT", "0"),
        ];
        assert_eq!(of(&Headers::new()), pairs.map(|(name, value)| (name.to_owned(), value.into())));
    }

    #[test]
    fn a_program_knows_its_place_in_a_trace() {
        let test = TestContext::new();
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        test.set_trace_context(TraceContext::new(parent, Some("a=1")).unwrap());
        let variables = variables(&CommandTask::new("p"), test.cx());
        let expected = [("TRACEPARENT", parent), ("TRACESTATE", "a=1")];
        assert_eq!(variables[5..], expected.map(|(name, value)| (name.to_owned(), value.into())));
    }

    #[test]
    fn every_type_of_header_has_its_text() {
        let list = Value::list([Value::from(1), Value::from("two")]).unwrap();
        let headers = Headers::new()
            .with("null", Value::Null)
            .with("bool", true)
            .with("integer", -7)
            .with("float", 1.5)
            .with("string", "a = 'b'\n$(c)")
            .with("bytes", Value::Bytes(Bytes::from_static(b"\xff\x01")))
            .with("time", Value::Timestamp(1_700_000_000))
            .with("table", Value::table(Headers::new().with("x", 1)).unwrap())
            .with("list", list);
        let values = of(&headers).into_iter().skip(5).map(|(_, value)| value.into_vec()).collect::<Vec<_>>();
        let expected: [&[u8]; 9] = [
            b"",
            b"true",
            b"-7",
            b"1.5",
            b"a = 'b'\n$(c)",
            b"\xff\x01",
            b"1700000000",
            b"occamy:table:{x=int:1}",
            b"occamy:list:[int:1,str:two]",
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn a_name_is_always_one_of_a_variable_and_the_first_of_equals_counts() {
        let headers = Headers::new()
            .with("task-id", 1)
            .with("TASK_ID", 2)
            .with("größe=", 3)
            .with("", 4)
            .with("a\0b", 5);
        let pairs = [("TASK_ID", "1"), ("GR__E_", "3"), ("", "4"), ("A_B", "5")];
        let expected = pairs.map(|(name, value)| (format!("{HEADER}{name}"), OsString::from(value)));
        assert_eq!(of(&headers).split_off(5), expected);
    }

    #[test]
    fn what_no_variable_can_hold_is_left_out() {
        let headers = Headers::new().with("a", "x\0y").with("A", "second").with("b", "kept");
        let names = of(&headers).split_off(5).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names, ["OCCAMY_HEADER_B"], "the second does not pass for the first");
    }
}
