//! Groups are whatever users make of them: they must neither break the exposition nor fill the memory.

mod support;

use std::sync::Arc;
use std::time::Duration;

use occamy_core::scheduler::{SlotId, TaskKey};
use occamy_core::{Monitor, Observation, OutcomeKind, SlotStatus};
use occamy_metrics::{MAX_GROUPS, MAX_LABEL_BYTES, Metrics, Prometheus};
use support::Scrape;

#[test]
fn ten_thousand_groups_become_two_hundred_and_another() {
    let prometheus = Prometheus::new().unwrap();
    let metrics = prometheus.monitor("s");
    // One that is called like the rest, before there is a rest.
    started(&metrics, "other");
    for number in 0..10_000 {
        started(&metrics, &format!("group {number}"));
        finished(&metrics, &format!("group {number}"));
    }
    let scrape = Scrape::of(&prometheus);
    assert_eq!(scrape.value(&starts("group 0")), 1.0);
    assert_eq!(scrape.value(&starts("group 199")), 1.0);
    assert_eq!(scrape.value(&starts("other")), 10_000.0 - 200.0 + 1.0);
    let groups = scrape.series.keys().filter(|series| {
        series.starts_with("occamy_tasks_started_total{") && series.contains("status=\"protected\"")
    });
    assert_eq!(groups.count(), MAX_GROUPS + 2, "and those without a group");
    // What has a series of its own keeps it.
    started(&metrics, "group 7");
    assert_eq!(Scrape::of(&prometheus).value(&starts("group 7")), 2.0);
}

#[test]
fn names_that_could_break_lines_do_not() {
    let prometheus = Prometheus::new().unwrap();
    let metrics = prometheus.monitor("a \"server\"\nof\\mine");
    let long = "ü".repeat(100_000);
    let hostile = [
        "",
        "a\"b",
        "a\\\"b",
        "a\\",
        "a\\\\",
        "two\nlines",
        "two\r\nlines",
        "}",
        "x\"} 1\noccamy_slots{server=\"forged\"} 7",
        "{server=\"s\"}",
        "# TYPE occamy_slots counter",
        "\u{0}\u{1b}[31m",
        "日本語",
        long.as_str(),
    ];
    for group in hostile {
        started(&metrics, group);
        finished(&metrics, group);
    }
    // This looks at each line, and finds no series twice.
    let scrape = Scrape::of(&prometheus);
    assert!(scrape.series.keys().all(|series| series.contains("{server=\"a \\\"server\\\"_of_mine\"")));
    assert!(scrape.series.keys().all(|series| series.len() < 4 * MAX_LABEL_BYTES));
    let starts: f64 = scrape
        .series
        .iter()
        .filter(|(series, _)| series.starts_with("occamy_tasks_started_total{"))
        .map(|(_, value)| value)
        .sum();
    assert_eq!(starts, f64::from(u32::try_from(hostile.len()).unwrap()));
}

#[test]
fn groups_that_are_declared_have_their_series_before_the_first_task() {
    let prometheus = Prometheus::new().unwrap();
    let _metrics = prometheus.monitor("s").groups(["solve", "improve"]);
    let scrape = Scrape::of(&prometheus);
    for group in ["solve", "improve", ""] {
        assert_eq!(scrape.value(&starts(group)), 0.0);
        assert_eq!(
            scrape.value(&format!(
                "occamy_tasks_finished_total{{server=\"s\",status=\"unprotected_internal\",group=\"{group}\",\
                 outcome=\"panicked\"}}"
            )),
            0.0
        );
    }
}

fn starts(group: &str) -> String {
    format!("occamy_tasks_started_total{{server=\"s\",status=\"protected\",group=\"{group}\"}}")
}

fn started(metrics: &Metrics, group: &str) {
    metrics.record(&Observation::Started {
        task: TaskKey(1),
        slot: SlotId(0),
        id: "".into(),
        group: Arc::from(group),
        status: SlotStatus::Protected,
        wait: Duration::ZERO,
    });
}

fn finished(metrics: &Metrics, group: &str) {
    metrics.record(&Observation::Finished {
        task: TaskKey(1),
        group: Arc::from(group),
        status: SlotStatus::Protected,
        outcome: OutcomeKind::Completed,
        ran: Duration::from_secs(1),
        stopping: None,
        reason: None,
    });
}
