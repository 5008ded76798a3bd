//! What a program finds in its environment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use occamy_core::{CommandTask, Headers, Value, Verdict};

use crate::common::World;

/// Runs `env` with these headers, as that command, and returns what it found.
async fn environment(command: CommandTask, headers: &Headers) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let world = World::new(1);
    let output = Arc::new(Mutex::new(Vec::new()));
    let command = command.message(headers, &Bytes::new()).on_output({
        let output = Arc::clone(&output);
        move |_, line| {
            let mut output = output.lock().unwrap();
            output.extend_from_slice(line.bytes);
            output.push(b'\n');
        }
    });
    assert_eq!(world.send_request(world.letter(command).with_attempt(3)).settled().await, Verdict::Done);
    let output = output.lock().unwrap();
    let variables = output.split(|&byte| byte == 0).filter_map(|variable| {
        let equals = variable.iter().position(|&byte| byte == b'=')?;
        Some((variable[..equals].to_vec(), variable[equals + 1..].to_vec()))
    });
    variables.collect()
}

fn env() -> CommandTask {
    CommandTask::new("env").arg("-0").details(occamy_core::TaskDetails::new("the id").group("the\ngroup"))
}

fn pair(name: &str, value: impl AsRef<[u8]>) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.as_ref().to_vec())
}

#[tokio::test]
async fn a_program_finds_its_task_and_every_header() {
    let headers = Headers::new()
        .with("string", "a = 'b'\n$(c) größe")
        .with("bytes", Value::Bytes(Bytes::from_static(b"\xff\xfe\n\x01")))
        .with("integer", i64::MIN)
        .with("float", -0.25)
        .with("bool", false)
        .with("null", Value::Null)
        .with("time", Value::Timestamp(1))
        .with("list", Value::list([1, 2]).unwrap())
        .with("table", Value::table(Headers::new().with("a b", "c,d")).unwrap())
        .with("a.b-c=d\ne", "strange")
        .with("größe", "umlauts")
        .with("A_B_C_D_E", "second")
        .with("nul", "a\0b")
        .with("$(reboot)", "hostile")
        .with("", "nameless");
    let found = environment(env().clear_env(), &headers).await;
    let expected = [
        pair("OCCAMY_TASK_ID", "the id"),
        pair("OCCAMY_GROUP", "the\ngroup"),
        pair("OCCAMY_STATUS", "protected"),
        pair("OCCAMY_ATTEMPT", "3"),
        pair("OCCAMY_SLOT", "0"),
        pair("OCCAMY_HEADER_STRING", "a = 'b'\n$(c) größe"),
        pair("OCCAMY_HEADER_BYTES", b"\xff\xfe\n\x01"),
        pair("OCCAMY_HEADER_INTEGER", i64::MIN.to_string()),
        pair("OCCAMY_HEADER_FLOAT", "-0.25"),
        pair("OCCAMY_HEADER_BOOL", "false"),
        pair("OCCAMY_HEADER_NULL", ""),
        pair("OCCAMY_HEADER_TIME", "1"),
        pair("OCCAMY_HEADER_LIST", "occamy:list:[int:1,int:2]"),
        pair("OCCAMY_HEADER_TABLE", "occamy:table:{a b=str:c%2Cd}"),
        pair("OCCAMY_HEADER_A_B_C_D_E", "strange"),
        pair("OCCAMY_HEADER_GR__E", "umlauts"),
        pair("OCCAMY_HEADER___REBOOT_", "hostile"),
        pair("OCCAMY_HEADER_", "nameless"),
    ];
    let ours = found.into_iter().filter(|(name, _)| name.starts_with(b"OCCAMY_"));
    assert_eq!(ours.collect::<BTreeMap<_, _>>(), BTreeMap::from(expected));
}

#[tokio::test]
async fn the_servers_environment_is_handed_on_or_not() {
    let path = std::env::var_os("PATH").unwrap().into_encoded_bytes();
    let found = environment(env(), &Headers::new()).await;
    assert_eq!(found.get(&b"PATH"[..]), Some(&path));
    let found = environment(env().clear_env().env("KEPT", "1"), &Headers::new()).await;
    assert_eq!(found.get(&b"PATH"[..]), None);
    assert_eq!(found.get(&b"KEPT"[..]), Some(&b"1".to_vec()));
}

#[tokio::test]
async fn what_the_command_sets_goes_first() {
    let command = env().env("OCCAMY_HEADER_A", "first").env("OCCAMY_HEADER_A", "set").env("PATH", "/nowhere");
    let found = environment(command, &Headers::new().with("a", "of the message")).await;
    assert_eq!(found.get(&b"OCCAMY_HEADER_A"[..]), Some(&b"set".to_vec()));
    assert_eq!(found.get(&b"PATH"[..]), Some(&b"/nowhere".to_vec()));
}

#[tokio::test]
async fn a_program_runs_where_it_is_told_to() {
    let dir = std::fs::canonicalize(std::env::temp_dir()).unwrap();
    let found = environment(env().current_dir(&dir), &Headers::new()).await;
    assert_eq!(found.get(&b"PWD"[..]), Some(&dir.into_os_string().into_encoded_bytes()));
}
