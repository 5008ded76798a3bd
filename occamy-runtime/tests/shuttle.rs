//! The desk, its lock and its tables, under every order of threads that Shuttle comes up with.
//!
//! This compiles the sources of the desk once more, on Shuttle's locks, channels and threads.

#[path = "../src"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    rustdoc::broken_intra_doc_links,
    reason = "only the desk's part"
)]
mod runtime {
    pub(crate) mod alarm;
    pub(crate) mod desk;
    pub(crate) mod host;
    pub(crate) mod lineage;
}

use runtime::{alarm, desk, host, lineage};

/// Stands in for the runtime's own module of this name.
mod sync {
    pub(crate) use shuttle::sync::{Mutex, MutexGuard, mpsc};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("no thread panics under the lock")
    }
}

#[path = "shuttle/model.rs"]
mod model;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use model::{Model, Work};
use occamy_core::scheduler::{Config, Event};
use shuttle::rand::Rng;

/// Of each kind. One test takes a second or two in a development build.
const SCHEDULES: usize = 1_000;

/// How many changes of thread PCT places in one run.
const DEPTH: usize = 4;

fn check(run: fn()) {
    shuttle::check_random(run, SCHEDULES);
    shuttle::check_pct(run, SCHEDULES, DEPTH);
}

/// An offer is started by one thread and stopped by another. It runs until it sees its stop, so a lost one would keep it
/// running for ever.
#[test]
fn stops_and_starts_meet_in_either_order() {
    check(|| {
        let model = Model::new(Config::new(1));
        let offers = model.spawn(|model| model.offer(Work::until_stopped()));
        let requests = model.spawn(|model| {
            model.request(Work::steps(1));
            model.request(Work::steps(1));
        });
        for thread in [offers, requests] {
            thread.join().expect("no thread panics");
        }
        model.event(Event::ShutDown { grace: Duration::ZERO });
        model.finish();
    });
}

/// Requests, offers, their expansion and control messages, withdrawals and a shutdown, all at once.
#[test]
fn everything_at_once_loses_nothing() {
    check(|| {
        let mut config = Config::new(2);
        config.eviction_overlap = 1;
        config.max_offers = 2;
        let model = Model::new(config);
        let threads = [
            model.spawn(|model| {
                for _ in 0..2 {
                    let work = Work::steps(2).expanding();
                    let task = if shuttle::rand::thread_rng().gen_bool(0.5) {
                        model.request(work.awaiting())
                    } else {
                        model.request(work)
                    };
                    if shuttle::rand::thread_rng().gen_bool(0.5) {
                        model.event(Event::RequestWithdrawn { task });
                    }
                }
            }),
            model.spawn(|model| {
                model.offer(Work::until_stopped().expanding());
                model.offer(Work::steps(1).awaiting());
                model.offer(Work::steps(1));
            }),
            model.spawn(|model| {
                model.control();
                model.event(Event::ExpandNow);
                model.control();
                model.request(Work::steps(1));
            }),
            model.spawn(|model| model.event(Event::ShutDown { grace: Duration::from_secs(1) })),
        ];
        for thread in threads {
            thread.join().expect("no thread panics");
        }
        model.pass(Duration::from_secs(2));
        model.finish();
    });
}

/// Work that goes on until it was called. A call that is lost, or left to a thread that does not come, keeps it for ever.
#[test]
fn whoever_is_to_be_called_is_called() {
    check(|| {
        let model = Model::new(Config::new(4));
        let threads = [
            model.spawn(|model| {
                model.request(Work::steps(1).and_until_asked().awaiting());
                // Whoever computes does not wait for futures to send for a thread, and would hide that none did.
                if shuttle::rand::thread_rng().gen_bool(0.5) {
                    model.request(Work::steps(1).and_until_asked());
                }
            }),
            model.spawn(|model| {
                model.request(Work::steps(0).awaiting());
                model.request(Work::steps(0).and_until_asked().awaiting());
                model.event(Event::ExpandNow);
            }),
        ];
        for thread in threads {
            thread.join().expect("no thread panics");
        }
        model.wait();
        model.event(Event::ShutDown { grace: Duration::from_secs(1) });
        model.finish();
    });
}

/// The same for mail, which comes when the tasks run.
#[test]
fn whoever_has_mail_hears_of_it() {
    check(|| {
        let model = Model::new(Config::new(4));
        model.request(Work::steps(1).and_until_heard().awaiting());
        model.request(Work::steps(1).and_until_heard());
        let threads = [
            model.spawn(|model| {
                model.control();
                model.control();
            }),
            model.spawn(|model| {
                model.request(Work::steps(1).awaiting());
                model.request(Work::steps(0).awaiting());
            }),
        ];
        for thread in threads {
            thread.join().expect("no thread panics");
        }
        model.wait();
        model.event(Event::ShutDown { grace: Duration::from_secs(1) });
        model.finish();
    });
}

/// Futures that are done at their first poll are not worth a thread, however they come together.
#[test]
fn for_futures_that_never_rest_nobody_comes() {
    check(|| {
        let model = Model::new(Config::new(4));
        let threads = [(); 2].map(|()| {
            model.spawn(|model| {
                model.request(Work::steps(0).awaiting());
                model.request(Work::steps(0).awaiting());
            })
        });
        for thread in threads {
            thread.join().expect("no thread panics");
        }
        model.wait();
        model.event(Event::ShutDown { grace: Duration::ZERO });
        model.finish();
        assert_eq!(model.came(), 0);
    });
}

/// As above, while time jumps ahead: tasks that stop in time are taken for wedged, and end late.
#[test]
fn late_ends_change_nothing() {
    check(|| {
        let mut config = Config::new(2);
        config.eviction_overlap = 1;
        let model = Model::new(config);
        let threads = [
            model.spawn(|model| {
                model.offer(Work::until_stopped());
                model.offer(Work::until_stopped().expanding());
            }),
            model.spawn(|model| {
                for _ in 0..3 {
                    model.request(Work::steps(2));
                }
            }),
            model.spawn(|model| {
                for _ in 0..3 {
                    model.pass(Duration::from_secs(6));
                }
            }),
        ];
        for thread in threads {
            thread.join().expect("no thread panics");
        }
        model.event(Event::ShutDown { grace: Duration::ZERO });
        model.pass(Duration::from_secs(6));
        model.finish();
    });
}

/// A victim goes on after its stop until the request that took its slot has run. So one has to run beside the other.
#[test]
fn a_request_never_waits_for_a_leftover() {
    check(|| {
        let mut config = Config::new(1);
        config.eviction_overlap = 1;
        let model = Model::new(config);
        let over = Arc::new(AtomicBool::new(false));
        model.offer(Work::until_stopped().and_until(&over));
        let requests = model.spawn(move |model| {
            model.request(Work::steps(1).then_set(&over));
            model.request(Work::steps(1));
        });
        requests.join().expect("no thread panics");
        model.event(Event::ShutDown { grace: Duration::from_secs(1) });
        model.finish();
    });
}
