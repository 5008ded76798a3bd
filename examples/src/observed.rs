//! Showing a program's servers to operators, where it was asked to.

use std::net::SocketAddr;

use occamy_core::Monitor;
use occamy_metrics::{HttpServer, Prometheus};

/// Metrics, health and the live page of this process.
#[derive(Debug)]
pub(crate) struct Observed {
    prometheus: Prometheus,
    http: HttpServer,
}

impl Observed {
    /// Listens at this address, and says so on standard error.
    pub(crate) fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let prometheus = Prometheus::new()?;
        let metrics = prometheus.clone();
        let http = HttpServer::builder().listen(address).metrics(move || metrics.render()).start()?;
        eprintln!("live page at http://{}/", http.address());
        Ok(Self { prometheus, http })
    }

    /// The monitor of the server of this name.
    pub(crate) fn monitor(&self, name: &str) -> impl Monitor + use<> {
        (self.prometheus.monitor(name), self.http.monitor(name))
    }
}
