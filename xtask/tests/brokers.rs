//! `cargo xtask brokers` from outside, with a stand-in for a server: this program, by another name.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// Tells the stand-in its port.
const PORT: &str = "OCCAMY_STAND_IN_PORT";

/// A machine on which `nats-server` is the stand-in, with a folder of its own for what is started.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("bin");
        std::fs::create_dir(&programs).unwrap();
        let this = std::env::current_exe().unwrap();
        let script = format!(
            "#!/bin/sh\n\
             while [ $# -gt 0 ]; do [ \"$1\" = -p ] && export {PORT}=\"$2\"; shift; done\n\
             exec '{}' stand_in --exact --ignored\n",
            this.display()
        );
        let server = programs.join("nats-server");
        std::fs::write(&server, script).unwrap();
        std::fs::set_permissions(&server, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn brokers(&self, args: &[&str]) -> Output {
        self.command(args).env_remove("OCCAMY_NATS_URL").output().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("brokers").args(args);
        command.env("PATH", format!("{}/bin:{path}", self.folder.path().display()));
        command.env("CARGO_TARGET_DIR", self.folder.path());
        command
    }

    /// The address of what `up` brought up.
    fn up(&self) -> String {
        let up = self.brokers(&["up", "nats"]);
        assert!(up.status.success(), "{up:?}");
        let lines = String::from_utf8(up.stdout).unwrap();
        let url = lines.lines().find_map(|line| line.strip_prefix("export OCCAMY_NATS_URL=nats://"));
        url.unwrap().to_owned()
    }

    fn is_up(&self) -> bool {
        self.brokers(&["status", "nats"]).status.success()
    }

    fn record(&self) -> std::path::PathBuf {
        self.folder.path().join("brokers/nats/server.json")
    }
}

/// So that nothing is left when a test fails halfway.
impl Drop for Machine {
    fn drop(&mut self) {
        self.brokers(&["down", "nats"]);
    }
}

fn answers(address: &str) -> bool {
    std::net::TcpStream::connect(address).is_ok()
}

#[test]
fn up_starts_one_finds_it_again_and_down_ends_it() {
    let machine = Machine::new();
    assert!(!machine.is_up());
    let address = machine.up();
    assert!(machine.is_up());
    assert_eq!(machine.up(), address);

    assert!(machine.brokers(&["down", "nats"]).status.success());
    assert!(!answers(&address));
    assert!(!machine.is_up());
    assert!(!machine.record().exists());
}

#[test]
fn one_that_is_stopped_comes_back_where_it_was() {
    let machine = Machine::new();
    let address = machine.up();
    let kept = machine.record().with_file_name("data");
    std::fs::create_dir_all(&kept).unwrap();

    assert!(machine.brokers(&["stop", "nats"]).status.success());
    assert!(!answers(&address));
    assert!(!machine.is_up());
    assert!(machine.brokers(&["start", "nats"]).status.success());
    assert!(answers(&address));
    assert!(machine.brokers(&["restart", "nats"]).status.success());
    assert!(answers(&address));
    assert!(kept.exists());
}

#[test]
fn what_a_command_that_died_forgot_is_ended_and_replaced() {
    let machine = Machine::new();
    let forgotten = machine.up();
    std::fs::remove_file(machine.record()).unwrap();
    assert!(!machine.is_up());

    let address = machine.up();
    assert_ne!(address, forgotten);
    assert!(!answers(&forgotten));
    assert!(answers(&address));
}

#[test]
fn a_record_from_before_a_reboot_names_no_process_of_today() {
    let machine = Machine::new();
    let gone = machine.up();
    let text = std::fs::read_to_string(machine.record()).unwrap();
    assert!(machine.brokers(&["down", "nats"]).status.success());
    // This very process has the number now.
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["processes"][0]["pid"] = std::process::id().into();
    std::fs::create_dir_all(machine.record().parent().unwrap()).unwrap();
    std::fs::write(machine.record(), record.to_string()).unwrap();

    assert!(!machine.is_up());
    let address = machine.up();
    assert!(answers(&address));
    assert_ne!(address, gone);
}

#[test]
fn nothing_is_started_beside_a_url() {
    let machine = Machine::new();
    let url = "nats://user:secret@example.org";
    let up = machine.command(&["up", "nats"]).env("OCCAMY_NATS_URL", url).output().unwrap();
    assert!(up.status.success());
    let lines = String::from_utf8(up.stdout).unwrap();
    assert!(lines.contains(&format!("export OCCAMY_NATS_URL={url}\n")), "{lines}");
    assert!(!lines.contains("OCCAMY_BROKER_CONTROL"), "{lines}");
    assert!(!String::from_utf8_lossy(&up.stderr).contains("secret"));
    assert!(!machine.is_up());
}

#[test]
fn a_url_of_ours_is_ours_until_it_is_down_and_then_an_error() {
    let machine = Machine::new();
    let url = format!("nats://{}", machine.up());
    let up = || machine.command(&["up", "nats"]).env("OCCAMY_NATS_URL", &url).output().unwrap();

    let while_up = up();
    let lines = String::from_utf8(while_up.stdout).unwrap();
    assert!(lines.contains("OCCAMY_BROKER_CONTROL") && lines.contains(&url), "{lines}");

    assert!(machine.brokers(&["down", "nats"]).status.success());
    let while_down = up();
    assert!(!while_down.status.success());
    let said = String::from_utf8_lossy(&while_down.stderr);
    assert!(said.contains("unset OCCAMY_NATS_URL"), "{said}");
}

#[test]
fn a_server_that_ends_at_once_fails_with_what_it_wrote() {
    let machine = Machine::new();
    let server = machine.folder.path().join("bin/nats-server");
    std::fs::write(&server, "#!/bin/sh\necho no such option >&2\nexit 1\n").unwrap();
    let up = machine.brokers(&["up", "nats"]);
    assert!(!up.status.success());
    let said = String::from_utf8_lossy(&up.stderr);
    assert!(said.contains("nats does not start") && said.contains("no such option"), "{said}");
    assert!(!Path::exists(&machine.record()));
}

/// Not a test: the stand-in. It says of itself what a NATS server says, until it is ended.
#[test]
#[ignore = "plays the server in the other tests"]
fn stand_in() {
    let Ok(port) = std::env::var(PORT) else { return };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse().unwrap())).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        // One that has gone already is nothing to end for.
        let _ = stream.write_all(b"INFO {\"version\":\"0.0.0\",\"jetstream\":true}\r\n");
        let _ = stream.read(&mut [0]);
    }
}
