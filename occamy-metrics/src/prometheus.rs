//! The convenience: Prometheus' exporter with the right buckets, and its upkeep running.

use std::fmt;
use std::io;
use std::sync::Arc;

use metrics::Recorder;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::Metrics;
use crate::names::{self, Kind};
use crate::upkeep;

/// Metrics in the form in which Prometheus reads them.
///
/// The exporter's upkeep, without which the values of its histograms pile up until somebody looks, runs on a thread of
/// its own, whether or not anybody serves what [`render`](Self::render) returns. It ends when nobody can record anything
/// any more. Clones share everything.
///
/// ```
/// use occamy_metrics::Prometheus;
/// # use occamy_core::{Error, ErrorKind, handler_fn};
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # let _context = runtime.enter();
/// # let handler = handler_fn(|_, _| Err(Error::new(ErrorKind::InvalidTask, "no tasks here")));
///
/// let prometheus = Prometheus::new()?;
/// let server = occamy_runtime::Server::builder(handler).slots(4).monitor(prometheus.monitor("routes")).build()?;
/// assert!(prometheus.render().contains("occamy_slots{server=\"routes\"} 4"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Prometheus {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Prometheus {
    /// For Occamy's metrics only: nothing is installed in the process, and there may be several.
    ///
    /// # Errors
    ///
    /// If the system gives no thread for the upkeep.
    pub fn new() -> Result<Self, PrometheusError> {
        let recorder = Arc::new(builder()?.build_recorder());
        let handle = recorder.handle();
        // It ends by itself.
        drop(upkeep::start(&recorder).map_err(PrometheusError::Upkeep)?);
        Ok(Self { recorder, handle })
    }

    /// Installs it in the process as the recorder of all that use the `metrics` facade, so that their metrics stand
    /// beside Occamy's. For good: the facade knows no way back.
    ///
    /// # Errors
    ///
    /// As of [`new`](Self::new), and if another recorder was installed before.
    pub fn install() -> Result<Self, PrometheusError> {
        let this = Self::new()?;
        metrics::set_global_recorder(Arc::clone(&this.recorder)).map_err(|_| PrometheusError::Installed)?;
        Ok(this)
    }

    /// The monitor for the server of this name.
    pub fn monitor(&self, server: &str) -> Metrics {
        Metrics::with_recorder(server, Arc::clone(&self.recorder))
    }

    /// Where metrics go: for others that use the `metrics` facade, if this isn't installed.
    pub fn recorder(&self) -> impl Recorder + Clone + Send + Sync + use<> {
        Arc::clone(&self.recorder)
    }

    /// All metrics as they are now, in Prometheus' text format. Its type is `text/plain; version=0.0.4`.
    pub fn render(&self) -> String {
        self.handle.render()
    }
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus").finish_non_exhaustive()
    }
}

/// Why there are no metrics for Prometheus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrometheusError {
    /// The process has a recorder.
    #[error(
        "the process has a recorder of metrics already: feed that one with `Metrics::new`, or keep to `Prometheus::new`"
    )]
    Installed,
    /// The system gave no thread.
    #[error("the system gave no thread for the upkeep of the metrics")]
    Upkeep(#[source] io::Error),
    /// The exporter did not take a setting.
    #[error("the exporter did not take the buckets")]
    Exporter(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Histograms with buckets: a summary can't be added up over servers.
fn builder() -> Result<PrometheusBuilder, PrometheusError> {
    names::ALL.iter().try_fold(PrometheusBuilder::new(), |builder, metric| match metric.kind {
        Kind::Histogram(buckets) => builder
            .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)
            .map_err(|error| PrometheusError::Exporter(error.into())),
        Kind::Counter | Kind::Gauge => Ok(builder),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upkeep_goes_on_while_a_monitor_feeds_it() {
        let prometheus = Prometheus::new().unwrap();
        let recorder = Arc::downgrade(&prometheus.recorder);
        let monitor = prometheus.monitor("s");
        drop(prometheus);
        assert!(recorder.upgrade().is_some());
        drop(monitor);
        assert!(recorder.upgrade().is_none());
    }
}
