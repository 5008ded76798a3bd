//! Where futures are handed over to a thread, many at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, mem};

use futures_util::FutureExt;
use occamy_core::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Where futures are handed over to a runtime with one thread, such as that of an [`IoThread`](crate::IoThread).
///
/// [`Handle::spawn`] wakes the thread for each of them, which is a call to the system. Here those that come while it is awake
/// are found by it, so that what many tasks settle at the same time is written together.
#[derive(Clone)]
pub struct Intake {
    tray: Arc<Tray>,
    /// Whoever takes them hears when there are no clones any more.
    _open: Arc<DropGuard>,
}

/// What was handed over and not yet taken. No channel, since one whose receiver goes may keep what is just being sent.
struct Tray {
    /// `None` when nobody takes it any more.
    handed: Mutex<Option<Vec<BoxFuture<'static, ()>>>>,
    filled: Notify,
}

impl Intake {
    /// Takes in for this runtime, until all clones are dropped.
    pub fn open(runtime: &Handle) -> Self {
        let tray = Arc::new(Tray { handed: Mutex::new(Some(Vec::new())), filled: Notify::new() });
        let (taker, over) = (Taker(Arc::clone(&tray)), CancellationToken::new());
        let open = Arc::new(over.clone().drop_guard());
        runtime.spawn(async move {
            let mut some = Vec::new();
            loop {
                let last = tokio::select! {
                    () = taker.0.filled.notified() => false,
                    () = over.cancelled() => true,
                };
                if let Some(handed) = taker.0.handed().as_mut() {
                    mem::swap(handed, &mut some);
                }
                for future in some.drain(..) {
                    tokio::spawn(future);
                }
                if last {
                    return;
                }
            }
        });
        Self { tray, _open: open }
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
        self.tray.put(whole.boxed());
        result.map(Result::ok)
    }
}

impl Tray {
    /// If nobody takes it, it is dropped.
    fn put(&self, future: BoxFuture<'static, ()>) {
        let mut handed = self.handed();
        let Some(futures) = handed.as_mut() else {
            // Dropping it may run code that isn't ours: not under the lock.
            drop(handed);
            return drop(future);
        };
        futures.push(future);
        let first = futures.len() == 1;
        drop(handed);
        // All others are taken with it.
        if first {
            self.filled.notify_one();
        }
    }

    fn handed(&self) -> MutexGuard<'_, Option<Vec<BoxFuture<'static, ()>>>> {
        // Nothing that holds the lock leaves it half changed.
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who takes what is handed over. It goes with the runtime, and with it everything that it has not taken.
struct Taker(Arc<Tray>);

impl Drop for Taker {
    fn drop(&mut self) {
        let left = self.0.handed().take();
        drop(left);
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_with;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use tokio::time::timeout;

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

    #[tokio::test]
    async fn what_is_handed_over_while_the_runtime_ends_ends_as_well() {
        const ROUNDS: u64 = 50;
        for round in 0..ROUNDS {
            let io = IoThread::start("occamy-intake").unwrap();
            let intake = Intake::open(io.handle());
            let ended = Arc::new(AtomicBool::new(false));
            let hands_over = || {
                let (intake, ended) = (intake.clone(), Arc::clone(&ended));
                let results = move || {
                    let on = |_: &_| !ended.load(Ordering::Relaxed);
                    repeat_with(|| intake.run(async {})).take_while(on).collect::<Vec<_>>()
                };
                thread::spawn(results)
            };
            let threads = [hands_over(), hands_over()];
            thread::sleep(Duration::from_micros(100 + 8 * round));
            drop(io);
            thread::sleep(Duration::from_micros(300));
            ended.store(true, Ordering::Relaxed);
            for results in threads {
                for result in results.join().unwrap() {
                    timeout(Duration::from_secs(5), result).await.expect("it ran, or it is dropped");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_was_handed_over_before_the_last_clone_went_runs() {
        let io = IoThread::start("occamy-intake").unwrap();
        let intake = Intake::open(io.handle());
        let results: Vec<_> = (0..100).map(|number| intake.run(async move { number })).collect();
        drop(intake);
        for (number, result) in results.into_iter().enumerate() {
            assert_eq!(result.await, Some(number));
        }
    }
}
