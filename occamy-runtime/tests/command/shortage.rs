//! A system that has no process to give, for a while.

use occamy_core::{CommandTask, ErrorKind, Verdict};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::again;
use crate::common::World;
use crate::processes::{all, until_none};

#[test]
fn a_command_that_cannot_be_started_is_handed_back() {
    let mut without = again::command("shortage::a_server_without_descriptors", "without descriptors");
    let output = without.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// No test, but what the test runs: it takes the descriptors from its whole process.
#[test]
fn a_server_without_descriptors() {
    if again::role().is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::new(1);
        let run = || world.request(CommandTask::new("true"));
        assert_eq!(run().settled().await, Verdict::Done);
        let limit = getrlimit(Resource::Nofile);
        // From none at all to nearly enough, so that each step of the launch fails once.
        let open = u64::try_from(std::fs::read_dir("/proc/self/fd").unwrap().count()).unwrap();
        let mut failures = 0;
        for spare in 0..20 {
            setrlimit(Resource::Nofile, Rlimit { current: Some(open + spare), ..limit }).unwrap();
            match run().settled().await {
                Verdict::Done => {}
                Verdict::Busy => failures += 1,
                other => panic!("expected a refusal, which counts no attempt, not {other:?}"),
            }
        }
        assert_eq!(world.errors(), vec![ErrorKind::TaskNotAdded; failures]);
        assert!((2..20).contains(&failures), "{failures}");
        setrlimit(Resource::Nofile, limit).unwrap();
        assert_eq!(run().settled().await, Verdict::Done);
        // Launches that failed half way have left nothing, not even zombies.
        let id = std::process::id().cast_signed();
        until_none(|| all().iter().any(|process| process.parent == id)).await;
    });
}
