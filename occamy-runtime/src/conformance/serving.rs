//! A real server that serves through the transport under test.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{Publisher, Transport};
use occamy_core::{
    AsyncTask, BoxFuture, BoxTask, Error, ErrorKind, Headers, TaskContext, TaskDetails, handler_fn,
};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::failure::{Checked, Failure};
use super::log::{Log, What};
use super::subject::Connection;
use super::world::{SOON, World};
use crate::{ServeError, Server, ShutdownReport};

/// What the tasks of a server do: from the body of the request.
pub(super) type Work = Arc<dyn Fn(Bytes, TaskContext) -> BoxFuture<'static, Result<(), Error>> + Send + Sync>;

/// Failed attempts after which the kit's servers give up.
pub(super) const MAX_ATTEMPTS: u32 = 3;

/// A request with this body is refused by the handler.
pub(super) const BAD: &[u8] = b"bad";

/// Tasks that do what this does.
pub(super) fn work<F>(run: impl Fn(Bytes, TaskContext) -> F + Send + Sync + 'static) -> Work
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    Arc::new(move |body, cx| run(body, cx).boxed())
}

/// Tasks that are done at once.
pub(super) fn done() -> Work {
    work(|_, _| std::future::ready(Ok(())))
}

/// A server at work.
pub(super) struct Serving {
    pub(super) connection: Connection,
    /// Sends through the server's own connection.
    pub(super) publisher: Arc<dyn Publisher>,
    server: Server,
    serving: JoinHandle<Result<ShutdownReport, ServeError>>,
    world: Arc<World>,
}

impl Serving {
    pub(super) async fn start(world: &Arc<World>, name: &str, slots: usize, work: Work) -> Checked<Self> {
        let connection = world.connection(name).await?;
        let transport = world.transport(&connection).await?;
        let server = server(&world.log, name, slots, work)?;
        let (publisher, mut asked) = (transport.publisher(), transport.asked());
        let serving = tokio::spawn(server.serve(transport).into_future());
        let _ = timeout(SOON, asked.wait_for(|&streams| streams == 2)).await;
        Ok(Self { connection, publisher, server, serving, world: Arc::clone(world) })
    }

    /// True while nothing has ended the server.
    pub(super) fn is_serving(&self) -> bool {
        !self.serving.is_finished()
    }

    /// Shuts down in order.
    pub(super) async fn stop(self, grace: Duration) -> Checked<ShutdownReport> {
        self.server.shutdown(grace).await;
        let ended = timeout(grace + 3 * SOON, self.serving).await;
        let ended = ended.map_err(|_| Failure("serving did not end after a shutdown".into()))?;
        let ended = ended.map_err(|error| Failure(format!("serving came to a bad end: {error}")))?;
        ended.map_err(|error| Failure(format!("serving came to a bad end: {error}")))
    }

    /// Ends it as if its process was killed: it can tell nobody.
    pub(super) fn kill(self) {
        self.world.vanish(&self.connection);
        self.serving.abort();
    }
}

/// A server whose tasks are written down when they begin.
pub(super) fn server(log: &Log, name: &str, slots: usize, work: Work) -> Checked<Server> {
    let (log, of): (_, Arc<str>) = (log.clone(), name.into());
    let handler = handler_fn(move |_: &Headers, body: &Bytes| {
        if body == BAD {
            return Err(Error::new(ErrorKind::InvalidBody, "the body is bad"));
        }
        let (log, server) = (log.clone(), Arc::clone(&of));
        Ok(BoxTask::future(Job { body: body.clone(), work: Arc::clone(&work), log, server }))
    });
    let server = Server::builder(handler)
        .name(name)
        .slots(slots)
        .max_attempts(MAX_ATTEMPTS)
        .max_deliveries(1_000)
        .retry_delay(Duration::from_millis(50))
        .kill_timeout(SOON)
        .build();
    server.map_err(|error| Failure(format!("no server could be built: {error}")))
}

struct Job {
    body: Bytes,
    work: Work,
    log: Log,
    server: Arc<str>,
}

impl AsyncTask for Job {
    fn details(&self) -> TaskDetails {
        TaskDetails::default()
    }

    fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        self.log.add(&self.server, What::Started { body: self.body.clone() });
        let run = (self.work)(self.body.clone(), cx.clone());
        async {
            run.await?;
            self.log.add(&self.server, What::Completed { body: self.body.clone() });
            Ok(())
        }
        .boxed()
    }
}
