//! Everything at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use occamy_core::{BoxTask, Error, Observation, Task, TaskContext, TaskDetails};

use crate::common::World;

/// Many threads do everything at once. Every message is settled once, and the server closes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_settles_every_message_once() {
    struct Spin(Duration);
    impl Task for Spin {
        fn details(&self) -> TaskDetails {
            TaskDetails::new("spin").group("spin")
        }
        fn run(&self, cx: &TaskContext) -> Result<(), Error> {
            let until = std::time::Instant::now() + self.0;
            while std::time::Instant::now() < until {
                cx.check()?;
                std::hint::spin_loop();
            }
            Ok(())
        }
        fn expand(&self, limit: usize) -> Vec<BoxTask> {
            (0..limit).map(|_| Spin(self.0).into()).collect()
        }
    }
    let world = Arc::new(World::with(3, |builder| {
        builder.eviction_overlap(1).expansion_period(Duration::from_millis(2)).max_offers(20)
    }));
    let receipts: Arc<Mutex<VecDeque<_>>> = Arc::default();
    let seed = Arc::new(AtomicUsize::new(1));
    let threads: Vec<_> = (0..4)
        .map(|thread: u64| {
            let (world, receipts, seed) = (Arc::clone(&world), Arc::clone(&receipts), Arc::clone(&seed));
            tokio::task::spawn_blocking(move || {
                for round in 0..400 {
                    let dice = seed.fetch_add(7919, Ordering::Relaxed) % 6;
                    let spin = Spin(Duration::from_micros(20 * (1 + (round + thread) % 7)));
                    let receipt = match dice {
                        0 | 1 => world.request(spin),
                        2 => world.offer(spin),
                        3 => world.control("spin", ""),
                        4 => world.request(world.brief("brief")),
                        _ => {
                            let receipt = world.request(spin);
                            receipt.lose_lease();
                            receipt
                        }
                    };
                    receipts.lock().unwrap().push_back(receipt);
                    if dice == 0 {
                        world.server.expand_tasks();
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.await.unwrap();
    }
    let report = world.server.shutdown(Duration::from_secs(10)).await;
    assert!(report.is_clean(), "{report:?}");
    let receipts = std::mem::take(&mut *receipts.lock().unwrap());
    assert_eq!(receipts.len(), 4 * 400);
    assert!(receipts.iter().all(|receipt| receipt.verdict().is_some()));
    let usage = world.server.snapshot().usage;
    assert_eq!((usage.empty, usage.leftovers, usage.waiting), (3, 0, 0));
    let starts = || world.count(|o| matches!(o, Observation::Started { .. }));
    let ends = || world.count(|o| matches!(o, Observation::Finished { .. }));
    world.until("every start has its end", || starts() == ends()).await;
}
