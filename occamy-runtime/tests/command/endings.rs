//! From the end of a program to the verdict on its message.

use std::time::Duration;

use bytes::Bytes;
use occamy_core::{CommandTask, Error, ErrorKind, Headers, Verdict};

use crate::common::{Receipt, World};
use crate::processes::of_group;
use crate::scripts::{Said, sh};

async fn failed(request: &Receipt) -> Error {
    match request.settled().await {
        Verdict::Failed(error) => error,
        other => panic!("expected a failure, not {other:?}"),
    }
}

async fn end_of(command: CommandTask) -> Verdict {
    World::new(1).request(command).settled().await
}

async fn failure_of(command: CommandTask) -> Error {
    failed(&World::new(1).request(command)).await
}

#[tokio::test]
async fn the_status_decides() {
    assert_eq!(end_of(sh("a", "exit 0")).await, Verdict::Done);
    let error = failure_of(sh("a", "echo out; echo no such file >&2; exit 3")).await;
    assert_eq!(error.kind(), ErrorKind::UnknownTask);
    assert_eq!(error.message(), "the program exited with status 3: no such file");
    let error = failure_of(sh("a", "exit 255")).await;
    assert_eq!(error.message(), "the program exited with status 255");
}

#[tokio::test]
async fn the_retry_status_means_later() {
    let later = |verdict: Verdict| match verdict {
        Verdict::Retry { after, error, .. } => (after, error.message().to_owned()),
        other => panic!("expected a retry, not {other:?}"),
    };
    let (after, message) = later(end_of(sh("a", "echo busy >&2; exit 75")).await);
    assert_eq!((after, &*message), (Duration::from_secs(1), "the program exited with status 75: busy"));
    later(end_of(sh("a", "exit 4").retry_status(4)).await);
    failure_of(sh("a", "exit 75").retry_status(4)).await;
    failure_of(sh("a", "exit 75").retry_status(None)).await;
}

#[tokio::test]
async fn a_signal_is_a_failure() {
    let error = failure_of(sh("a", "echo oh >&2; kill -SEGV $$")).await;
    assert!(error.message().starts_with("the program was killed by signal 11 (SIGSEGV)"), "{error}");
    assert!(error.message().ends_with(": oh"), "{error}");
    // It takes its guard along.
    let error = failure_of(sh("a", "kill -KILL 0")).await;
    assert_eq!(error.message(), "the program was killed by signal 9 (SIGKILL)");
}

#[tokio::test]
async fn of_much_on_stderr_the_end_is_kept() {
    let error =
        failure_of(sh("a", "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 1")).await;
    assert!(error.message().ends_with("xxx\nthe end") || error.message().ends_with("xxxthe end"), "{error}");
    assert!(error.message().len() < 1200, "{error}");
}

#[tokio::test]
async fn a_program_that_cannot_be_is_a_dead_letter_without_a_process() {
    let dir = std::env::temp_dir().join(format!("occamy-programs-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let plain = dir.join("plain");
    std::fs::write(&plain, "no program").unwrap();
    let cases = [
        (CommandTask::new("occamy-no-such-program"), "\"occamy-no-such-program\" in the server's PATH"),
        (CommandTask::new("/occamy/no/such"), "there is no program \"/occamy/no/such\""),
        (CommandTask::new("./occamy-no-such"), "there is no program"),
        (CommandTask::new(""), "in the server's PATH"),
        (CommandTask::new(plain), "no file that may be executed"),
        (CommandTask::new(&dir), "no file that may be executed"),
        (CommandTask::new("true").current_dir("/occamy/no/such"), "which is no directory"),
        (CommandTask::new("true").arg("a\0b"), "a NUL in an argument"),
        (CommandTask::new("true").env("A", "a\0b"), "a NUL in an argument or in the environment"),
    ];
    for (command, message) in cases {
        let error = failure_of(command).await;
        assert_eq!(error.kind(), ErrorKind::InvalidTask, "{error}");
        assert!(error.message().contains(message), "{error}");
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn too_many_headers_are_a_dead_letter_that_says_so() {
    let many = (0..100).map(|index| (format!("header-{index}"), "x".repeat(100_000)));
    let command = CommandTask::new("true").message(&many.collect::<Headers>(), &Bytes::new());
    let error = failure_of(command).await;
    assert_eq!(error.kind(), ErrorKind::InvalidTask);
    assert!(error.message().contains("more than the system takes"), "{error}");
}

#[tokio::test]
async fn a_script_of_a_missing_interpreter_fails_clearly() {
    use std::os::unix::fs::PermissionsExt;
    let script = std::env::temp_dir().join(format!("occamy-script-{}", std::process::id()));
    std::fs::write(&script, "#!/occamy/no/such\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let error = failure_of(CommandTask::new(&script)).await;
    std::fs::remove_file(&script).unwrap();
    assert!(error.message().contains("not found"), "{error}");
}

#[tokio::test]
async fn a_program_over_its_memory_limit_fails_alone() {
    let world = World::new(2);
    let (said, other) = Said::by(&world, sh("other", "echo ready; cat > /dev/null; sleep 1; echo done"));
    let other = world.request(other);
    world.until("the other runs", || !said.lines().is_empty()).await;
    let greedy = sh("greedy", "x=x; while :; do x=$x$x; done").memory_limit(64 << 20);
    let greedy = world.request(greedy);
    failed(&greedy).await;
    assert_eq!(other.settled().await, Verdict::Done);
    assert_eq!(said.lines(), ["ready", "done"]);

    let modest = sh("modest", "ulimit -v").memory_limit(64 << 20);
    let (said, modest) = Said::by(&world, modest);
    assert_eq!(world.request(modest).settled().await, Verdict::Done);
    assert_eq!(said.lines(), [(64 << 10).to_string()]);
    let error = failed(&world.request(sh("tiny", ":").memory_limit(100 << 10))).await;
    assert_eq!(error.kind(), ErrorKind::UnknownTask, "{error}");
}

/// Waited for, and the next one finds no trace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_zombie_remains() {
    let world = World::new(8);
    let mut programs = Vec::new();
    for _ in 0..25 {
        let commands = [(); 8].map(|()| Said::by(&world, sh("a", "echo $$")));
        let requests = commands.map(|(said, command)| (said, world.request(command)));
        for (said, request) in requests {
            assert_eq!(request.settled().await, Verdict::Done);
            programs.push(said.id(&world).await);
        }
    }
    assert_eq!(programs.len(), 200);
    for group in programs {
        assert!(of_group(group).is_empty(), "{:?}", of_group(group));
    }
}
