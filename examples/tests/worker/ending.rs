//! How the worker ends: when it is told to, when nobody listens, and when it is killed.

use std::process::Stdio;
use std::{fs, io};

use crate::support::{SharedFile, Worker, command, eventually};

#[test]
fn a_signal_hands_back_what_runs_and_ends_in_order() {
    for signal in ["TERM", "INT"] {
        let started = SharedFile::new("started");
        let program = r#"echo $$ > "$0"; exec sleep 1000"#;
        let mut worker = Worker::start(&mut command(&[
            "--slots",
            "1",
            "--grace",
            "0s",
            "--",
            "sh",
            "-c",
            program,
            started.path(),
        ]));
        worker.send(r#"{"headers": {"task-id": "a"}}"#);
        worker.send(r#"{"headers": {"task-id": "b"}}"#);
        let group = started.first_line();
        worker.signal(signal);
        let ended = worker.wait();
        // The second was not begun, and is nobody's.
        ended.assert(130, &[(1, "interrupted")]);
        assert_eq!(ended.settlements[0]["attempt"], 1);
        assert!(members(&group).is_empty());
    }
}

#[test]
fn what_ends_in_the_grace_period_is_done() {
    for (input_ends, code) in [(true, 0), (false, 130)] {
        let (started, go) = (SharedFile::new("started"), SharedFile::new("go"));
        let program = r#"echo > "$0"; until [ -e "$1" ]; do sleep 0.01; done"#;
        let arguments =
            ["--slots", "1", "--grace", "1h", "--", "sh", "-c", program, started.path(), go.path()];
        let mut worker = Worker::start(&mut command(&arguments));
        worker.send("{}");
        started.first_line();
        if input_ends {
            worker.end_input();
        }
        worker.signal("TERM");
        fs::write(go.path(), "").unwrap();
        worker.wait().assert(code, &[(1, "done")]);
    }
}

#[test]
fn a_second_signal_ends_the_grace_period() {
    let started = SharedFile::new("started");
    let program =
        r#"trap 'echo stopped >> "$0"; exit 1' TERM; echo started >> "$0"; while :; do sleep 0.01; done"#;
    let arguments = ["--slots", "1", "--grace", "1h", "--", "sh", "-c", program, started.path()];
    let mut worker = Worker::start(&mut command(&arguments));
    worker.send("{}");
    started.first_line();
    // Two signals in a row may count as one.
    let interrupted = eventually("it is interrupted", || {
        worker.signal("TERM");
        worker.try_receive()
    });
    assert_eq!(interrupted["verdict"], "interrupted");
    worker.wait().assert(130, &[]);
    assert_eq!(started.text(), "started\nstopped\n");
}

#[test]
fn nobody_to_tell_is_the_end() {
    let mut command = command(&["--", "true"]);
    let (reader, writer) = io::pipe().unwrap();
    let mut worker = Worker::start(command.stdout(Stdio::from(writer)));
    drop(command);
    drop(reader);
    worker.send("{}");
    let ended = worker.wait();
    ended.assert(1, &[]);
    assert!(ended.stderr.contains("settlements can't be written any more"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn a_worker_that_is_killed_leaves_no_process_behind() {
    let started = SharedFile::new("started");
    // The shell, a child that ignores what can be ignored, and a grandchild.
    let program = r#"
        trap '' TERM INT HUP
        sh -c 'sleep 1000 & wait' &
        sleep 1000 &
        echo $$ > "$0"
        wait"#;
    let arguments = ["--slots", "2", "--assist", "--", "sh", "-c", program, started.path()];
    let mut worker = Worker::start(&mut command(&arguments));
    worker.send("{}");
    let group = started.first_line();
    eventually("both have begun to sleep", || {
        let sleeping = members(&group).into_iter().filter(|stat| stat.contains("(sleep)"));
        (sleeping.count() == 2).then_some(())
    });
    worker.signal("KILL");
    let ended = worker.wait();
    assert_eq!((ended.status.code(), ended.settlements.len()), (None, 0));
    eventually("nothing of the group is left", || members(&group).is_empty().then_some(()));
}

/// The living processes of a process group.
fn members(group: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("stat"));
    // A process may end while it is looked at.
    let stats = processes.filter_map(|stat| fs::read_to_string(stat).ok());
    stats
        .filter(|stat| {
            // After the name, which may hold anything: the state, the parent, the group.
            let (_, after) = stat.rsplit_once(')').unwrap();
            let fields: Vec<_> = after.split_whitespace().collect();
            fields[2] == group && fields[0] != "Z"
        })
        .collect()
}
