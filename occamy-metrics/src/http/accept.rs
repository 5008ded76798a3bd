//! Connections: how many there may be, and how slow their other sides.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

/// How many connections there are at a time. More of them wait. It is half of the files that most systems let a process
/// have: the other half is left to the broker and the tasks.
const CONNECTIONS: usize = 512;

/// How long a client may take for the head of a request, the time before the next one included.
const HEAD: Duration = Duration::from_secs(10);

/// For how long a client may take nothing of what it is sent.
const STALL: Duration = Duration::from_secs(30);

/// After an error that is the system's, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// How long answers that are under way may take to be finished at the end.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until it is to end.
pub(super) async fn accept(listener: TcpListener, routes: Router, closing: &CancellationToken) {
    let (room, graceful) = (Arc::new(Semaphore::new(CONNECTIONS)), GracefulShutdown::new());
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    loop {
        let accepted = async {
            let place = Arc::clone(&room).acquire_owned().await.expect("the semaphore is never closed");
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = closing.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL));
        let service = TowerToHyperService::new(routes.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        tokio::spawn(async move {
            let _place = place;
            // Whatever went wrong is the client's.
            let _ = connection.await;
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}
