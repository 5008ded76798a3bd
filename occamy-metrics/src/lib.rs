//! Metrics of Occamy's servers: a [`Monitor`](occamy_core::Monitor) that feeds the
//! [`metrics`](https://docs.rs/metrics) facade, a convenience for Prometheus, and an HTTP listener with what operators need
//! on the first day: metrics, health for probes, and a live page of what every slot does.
//!
//! ```
//! # use occamy_core::{Error, ErrorKind, handler_fn};
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # let _context = runtime.enter();
//! # let handler = handler_fn(|_, _| Err(Error::new(ErrorKind::InvalidTask, "no tasks here")));
//! use occamy_metrics::Prometheus;
//! use occamy_runtime::Server;
//!
//! let prometheus = Prometheus::install()?;
//! let monitor = prometheus.monitor("routes").groups(["solve", "improve"]);
//! let server = Server::builder(handler).name("routes").monitor(monitor).build()?;
//! let text = prometheus.render(); // for the scraper, by whichever HTTP server you have, or by this crate's:
//! # assert!(text.contains("occamy_draining{server=\"routes\"} 0"));
//! # #[cfg(feature = "http")]
//! let http = occamy_metrics::HttpServer::builder().listen(([127, 0, 0, 1], 0)).metrics(move || prometheus.render()).start()?;
//! # drop(server);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With another exporter of the facade, installed beforehand, [`Metrics::new`] is the monitor. Then give its histograms
//! the buckets of [`names::ALL`], so that they can be added up over servers.
//!
//! # What to look at
//!
//! Each metric is documented in [`names`], where it also says what it leaves out. The first questions, in PromQL:
//!
//! | question | query |
//! | --- | --- |
//! | What did the slots' time go to? | `sum by (status) (rate(occamy_slot_seconds_total[5m]))` |
//! | Do requests wait? | `histogram_quantile(0.99, sum by (le) (rate(occamy_task_wait_seconds_bucket[5m])))` |
//! | Are more servers needed? | `sum(occamy_slots_used{status="protected"}) / sum(occamy_slots)` |
//! | What does making room cost? | `sum(rate(occamy_evicted_work_seconds_total[5m]))`, in slots |
//! | Is a server to be replaced? | `occamy_wedged_slots > 0`, `occamy_broker_connected == 0` |
//!
//! Scale on protected tasks over slots, never on the CPU, which is full on purpose.
//!
//! The folder `ops` of this crate has a dashboard for Grafana, alerts with what to do about each, and manifests for
//! Kubernetes that scale so. Its `README.md` says how to use them.
//!
//! # Labels
//!
//! Only `server`, `status`, `group`, `outcome`, `kind` and `process`, and never a task's id: each series costs memory
//! here and at Prometheus. Of all labels only `group` is the user's. The first [`MAX_GROUPS`] groups have series of their
//! own, and the others are [`other`](names::OTHER); names are cut after [`MAX_LABEL_BYTES`] bytes; control characters and
//! backslashes become `_`. A task without a group has an empty one, which is to Prometheus as if it had no such label.
//! The one exception is `version`, on `occamy_build_info` alone, which has no other purpose and one value a process.
//!
//! # What it costs
//!
//! `cargo run --release -p occamy-metrics --example cost` measures each kind of observation, in turns with a monitor that
//! does nothing. In one run, on a busy virtual machine, the cheapest took 11 ns and the dearest, the use of the slots and
//! the end of an evicted task, 113 ns; doing nothing took 1.2 to 1.7 ns. A request brings about half a dozen.

mod groups;
#[cfg(feature = "http")]
mod http;
mod label;
mod labelled;
#[cfg(feature = "http")]
mod live;
mod monitor;
pub mod names;
#[cfg(feature = "prometheus")]
mod prometheus;
mod registrar;
mod seconds;
mod slots;
#[cfg(feature = "prometheus")]
mod upkeep;

pub use groups::MAX_GROUPS;
#[cfg(feature = "http")]
pub use http::{HttpBuilder, HttpError, HttpServer, LiveMonitor};
pub use label::MAX_LABEL_BYTES;
pub use monitor::Metrics;
#[cfg(feature = "prometheus")]
pub use prometheus::{Prometheus, PrometheusError};
