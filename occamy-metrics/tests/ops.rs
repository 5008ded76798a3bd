//! The files of `ops` name only metrics, labels and values that there are, and leave no metric invisible.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use occamy_core::{ErrorKind, OfferEnd, OutcomeKind, Process, SlotStatus, VerdictKind};
use occamy_metrics::names::{self, ALL, Kind, Metric};

/// Not ours, but Prometheus', and those by which it tells servers apart.
const FOREIGN_LABELS: [&str; 4] = ["instance", "job", "le", "namespace"];

#[test]
fn every_metric_that_is_named_is_emitted() {
    for (path, text) in files() {
        for used in uses(&text) {
            assert!(metric(used.name).is_some(), "{}: there is no metric {}", path.display(), used.name);
        }
    }
}

#[test]
fn every_label_is_one_of_its_metrics_and_has_a_value_that_occurs() {
    for (path, text) in files() {
        for used in uses(&text) {
            let Some(metric) = metric(used.name) else { continue };
            for Matcher { label, exact } in used.matchers() {
                let of_metric = metric.labels.contains(&label) || FOREIGN_LABELS.contains(&label);
                assert!(of_metric, "{}: {} has no label {label}", path.display(), metric.name);
                let (Some(value), Some(values)) = (exact, values(metric, label)) else { continue };
                assert!(values.contains(&value), "{}: no {label} is {value:?}: {values:?}", path.display());
            }
        }
    }
}

#[test]
fn what_is_added_up_by_a_label_has_it() {
    for (path, text) in files() {
        for labels in groupings(&text) {
            for label in labels {
                let ours = ALL.iter().any(|metric| metric.labels.contains(&label));
                assert!(
                    ours || FOREIGN_LABELS.contains(&label),
                    "{}: nothing has a label {label}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_metric_is_in_the_dashboard_or_in_an_alert() {
    let shown = files().into_iter().filter(|(path, _)| {
        path.ends_with("grafana/occamy.json") || path.ends_with("prometheus/alerts.yaml")
    });
    let shown: Vec<_> = shown.map(|(_, text)| text).collect();
    assert_eq!(shown.len(), 2);
    let shown: BTreeSet<_> = shown
        .iter()
        .flat_map(|text| uses(text))
        .filter_map(|used| metric(used.name))
        .map(|m| m.name)
        .collect();
    for metric in ALL {
        assert!(shown.contains(metric.name), "{} is nowhere to be seen", metric.name);
    }
}

#[test]
fn every_alert_has_a_test_and_a_line_in_the_readme() {
    let read = |file: &str| fs::read_to_string(folder().join(file)).unwrap();
    let (alerts, tests, readme) =
        (read("prometheus/alerts.yaml"), read("prometheus/alerts.test.yaml"), read("README.md"));
    let names: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let of_this = format!("alertname: {name}\n");
        let cases: Vec<_> = tests.split(&of_this).skip(1).collect();
        let fires = cases.iter().filter(|case| case.trim_start().starts_with("exp_alerts:")).count();
        assert!(fires > 0, "no test in which {name} fires");
        assert!(fires < cases.len(), "no test in which {name} does not fire");
        assert!(readme.contains(&format!("| `{name}` |")), "nothing to do about {name} in the readme");
    }
}

/// A metric that is named somewhere, as it is written there.
struct Use<'a> {
    name: &'a str,
    /// What follows the name.
    rest: &'a str,
}

struct Matcher<'a> {
    label: &'a str,
    /// Its value, if it is neither a pattern nor a variable.
    exact: Option<&'a str>,
}

impl<'a> Use<'a> {
    fn matchers(&self) -> Vec<Matcher<'a>> {
        let Some(selector) = self.rest.strip_prefix('{') else { return Vec::new() };
        let mut rest = selector;
        let mut found = Vec::new();
        // LABEL OPERATOR "VALUE", with a comma between.
        while let Some((before, after)) = rest.split_once('"')
            && !before.contains('}')
        {
            let (value, after) = after.split_once('"').expect("a string has an end");
            let label = before.trim_matches(|c: char| !is_name(c));
            let exact = !before.contains('~') && !value.contains('$');
            found.push(Matcher { label, exact: exact.then_some(value) });
            rest = after;
        }
        found
    }
}

fn uses(text: &str) -> Vec<Use<'_>> {
    let starts = text.match_indices("occamy_").map(|(start, _)| start);
    let whole = starts.filter(|start| !text[..*start].ends_with(is_name));
    let uses = whole.map(|start| {
        let length = text[start..].find(|c| !is_name(c)).unwrap_or(text.len() - start);
        let (name, rest) = text[start..].split_at(length);
        Use { name, rest }
    });
    // The crate and its modules.
    uses.filter(|used| used.name != "occamy_metrics").collect()
}

/// The labels after each `by` and `on`.
fn groupings(text: &str) -> Vec<Vec<&str>> {
    let openings = [" by (", " on ("].into_iter().flat_map(|word| text.split(word).skip(1));
    let lists = openings.map(|after| after.split_once(')').expect("a list has an end").0);
    lists.map(|list| list.split(',').map(str::trim).collect()).collect()
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The metric of a series: a histogram has three.
fn metric(series: &str) -> Option<&'static Metric> {
    ALL.iter().find(|metric| match (metric.kind, series.strip_prefix(metric.name)) {
        (Kind::Histogram(_), Some(suffix)) => ["_bucket", "_sum", "_count"].contains(&suffix),
        (_, suffix) => suffix == Some(""),
    })
}

/// All that a label of a metric can be, if it is not up to the user.
fn values(metric: &Metric, label: &str) -> Option<Vec<&'static str>> {
    let values = match label {
        names::STATUS => [&SlotStatus::ALL.map(SlotStatus::as_str)[..], &[names::WEDGED]].concat(),
        names::OUTCOME if *metric == names::TASKS_FINISHED => {
            OutcomeKind::ALL.map(OutcomeKind::as_str).to_vec()
        }
        names::OUTCOME if *metric == names::OFFERS_DROPPED => OfferEnd::ALL.map(OfferEnd::as_str).to_vec(),
        names::OUTCOME => VerdictKind::ALL.map(VerdictKind::as_str).to_vec(),
        names::KIND => ErrorKind::ALL.map(ErrorKind::as_str).to_vec(),
        names::PROCESS => Process::ALL.map(Process::as_str).to_vec(),
        _ => return None,
    };
    Some(values)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ops")
}

/// Every file, without the backslashes of strings in JSON and YAML.
fn files() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![folder()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of ours") {
            let path = entry.expect("a file of ours").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("a text").replace('\\', "");
                files.push((path, text));
            }
        }
    }
    assert!(files.len() > 10, "{files:?}");
    files
}
