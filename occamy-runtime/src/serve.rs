//! Serving a transport: pulling what there is room for, and shutting down in order.

use std::future::{IntoFuture, pending};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use occamy_core::scheduler::Event;
use occamy_core::transport::{ControlStream, RequestStream, Transport};
use occamy_core::{BoxFuture, Error, ErrorKind, Monitor, Observation, TaskDetails};
use tokio::task::JoinHandle;

use crate::server::{Server, ShutdownReport};
use crate::shared::Shared;
use crate::signals;

/// A server at work for a transport. Made by [`Server::serve`]; does nothing until it is awaited.
#[must_use = "nothing is served until this is awaited"]
pub struct Serve {
    server: Server,
    transport: Box<dyn Transport>,
    shutdown: BoxFuture<'static, ()>,
    cut: BoxFuture<'static, ()>,
}

impl Server {
    /// Serves a transport: pulls requests as long as there is room for one more, so that nothing is taken only to be
    /// handed back, and takes all control messages.
    ///
    /// ```no_run
    /// # use occamy_core::{handler_fn, Error, ErrorKind};
    /// # async fn run(transport: impl occamy_core::transport::Transport) -> Result<(), Box<dyn std::error::Error>> {
    /// use occamy_runtime::{Server, signals};
    ///
    /// # let handler = handler_fn(|_, _| Err(Error::new(ErrorKind::InvalidTask, "no tasks here")));
    /// let server = Server::builder(handler).slots(8).build()?;
    /// let report = server.serve(transport).with_graceful_shutdown(signals::terminate()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn serve(&self, transport: impl Transport) -> Serve {
        Serve {
            server: self.clone(),
            transport: Box::new(transport),
            shutdown: pending().boxed(),
            cut: pending().boxed(),
        }
    }
}

impl Serve {
    /// Shuts down when this resolves: pulls nothing more, lets protected tasks run on for the
    /// [grace period](crate::ServerBuilder::grace), and hands back what is not done by then.
    pub fn with_graceful_shutdown(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.shutdown = signal.boxed();
        self
    }

    /// Ends the grace period when this resolves.
    pub fn cut_short_by(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.cut = signal.boxed();
        self
    }

    /// Shuts down at the first SIGTERM or Ctrl-C, and ends the grace period at the second.
    pub fn with_signals(self) -> Self {
        let (first, second) = signals::two_stages();
        self.with_graceful_shutdown(first).cut_short_by(second)
    }

    async fn run(self) -> Result<ShutdownReport, ServeError> {
        let Self { server, transport, shutdown, cut } = self;
        let shared = &server.shared;
        transport.observe(Arc::new(Relay(Arc::downgrade(shared))));
        let mut requests = AbortOnDrop(tokio::spawn(pull_requests(Arc::clone(shared), transport.requests())));
        let controls = AbortOnDrop(tokio::spawn(pull_controls(Arc::clone(shared), transport.controls())));
        let kill_timeout = shared.settings.scheduler.kill_timeout;

        let ended = tokio::select! {
            () = shutdown => false,
            // Somebody else shut the server down.
            () = shared.closed.cancelled() => false,
            () = pulled_out(shared, &mut requests.0) => true,
            // Whoever has the server drain, by whichever way: what is not here yet goes to other servers.
            () = drain_with(shared, &*transport) => false,
        };

        let grace = shared.settings.grace;
        let stop = async {
            // A broker that does not answer holds up neither the grace period nor the end.
            let drain = tokio::time::timeout(kill_timeout, transport.drain());
            tokio::join!(server.shutdown(grace), drain).0
        };
        let cut_short = async {
            cut.await;
            server.shared.event(Event::ShutDown { grace: Duration::ZERO });
            pending().await
        };
        let report = tokio::select! {
            report = stop => report,
            report = cut_short => report,
        };
        let closed = tokio::time::timeout(kill_timeout, transport.close()).await;
        drop(controls);
        closed.unwrap_or_else(|_| Err(unanswered())).map_err(ServeError::Close)?;
        if ended { Err(ServeError::Ended(report)) } else { Ok(report) }
    }
}

impl IntoFuture for Serve {
    type Output = Result<ShutdownReport, ServeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        self.run().boxed()
    }
}

impl std::fmt::Debug for Serve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serve").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Why serving came to a bad end. The server has shut down by then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The transport gave up delivering requests, without having been told to.
    #[error(
        "the transport ended: no more requests will come through it, so serve another or restart the process"
    )]
    Ended(ShutdownReport),
    /// The transport could not be closed in order.
    #[error("the transport could not be closed in order: {0}")]
    Close(#[source] Error),
}

/// Resolves when the stream of requests has ended though the server is not draining.
async fn pulled_out(shared: &Shared, requests: &mut JoinHandle<()>) {
    let pulled = requests.await;
    if pulled.is_ok() && shared.draining.is_cancelled() {
        pending::<()>().await;
    }
}

/// Drains the transport as soon as the server drains. Never resolves.
async fn drain_with(shared: &Shared, transport: &dyn Transport) {
    shared.draining.cancelled().await;
    transport.drain().await;
    pending::<()>().await;
}

fn unanswered() -> Error {
    Error::new(
        ErrorKind::UnknownTask,
        "the broker did not answer within the kill timeout: look at its connection",
    )
}

/// Pulls requests while there is room, until the transport is drained.
async fn pull_requests(shared: Arc<Shared>, mut requests: Box<dyn RequestStream>) {
    loop {
        // It counts from here on, polled or not.
        let changed = shared.room.notified();
        let credit = shared.desk.available();
        // With no credit the transport still has to be listened to: it gives back what it fetched, or has ended.
        let next = tokio::select! {
            biased;
            next = requests.next(credit) => next,
            () = changed => continue,
        };
        match next {
            Ok(Some(message)) => shared.handle_request(message),
            Ok(None) => return,
            Err(error) => shared.note(error),
        }
        // Requests that fail at once must not keep others from their turn on a runtime with one thread.
        tokio::task::coop::consume_budget().await;
    }
}

/// Takes control messages until the transport is closed.
async fn pull_controls(shared: Arc<Shared>, mut controls: Box<dyn ControlStream>) {
    loop {
        match controls.next().await {
            Ok(Some(message)) => shared.handle_control(message),
            Ok(None) => return,
            Err(error) => shared.note(error),
        }
        // A flood must not keep others from their turn on a runtime with one thread.
        tokio::task::coop::consume_budget().await;
    }
}

impl Shared {
    fn note(self: &Arc<Self>, error: Error) {
        self.record_error(TaskDetails::NO_GROUP.into(), error);
        self.tell_monitors();
    }
}

/// Puts what a transport observes in line with what the server does.
struct Relay(Weak<Shared>);

impl Monitor for Relay {
    fn record(&self, observation: &Observation) {
        if let Some(shared) = self.0.upgrade() {
            let observation = observation.clone();
            shared.call(move |shared| {
                shared.desk.observe(observation);
                shared.tell_monitors();
            });
        }
    }
}

/// A task that ends when nobody waits for it any more.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
