//! Each benchmark runs, and prints what `cargo xtask bench` reads off it. Little of each, and no word about times.

use std::process::Command;

use serde_json::Value;

/// Figures and samples must be there, with so many samples.
fn check(options: &str, figures: &[&str], samples: &[(&str, usize)]) {
    let program = env!("CARGO_BIN_EXE_occamy-bench");
    let output = Command::new(program).args(["--limit", "60"]).args(options.split(' ')).output();
    let output = output.expect("the program can be started");
    assert!(output.status.success(), "{options}: {}", String::from_utf8_lossy(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    for figure in figures {
        assert!(printed["figures"][figure].as_f64().is_some_and(|it| it >= 0.0), "{options}: {printed}");
    }
    for (name, count) in samples {
        assert_eq!(printed["samples"][name].as_array().map(Vec::len), Some(*count), "{options}: {printed}");
    }
    let expect_refusal = options.contains("never-look") && !options.contains("overlap");
    assert_eq!(printed["refused"] != 0, expect_refusal, "{options}: {printed}");
}

#[test]
fn tasks_of_both_kinds() {
    for kind in ["async", "threads"] {
        check(&format!("dispatch --kind {kind} --slots 4 --requests 50"), &["ns_per_request"], &[]);
        check(
            &format!("dispatch --kind {kind} --slots 4 --parked 3 --requests 50"),
            &["ns_per_request"],
            &[],
        );
        check(&format!("start --kind {kind} --slots 4 --requests 5 --pause 200"), &[], &[("start", 5)]);
        check(&format!("start --kind {kind} --slots 4 --requests 4 --first-use"), &[], &[("start", 4)]);
        check(&format!("eviction --kind {kind} --slots 4 --requests 5"), &[], &[("start", 5)]);
        check(
            &format!("burst --kind {kind} --slots 8 --requests 4 --linger 2000 --rounds 2"),
            &["times_the_slowest_stop"],
            &[("last_start", 2), ("slowest_stop", 2)],
        );
        check(
            &format!("expansion --kind {kind} --slots 8 --rounds 2 --refills 2 --passes 10"),
            &["ns_per_pass"],
            &[("fill", 2), ("refill", 4)],
        );
        check(
            &format!("memory --kind {kind} --slots 8 --offers 100"),
            &["bytes_per_slot", "bytes_per_task", "bytes_per_offer"],
            &[],
        );
    }
}

#[test]
fn control_messages() {
    check(
        "control --tasks 4 --messages 5 --volleys 2 --rounds 1",
        &["ns_per_message", "messages_per_second"],
        &[("message", 5), ("behind_a_slow_one", 1)],
    );
}

#[test]
fn tasks_that_burn_the_cpu() {
    let burners = "burners --slots 2 --servers 1 --kill-timeout";
    check(&format!("{burners} 5000 --requests 2"), &[], &[("start", 2)]);
    check(&format!("{burners} 5000 --requests 2 --overlap 1 --idle-priority"), &[], &[("start", 2)]);
    check(&format!("{burners} 100 --requests 1 --never-look"), &[], &[("start", 1)]);
    check(&format!("{burners} 100 --requests 1 --never-look --overlap 1"), &[], &[("start", 1)]);
}

#[test]
fn a_trace_under_every_policy() {
    for policy in ["occamy", "pool", "queue", "bound"] {
        let mut samples = vec![("completion", 20), ("idle_start", 400)];
        if policy != "bound" {
            samples.extend([("start", 20), ("start_given_room", 20)]);
        }
        if ["occamy", "bound"].contains(&policy) {
            samples.push(("start_once_handed_over", if policy == "bound" { 400 } else { 20 }));
        }
        check(
            &format!("claim --policy {policy} --cores 2 --requests 20 --mean-work 2 --cycle 100"),
            &["mean_completion", "useful_share", "thrown_share"],
            &samples,
        );
    }
}

#[test]
fn a_fleet_under_every_policy() {
    for policy in ["occamy", "pool", "queue", "bound"] {
        check(
            &format!("fleet --policy {policy} --servers 5 --slots 4 --requests 50 --mean-work 1000"),
            &["mean_completion", "useful_share", "useful_share_of_fleet", "thrown_share"],
            if policy == "bound" { &[("completion", 50)] } else { &[("completion", 50), ("start", 50)] },
        );
    }
}

/// Without a URL in the environment a broker is left out.
#[cfg(feature = "brokers")]
#[test]
fn requests_through_brokers() {
    for (broker, url) in
        [("nats", "OCCAMY_NATS_URL"), ("amqp", "OCCAMY_AMQP_URL"), ("kafka", "OCCAMY_KAFKA_URL")]
    {
        if std::env::var(url).unwrap_or_default().is_empty() {
            eprintln!("skipped: {url} names no {broker}");
            continue;
        }
        for with in ["client", "occamy", "occamy --kind threads"] {
            let through = format!("through --broker {broker} --with {with} --in-flight 4");
            check(&format!("{through} --requests 300"), &["per_second"], &[]);
            check(&format!("{through} --requests 3 --one-by-one"), &[], &[("start", 3)]);
        }
    }
}
