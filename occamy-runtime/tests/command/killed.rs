//! A server that is killed takes its commands along, at whichever instant it dies.
//!
//! The tests run their own program again, as a server, in a session of its own: by that its processes are known.
#![allow(clippy::print_stdout, reason = "so the server talks to the test")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use occamy_core::{CommandTask, Headers, TestMessage, handler_fn};
use occamy_runtime::Server;

use crate::again;
use crate::processes::{all, wait_until};
use crate::scripts::DEAF;

/// Runs commands that have children, all of them deaf, and prints the id of each.
const STEADY: &str = "steady";
/// Starts commands without end, which leave children behind, and prints one line before.
const BUSY: &str = "busy";

/// A server in a process of its own.
struct Victim {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Victim {
    fn start(role: &str) -> Self {
        let mut command = again::command("killed::a_server_to_be_killed", role);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next line that the server itself has printed, without its mark.
    fn line(&mut self) -> String {
        loop {
            let line = self.lines.next().expect("the server lives").unwrap();
            // The harness may have begun the line.
            if let Some((_, line)) = line.split_once("server: ") {
                return line.to_owned();
            }
        }
    }

    /// The groups of its processes that run, but for its own.
    fn groups(&self) -> Vec<i32> {
        let id = self.process.id().cast_signed();
        let ours = all().into_iter().filter(|p| p.session == id && p.id != id && !p.zombie);
        ours.map(|process| process.group).collect()
    }

    /// Kills it, and waits until nothing of its session runs.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        wait_until("nothing of the server remains", || self.groups().is_empty());
    }
}

#[test]
fn a_killed_server_leaves_no_process() {
    let mut victim = Victim::start(STEADY);
    let mut programs = (0..4).map(|_| victim.line().parse().unwrap()).collect::<Vec<i32>>();
    wait_until("the children run, too", || {
        let groups = victim.groups();
        programs.iter().all(|program| groups.iter().filter(|&group| group == program).count() >= 3)
    });
    let mut groups = victim.groups();
    groups.sort_unstable();
    groups.dedup();
    programs.sort_unstable();
    assert_eq!(groups, programs, "each program has a group of its own");
    victim.kill();
}

/// There is no instant at which a program runs unguarded.
#[test]
fn a_server_that_is_killed_while_it_launches_leaves_no_process() {
    for _ in 0..50 {
        let mut victim = Victim::start(BUSY);
        victim.line();
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..20_000)));
        victim.kill();
    }
}

/// No test, but what the tests run.
#[test]
fn a_server_to_be_killed() {
    let Some(role) = again::role() else { return };
    rustix::process::setsid().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { if role == STEADY { steady().await } else { busy().await } });
}

async fn steady() {
    let handler = handler_fn(|_, _| {
        let script = format!("(trap '' TERM HUP; exec sleep 1000) & {DEAF}");
        let command = CommandTask::new("sh").args(["-c", &script]);
        Ok(command.on_output(|_, line| println!("server: {}", line.text())).into())
    });
    let server = Server::builder(handler).slots(4).build().unwrap();
    for _ in 0..4 {
        server.handle_request(Box::new(TestMessage::new(Headers::new(), "")));
    }
    std::future::pending::<()>().await;
}

async fn busy() {
    let handler = handler_fn(|_, _| {
        Ok(CommandTask::new("sh").args(["-c", "trap '' TERM HUP; sleep 1000 & exit 0"]).into())
    });
    let server = Server::builder(handler).slots(8).build().unwrap();
    println!("server: begins");
    loop {
        while server.available() > 0 {
            server.handle_request(Box::new(TestMessage::new(Headers::new(), "")));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
