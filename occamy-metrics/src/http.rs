//! The HTTP listener: metrics, health, and the live page.

mod accept;
mod feed;
mod health;
mod host;
mod page;
mod routes;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread;

use occamy_core::{Monitor, Observation};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::live::Live;
use feed::Feed;

/// Gives the text of the metrics.
type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Answers HTTP requests of operators and of what watches over the process, on a thread of its own.
///
/// | path | answers |
/// | --- | --- |
/// | `/` | the live page: what every slot does and did in the last ten minutes |
/// | `/metrics` | what [`metrics`](HttpBuilder::metrics) gives, for Prometheus |
/// | `/livez` | 200 as long as no server's driver is stuck and none has too many wedged slots, else 503 and why. The broker has no part in it: a restart would not bring it back |
/// | `/readyz` | 200 if every server is connected with its broker and none is draining, else 503 and why |
/// | `/api/snapshot` | what the page shows, as JSON |
/// | `/api/events` | the same once, and then each second what has changed, as server-sent events |
///
/// Everything is read only, and nothing asks who is asking: so it listens on this machine only unless it is told
/// otherwise, and then it should be the network of the operators. Ids and groups of tasks, and the messages of errors, are
/// shown. While it listens on this machine only, it answers those that ask by its address or as `localhost`, and nobody
/// else's page that a browser here shows: a proxy before it has to pass on no other name as `Host`.
///
/// A server is shown once its monitor is [one of these](Self::monitor), until it is gone and its monitor with it. Servers
/// of one process share the listener.
///
/// Requests are answered while every core is busy, since the thread competes with tasks as an equal. Slow clients slow
/// nobody down: a client that doesn't take what it is sent is dropped after 30 s, one that asks for nothing after 10 s, and
/// of more than 256 viewers the rest are told to come again.
///
/// Dropping it ends the listener; what is being answered gets a second to be finished.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use occamy_core::{Error, ErrorKind, handler_fn};
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # let _context = runtime.enter();
/// # let handler = handler_fn(|_, _| Err(Error::new(ErrorKind::InvalidTask, "no tasks here")));
/// use occamy_metrics::HttpServer;
/// use occamy_runtime::Server;
///
/// let http = HttpServer::builder().listen(([127, 0, 0, 1], 0)).start()?;
/// println!("http://{}", http.address());
/// let server = Server::builder(handler).name("routes").monitor(http.monitor("routes")).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    feed: Arc<Feed>,
    closing: CancellationToken,
}

/// The settings of a [`HttpServer`].
#[must_use = "a builder does nothing until it starts something"]
pub struct HttpBuilder {
    address: SocketAddr,
    render: Option<Render>,
}

/// Why there is no HTTP listener.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address can't be listened on: it is in use, isn't this machine's, or isn't allowed.
    #[error("no HTTP on {address}: choose another address or port")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system has no thread or timer for it.
    #[error("there is no thread for HTTP")]
    Thread(#[source] io::Error),
}

impl HttpServer {
    /// The settings, with their defaults.
    pub fn builder() -> HttpBuilder {
        HttpBuilder {
            // The port at which OpenTelemetry's exporters have Prometheus scrape them.
            address: SocketAddr::from(([127, 0, 0, 1], 9464)),
            render: None,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A monitor for the server of this name, which is shown from now on. Put it beside others in a tuple.
    pub fn monitor(&self, name: impl Into<Arc<str>>) -> LiveMonitor {
        LiveMonitor { live: self.feed.add(name.into()), feed: Arc::clone(&self.feed) }
    }
}

/// Ends the listener.
impl Drop for HttpServer {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

impl HttpBuilder {
    /// Where to listen. `127.0.0.1:9464` by default; with port 0 the system chooses one.
    pub fn listen(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// What `/metrics` answers: the text that this returns, in Prometheus' format. Without it there is no such page.
    ///
    /// It is called on the listener's thread for each scrape.
    pub fn metrics(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.render = Some(Arc::new(render));
        self
    }

    /// Listens from now on.
    ///
    /// # Errors
    ///
    /// If the address can't be listened on, for example because another program does, or if there is no thread.
    pub fn start(self) -> Result<HttpServer, HttpError> {
        let bind = |source| HttpError::Bind { address: self.address, source };
        let listener = TcpListener::bind(self.address).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let (feed, closing) = (Arc::new(Feed::new()), CancellationToken::new());
        let routes = routes::routes(&feed, self.render, &closing, address.ip().is_loopback());
        let (ticking, ends) = (Arc::clone(&feed), closing.clone());
        let (tell, started) = mpsc::channel();
        let run = move || match runtime(listener) {
            Ok((runtime, listener)) => {
                let _ = tell.send(Ok(()));
                runtime.block_on(async {
                    tokio::join!(accept::accept(listener, routes, &ends), ticking.tick(&ends));
                });
            }
            Err(error) => drop(tell.send(Err(error))),
        };
        let thread = thread::Builder::new().name("occamy-http".into()).spawn(run);
        let started =
            thread.and_then(|_| started.recv().unwrap_or_else(|ended| Err(io::Error::other(ended))));
        started.map_err(HttpError::Thread)?;
        tracing::info!(%address, "HTTP");
        Ok(HttpServer { address, feed, closing })
    }
}

/// On the thread that it is for: where another runtime is at work, as it may be where the listener is started, one that turns
/// out not to be needed can't even be dropped.
fn runtime(listener: TcpListener) -> io::Result<(Runtime, tokio::net::TcpListener)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _context = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    Ok((runtime, listener))
}

impl fmt::Debug for HttpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBuilder").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Shows a server on the live page, and tells of its health. Made by [`HttpServer::monitor`].
///
/// An observation takes a short lock and no system call but reading the clock.
#[derive(Debug)]
pub struct LiveMonitor {
    feed: Arc<Feed>,
    live: Arc<Live>,
}

/// Whoever comes after it isn't blamed for what it left.
impl Drop for LiveMonitor {
    fn drop(&mut self) {
        self.feed.remove(&self.live);
    }
}

impl Monitor for LiveMonitor {
    fn record(&self, observation: &Observation) {
        self.live.record(self.feed.now(), observation);
    }
}
