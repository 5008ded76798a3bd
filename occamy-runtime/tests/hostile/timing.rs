//! Too little time, and too much.

use std::time::Duration;

use occamy_core::{Verdict, handler_fn};
use occamy_runtime::{BuildError, Server};

use crate::common::{Act, World};

#[tokio::test]
async fn a_server_that_is_gone_leaves_nothing_behind_on_tokio() {
    let alive = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let world = World::with(1, |builder| builder.without_expansion_period());
    world.request(world.brief("task")).settled().await;
    world.server.shutdown(Duration::ZERO).await;
    drop(world);
    // It takes a turn or two to end.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), alive);
}

#[tokio::test]
async fn a_period_shorter_than_the_clock_can_tell_leaves_time_for_others() {
    let world = World::with(1, |builder| builder.expansion_period(Duration::from_nanos(1)));
    // Nobody could help this test if it were not polled any more, so another thread watches.
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if is_done.recv_timeout(Duration::from_secs(20)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            eprintln!("nothing else is polled");
            std::process::exit(1);
        }
    });
    assert_eq!(world.request(world.brief("task")).settled().await, Verdict::Done);
    drop(done);
    watch.join().unwrap();
}

#[test]
fn a_runtime_without_a_timer_is_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _context = runtime.enter();
    let handler = handler_fn(|_, _| Ok(Act::new("").into()));
    assert!(matches!(Server::builder(handler).slots(1).build(), Err(BuildError::NoTimer)));
}
