//! Where futures are handed over to a thread, many at a time.

use std::fmt;

use futures_util::FutureExt;
use occamy_core::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// How many are taken out at a time.
const AT_ONCE: usize = 64;

/// Where futures are handed over to a runtime with one thread, such as that of an [`IoThread`](crate::IoThread).
///
/// [`Handle::spawn`] wakes the thread for each of them, which is a call to the system. Here those that come while it is awake
/// are found by it, so that what many tasks settle at the same time is written together.
#[derive(Clone)]
pub struct Intake(mpsc::UnboundedSender<BoxFuture<'static, ()>>);

impl Intake {
    /// Takes in for this runtime, until all clones are dropped.
    pub fn open(runtime: &Handle) -> Self {
        let (sender, mut handed) = mpsc::unbounded_channel();
        runtime.spawn(async move {
            let mut some = Vec::with_capacity(AT_ONCE);
            while handed.recv_many(&mut some, AT_ONCE).await > 0 {
                for future in some.drain(..) {
                    tokio::spawn(future);
                }
            }
        });
        Self(sender)
    }

    /// Runs a future over there, and resolves with what came of it; `None` if it panicked, or if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// It is handed over at once, and goes on though nobody waits for it.
    pub fn run<F>(&self, future: F) -> impl Future<Output = Option<F::Output>> + Send + use<F>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (sender, result) = oneshot::channel();
        let whole = async move {
            // Nobody need wait for it.
            let _ = sender.send(future.await);
        };
        // If nobody takes it, it is dropped, and the sender with it.
        let _ = self.0.send(whole.boxed());
        result.map(Result::ok)
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::IoThread;

    #[tokio::test]
    async fn a_future_runs_over_there_whether_or_not_somebody_waits() {
        let io = IoThread::start("occamy-intake").unwrap();
        let intake = Intake::open(io.handle());
        let name = intake.run(async { thread::current().name().map(str::to_owned) });
        assert_eq!(name.await.unwrap().as_deref(), Some("occamy-intake"));
        let (sender, told) = oneshot::channel();
        drop(intake.run(async move { sender.send(()) }));
        told.await.unwrap();
    }

    #[tokio::test]
    async fn of_a_panic_and_of_a_runtime_that_has_ended_comes_nothing() {
        let io = IoThread::start("occamy-intake").unwrap();
        let intake = Intake::open(io.handle());
        assert_eq!(intake.run(async { panic!("on purpose") }).await, None::<()>);
        let waits = intake.run(std::future::pending::<()>());
        drop(io);
        assert_eq!(waits.await, None);
        // It takes a moment until the thread has heard of it.
        while intake.run(async {}).await.is_some() {}
    }
}
