//! The signals by which an operator ends a server.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

/// Resolves when the process is told to end: by SIGTERM, as from Kubernetes or systemd, or by Ctrl-C.
///
/// From the first poll on neither of the two ends the process by itself any more. If the system refuses to have them
/// handled this never resolves, and they do.
pub async fn terminate() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut term) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupt => {}
                _ = term.recv() => {}
            }
            return;
        }
    }
    interrupt.await;
}

/// The first signal to end, and the second.
pub(crate) fn two_stages() -> (Shared<BoxFuture<'static, ()>>, BoxFuture<'static, ()>) {
    let first = terminate().boxed().shared();
    let second = first.clone().then(|()| terminate()).boxed();
    (first, second)
}
