//! Makes handles of one server's metrics, at whichever recorder they are for.

use std::fmt;
use std::sync::Arc;

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit,
    with_recorder,
};

use crate::names::{self, Kind, Metric};

const METADATA: Metadata<'static> = Metadata::new("occamy", Level::INFO, Some(module_path!()));

/// Registers the metrics of one server. Clones are cheap.
#[derive(Clone)]
pub(crate) struct Registrar {
    recorder: Arc<dyn Recorder + Send + Sync>,
    server: SharedString,
}

impl Registrar {
    /// Describes all metrics to the recorder.
    pub(crate) fn new(server: SharedString, recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        for metric in names::ALL {
            let (name, unit, help) =
                (KeyName::from_const_str(metric.name), Some(metric.unit), metric.help.into());
            match metric.kind {
                Kind::Counter => recorder.describe_counter(name, unit, help),
                Kind::Gauge => recorder.describe_gauge(name, unit, help),
                Kind::Histogram(_) => recorder.describe_histogram(name, unit, help),
            }
        }
        Self { recorder, server }
    }

    pub(crate) fn counter<const N: usize>(&self, metric: &Metric, values: [SharedString; N]) -> Counter {
        debug_assert_eq!(metric.kind, Kind::Counter);
        self.recorder.register_counter(&self.key(metric, values), &METADATA)
    }

    pub(crate) fn gauge<const N: usize>(&self, metric: &Metric, values: [SharedString; N]) -> Gauge {
        debug_assert_eq!(metric.kind, Kind::Gauge);
        self.recorder.register_gauge(&self.key(metric, values), &METADATA)
    }

    pub(crate) fn histogram<const N: usize>(&self, metric: &Metric, values: [SharedString; N]) -> Histogram {
        debug_assert!(matches!(metric.kind, Kind::Histogram(_)));
        self.recorder.register_histogram(&self.key(metric, values), &METADATA)
    }

    /// The values are those of the labels after the first, which is the server.
    fn key<const N: usize>(&self, metric: &Metric, values: [SharedString; N]) -> Key {
        debug_assert_eq!(metric.labels.len(), 1 + N, "{}", metric.name);
        let values = std::iter::once(self.server.clone()).chain(values);
        let labels: Vec<_> =
            metric.labels.iter().zip(values).map(|(&name, value)| Label::new(name, value)).collect();
        Key::from_parts(metric.name, labels)
    }
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Whichever recorder is installed in the process at the time of a call.
pub(crate) struct Installed;

impl Recorder for Installed {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        with_recorder(|recorder| recorder.describe_counter(name, unit, help));
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        with_recorder(|recorder| recorder.describe_gauge(name, unit, help));
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        with_recorder(|recorder| recorder.describe_histogram(name, unit, help));
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        with_recorder(|recorder| recorder.register_counter(key, metadata))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        with_recorder(|recorder| recorder.register_gauge(key, metadata))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        with_recorder(|recorder| recorder.register_histogram(key, metadata))
    }
}
