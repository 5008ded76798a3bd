//! What a program is given: body and arguments.

use bytes::Bytes;
use occamy_core::{CommandTask, Headers, Verdict};

use crate::common::World;
use crate::scripts::{Said, sh};

const LARGE: usize = 16 << 20;

fn large() -> Bytes {
    (0..LARGE).map(|index| u8::try_from(index % 251).unwrap()).collect::<Vec<_>>().into()
}

#[tokio::test]
async fn a_body_of_16_mb_arrives_whole() {
    let world = World::new(1);
    let (said, command) = Said::by(&world, sh("sum", "cksum; wc -c < /dev/null"));
    let request = world.request(command.message(&Headers::new(), &large()));
    assert_eq!(request.settled().await, Verdict::Done);
    let file = std::env::temp_dir().join(format!("occamy-body-{}", std::process::id()));
    std::fs::write(&file, large()).unwrap();
    let expected = std::process::Command::new("cksum").stdin(std::fs::File::open(&file).unwrap()).output();
    std::fs::remove_file(&file).unwrap();
    let expected = String::from_utf8(expected.unwrap().stdout).unwrap();
    assert!(expected.contains(&LARGE.to_string()), "{expected}");
    assert_eq!(said.lines(), [expected.trim(), "0"]);
}

#[tokio::test]
async fn a_body_of_lines_is_not_taken_for_the_launchers() {
    let world = World::new(1);
    let (said, command) = Said::by(&world, CommandTask::new("cat"));
    let request = world.request(command.message(&Headers::new(), &Bytes::from("\n\n one\\\n two")));
    assert_eq!(request.settled().await, Verdict::Done);
    assert_eq!(said.lines(), ["", "", " one\\", " two"]);
}

#[tokio::test]
async fn an_empty_body_is_the_end_of_input() {
    let world = World::new(1);
    let (said, command) = Said::by(&world, sh("count", "wc -c"));
    assert_eq!(world.request(command).settled().await, Verdict::Done);
    assert_eq!(said.lines(), ["0"]);
}

#[tokio::test]
async fn a_program_may_leave_its_body_unread() {
    let world = World::new(2);
    // One that ends, and one that closes its input and goes on.
    let (said, goes_on) = Said::by(&world, sh("goes on", "exec <&-; echo closed; exit 0"));
    let requests = [CommandTask::new("true"), goes_on]
        .map(|command| world.request(command.message(&Headers::new(), &large())));
    for request in requests {
        assert_eq!(request.settled().await, Verdict::Done);
    }
    assert_eq!(said.lines(), ["closed"]);
}

/// It writes what it reads: so reading must not wait for all to be written.
#[tokio::test]
async fn a_large_body_goes_through_and_through() {
    let world = World::new(1);
    let (said, command) = Said::by(&world, sh("through", "cat | cat | wc -c; cat"));
    let request = world.request(command.message(&Headers::new(), &large()));
    assert_eq!(request.settled().await, Verdict::Done);
    assert_eq!(said.lines(), [LARGE.to_string()]);
    let (said, command) = Said::by(&world, CommandTask::new("cat"));
    let lines = "a line\n".repeat(100_000);
    let request = world.request(command.message(&Headers::new(), &Bytes::from(lines)));
    assert_eq!(request.settled().await, Verdict::Done);
    assert_eq!(said.lines().len(), 100_000);
}

#[tokio::test]
async fn arguments_arrive_as_they_are() {
    let hostile = [
        "",
        "-n",
        "--",
        "a b",
        "'",
        "\"",
        "\\",
        "$(echo no)",
        "`echo no`",
        "$HOME",
        "*",
        "~",
        ";exit 1",
        "\n",
        "a\nb\n",
        "größe",
        "#",
        "!",
        "{a,b}",
        "\t",
        "exec",
        "|| true",
        "> /dev/null",
        "\r",
        "%s\\n",
        "sh",
    ];
    let world = World::new(1);
    let (said, command) = Said::by(&world, sh("args", r#"printf '<%s>' "$@""#));
    let request = world.request(command.arg("sh").args(hostile));
    assert_eq!(request.settled().await, Verdict::Done);
    let expected = hostile.map(|argument| format!("<{argument}>")).concat();
    assert_eq!(said.lines().join("\n"), expected);
}
