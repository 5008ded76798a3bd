//! Commands on runtimes of every kind, also those that end too early.

use std::sync::mpsc;

use occamy_core::{
    CommandTask, Error, ErrorKind, Headers, Observation, RecordingMonitor, TestMessage, Verdict, handler_fn,
};
use occamy_runtime::Server;
use tokio::runtime::Builder;

use crate::common::World;
use crate::processes::{any_runs, wait_until};
use crate::scripts::{DEAF, Said, sh};

#[test]
fn commands_run_on_runtimes_of_one_thread_and_of_many() {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new(2);
            for _ in 0..5 {
                assert_eq!(world.request(CommandTask::new("true")).settled().await, Verdict::Done);
            }
        });
    }
}

#[test]
fn a_runtime_that_is_dropped_leaves_no_process() {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.enable_all().build().unwrap();
        let ids = runtime.block_on(async {
            let world = World::new(2);
            let mut ids = Vec::new();
            for script in [DEAF, "sh -c \"trap '' TERM; echo $$; exec sleep 1000\" & wait"] {
                let (said, command) = Said::by(&world, sh("a", script));
                world.request(command);
                ids.push(said.id(&world).await);
            }
            // So that only the runtime's end ends them.
            std::mem::forget(world.server.clone());
            ids
        });
        drop(runtime);
        wait_until("nothing of the groups runs", || !any_runs(&ids));
    }
}

#[test]
fn a_runtime_without_io_is_told_so() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let (settled, verdicts) = mpsc::channel();
    runtime.block_on(async {
        let handler = handler_fn(|_, _| Ok(CommandTask::new("true").into()));
        let monitor = RecordingMonitor::new();
        let server = Server::builder(handler).slots(1).monitor(monitor.clone()).build().unwrap();
        let message = TestMessage::new(Headers::new(), "");
        let verdict = message.settled();
        server.handle_request(Box::new(message));
        let errors = || -> Vec<Error> {
            let errors = monitor.observations().into_iter().filter_map(|observation| match observation {
                Observation::Failed { error, .. } => Some(error),
                _ => None,
            });
            errors.collect()
        };
        while verdict.verdict().is_none() || errors().is_empty() {
            tokio::task::yield_now().await;
        }
        settled.send((verdict.verdict().unwrap().clone(), errors())).unwrap();
    });
    let (verdict, errors) = verdicts.recv().unwrap();
    assert_eq!(verdict, Verdict::Busy);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].kind(), ErrorKind::TaskNotAdded);
    assert!(errors[0].message().contains("enable_io"), "{}", errors[0]);
}
