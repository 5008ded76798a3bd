use super::*;

fn read(arguments: &[&str]) -> Result<Options, clap::Error> {
    Options::read(["worker"].iter().chain(arguments).map(OsString::from))
}

/// The rendered error of wrong arguments.
fn error(arguments: &[&str]) -> String {
    let error = read(arguments).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}

#[test]
fn the_options_are_sound() {
    Options::command().debug_assert();
}

#[test]
fn everything_but_the_program_has_a_default() {
    let options = read(&["--", "cat", "--slots"]).unwrap();
    let defaults = defaults();
    assert_eq!((options.broker, options.service.as_str()), (Broker::Memory, "worker"));
    assert_eq!(options.command, ["cat", "--slots"]);
    assert_eq!(Some(*options.expansion_period), defaults.expansion_period);
    assert_eq!(*options.kill_timeout, defaults.kill_timeout);
    assert_eq!(*options.retry_delay, defaults.limits.retry_delay);
    assert_eq!((options.slots, options.max_run, options.memory_limit), (None, None, None));
    assert!(!options.assist);
    assert!(error(&[]).contains("PROGRAM"));
    assert!(error(&["--"]).contains("PROGRAM"));
    assert!(error(&["cat"]).contains("'cat'"), "the program comes after two dashes");
}

#[test]
fn the_manifests_start_it_with_options_that_it_has() {
    let deployment = include_str!("../../../../occamy-metrics/ops/kubernetes/base/deployment.yaml");
    let (_, arguments) = deployment.split_once(" args:\n").unwrap();
    let (arguments, _) = arguments.split_once(" env:\n").unwrap();
    for secret in [
        include_str!("../../../../occamy-metrics/ops/kubernetes/overlays/nats/broker.yaml"),
        include_str!("../../../../occamy-metrics/ops/kubernetes/overlays/rabbitmq/broker.yaml"),
        include_str!("../../../../occamy-metrics/ops/kubernetes/overlays/kafka/broker.yaml"),
    ] {
        let url = secret.lines().find_map(|line| line.trim().strip_prefix("url: ")).unwrap();
        let arguments = arguments.replace("$(OCCAMY_BROKER_URL)", url);
        let arguments: Vec<_> = arguments.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
        let options = read(&arguments).unwrap();
        assert_eq!(options.broker.to_string(), url.replace("worker:change-me", "***"));
        assert_eq!(options.service, "worker");
        assert_eq!(options.http, Some(([0, 0, 0, 0], 9464).into()));
        assert_eq!(options.command.len(), 1);
    }
}

#[test]
fn times_and_sizes_are_read_as_people_write_them() {
    let arguments = [
        "--kill-timeout=1m 30s",
        "--retry-delay=0s",
        "--max-run=250ms",
        "--memory-limit=1.5GiB",
        "--retry-status=255",
        "--slots=1048576",
        "--",
        "cat",
    ];
    let options = read(&arguments).unwrap();
    assert_eq!(*options.kill_timeout, Duration::from_secs(90));
    assert_eq!(*options.retry_delay, Duration::ZERO);
    let commands = options.commands();
    assert_eq!(commands.max_run, Some(Duration::from_millis(250)));
    assert_eq!((commands.memory_limit, commands.retry_status), (Some(3 << 29), 255));
}

#[test]
fn nonsense_is_an_error_that_names_the_option() {
    for nonsense in [
        "--broker=pigeon:",
        "--service=",
        "--slots=0",
        "--slots=1048577",
        "--slots=many",
        "--expansion-period=0s",
        "--expansion-period=5",
        "--buffer=-1",
        "--overlap=x",
        "--kill-timeout=0ms",
        "--kill-timeout=soon",
        "--grace=-1s",
        "--attempts=0",
        "--retry-delay=",
        "--max-run=0s",
        "--memory-limit=0",
        "--memory-limit=much",
        "--retry-status=0",
        "--retry-status=256",
    ] {
        let (option, _) = nonsense.split_once('=').unwrap();
        let error = error(&[nonsense, "--", "cat"]);
        assert!(error.contains(option), "{nonsense}: {error}");
    }
}

#[test]
fn no_error_shows_a_password() {
    let url = "pigeon://user:secret@host";
    for arguments in [
        &["--broker", url, "--", "cat"][..],
        &["--broker", "user:secret@host", "--", "cat"],
        &["--broker=memory://user:secret@host", "--", "cat"],
        &["--broker", "memory:", url, "--", "cat"],
        &["--brokers", url, "--", "cat"],
        &["--brokers=pigeon://user:secret@host", "--", "cat"],
        &["--service", "a", "--service", url, "--", "cat"],
        &["--slots", url, "--", "cat"],
    ] {
        let error = read(arguments).unwrap_err();
        let shown = format!("{error} {error:?} {}", error.render().ansi());
        assert!(!shown.contains("secret"), "{shown}");
    }
    assert!(error(&["--broker", url, "--", "cat"]).contains("the schemes are memory:"));
}
