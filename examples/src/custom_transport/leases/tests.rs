use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const LENGTH: Duration = Duration::from_secs(30);

fn counter() -> (Arc<AtomicUsize>, LeaseWatch) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let watch = move || {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    (count, Arc::new(watch))
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_is_told_once_and_stays_taken_though_it_comes_back() {
    let leases = Arc::new(Leases::default());
    let (kept, lost) = (leases.hold("1-0".into()), leases.hold("2-0".into()));
    let ((kept_told, watch_kept), (lost_told, watch_lost)) = (counter(), counter());
    kept.watch(LENGTH, watch_kept);
    lost.watch(LENGTH, Arc::clone(&watch_lost));

    leases.heard(&leases.held(), Instant::now(), &["2-0".to_owned()].into());
    leases.tell(LENGTH);
    leases.tell(LENGTH);
    assert_eq!((kept_told.load(Ordering::Relaxed), lost_told.load(Ordering::Relaxed)), (0, 1));
    lost.watch(LENGTH, watch_lost);
    assert_eq!(lost_told.load(Ordering::Relaxed), 2);

    let again = leases.hold("2-0".into());
    assert!(lost.is_taken() && !again.is_taken() && !kept.is_taken());
    let held = || leases.held().into_values().collect::<Vec<_>>();
    assert_eq!(held(), ["1-0", "2-0"]);
    drop((kept, lost));
    assert_eq!(held(), ["2-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_renewed_is_lost_though_perhaps_not_taken() {
    let leases = Arc::new(Leases::default());
    let held = leases.hold("1-0".into());
    let (told, watch) = counter();
    held.watch(LENGTH, watch);

    tokio::time::advance(LENGTH / 2).await;
    leases.heard(&leases.held(), Instant::now(), &BTreeSet::new());
    tokio::time::advance(LENGTH).await;
    leases.tell(LENGTH);
    assert_eq!(told.load(Ordering::Relaxed), 0);
    tokio::time::advance(Duration::from_millis(1)).await;
    leases.tell(LENGTH);
    assert_eq!(told.load(Ordering::Relaxed), 1);
    assert!(!held.is_taken());
}
