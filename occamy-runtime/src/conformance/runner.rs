//! Running checks: side by side, each on a runtime and under a service name of its own, and within its time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{self, Runtime};
use tokio::time::timeout;

use super::checks::{CHECKS, Check};
use super::failure::{Checked, Failure};
use super::report::{CheckOutcome, CheckVerdict, Report};
use super::secrets;
use super::subject::{Clock, Subject};
use super::world::{SOON, World};

/// Runs the checks whose names are chosen, and tells of each as soon as it is over. The seed is for what is random.
///
/// Most programs call [`main`](super::main). This is for tests that look at the outcome.
pub fn run(
    subject: &Arc<dyn Subject>,
    seed: u64,
    chosen: impl Fn(&str) -> bool,
    mut tell: impl FnMut(&CheckOutcome),
) -> Report {
    secrets::listen();
    let chosen = || CHECKS.iter().filter(|check| chosen(check.name));
    let (together, alone): (Vec<_>, Vec<_>) = chosen().partition(|check| !check.alone);
    let mut report = Report::default();
    let jobs = match subject.clock() {
        // Waiting costs nothing, so these keep a core busy each.
        Clock::Tokio => thread::available_parallelism().map_or(2, usize::from),
        // And these wait, most of the time.
        Clock::Real => 6,
    };
    for (checks, jobs) in [(together, jobs), (alone, 1)] {
        let next = AtomicUsize::new(0);
        let (sender, outcomes) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..jobs.min(checks.len()) {
                let (sender, next, checks) = (sender.clone(), &next, &checks);
                scope.spawn(move || {
                    while let Some(check) = checks.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let _ = sender.send(carry_out(check, subject, seed));
                    }
                });
            }
            drop(sender);
            for outcome in outcomes {
                tell(&outcome);
                report.outcomes.push(outcome);
            }
        });
    }
    report
}

/// The names of all checks, with what each of them is about.
pub fn checks() -> impl Iterator<Item = (&'static str, &'static str)> {
    CHECKS.iter().map(|check| (check.name, check.promise))
}

fn carry_out(check: &'static Check, subject: &Arc<dyn Subject>, seed: u64) -> CheckOutcome {
    let start = Instant::now();
    let verdict = match subject.not_applicable(check.name) {
        Some(why) => CheckVerdict::NotApplicable(why),
        None => {
            let subject = Arc::clone(subject);
            // On a thread of its own, so that a panic ends nothing else.
            let checked = thread::Builder::new().name(check.name.into()).spawn(move || {
                let runtime = runtime(subject.clock())?;
                let checked = runtime.block_on(within_its_time(check, subject, seed));
                runtime.shutdown_timeout(Duration::from_secs(1));
                checked
            });
            match checked.map(thread::JoinHandle::join) {
                Ok(Ok(Ok(()))) => CheckVerdict::Passed,
                Ok(Ok(Err(Failure(why)))) => CheckVerdict::Failed(format!("{} -- {why}", check.promise)),
                Ok(Err(panic)) => CheckVerdict::Failed(format!(
                    "the check panicked: {}",
                    crate::caught::panicked(occamy_core::ErrorKind::UnknownTask, panic)
                )),
                Err(error) => CheckVerdict::Failed(format!("no thread for it: {error}")),
            }
        }
    };
    CheckOutcome { check: check.name, verdict, took: start.elapsed() }
}

fn runtime(clock: Clock) -> Checked<Runtime> {
    let mut builder = match clock {
        Clock::Real => runtime::Builder::new_multi_thread(),
        Clock::Tokio => runtime::Builder::new_current_thread(),
    };
    if clock == Clock::Tokio {
        builder.start_paused(true);
    }
    Ok(builder.worker_threads(2).enable_all().build()?)
}

async fn within_its_time(check: &Check, subject: Arc<dyn Subject>, seed: u64) -> Checked {
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let service = format!("kit-{}-{}", check.name.replace('_', "-"), &nonce[..8]);
    let world = Arc::new(World::new(subject, service, seed));
    let checked = match timeout(check.limit, (check.run)(Arc::clone(&world))).await {
        Ok(checked) => checked,
        Err(_) => Err(world.log.failure(&format!("not over within {:?}", check.limit))),
    };
    let cleaned = timeout(3 * SOON, world.subject.clean_up(&world.service)).await;
    let cleaned = match cleaned {
        Ok(cleaned) => cleaned.map_err(Failure::from),
        Err(_) => Err(Failure("the service could not be removed from the broker within 30 s".into())),
    };
    checked.and(cleaned)
}
