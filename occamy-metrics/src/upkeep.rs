//! The exporter's upkeep, on a thread of its own: a busy runtime doesn't keep it from its work.

use std::io;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusRecorder;

/// What the exporter does itself where it runs its own upkeep.
const PERIOD: Duration = Duration::from_secs(5);

/// Keeps up the recorder for as long as anything holds it: this process, or a monitor.
pub(crate) fn start(recorder: &Arc<PrometheusRecorder>) -> io::Result<JoinHandle<()>> {
    start_with(recorder, PERIOD)
}

fn start_with(recorder: &Arc<PrometheusRecorder>, period: Duration) -> io::Result<JoinHandle<()>> {
    let recorder = Arc::downgrade(recorder);
    thread::Builder::new().name("metrics-upkeep".into()).spawn(move || {
        keep_up(&recorder, || thread::sleep(period), |recorder| recorder.handle().run_upkeep());
    })
}

fn keep_up<R>(recorder: &Weak<R>, pause: impl Fn(), upkeep: impl Fn(&R)) {
    loop {
        pause();
        let Some(recorder) = recorder.upgrade() else { return };
        upkeep(&recorder);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn the_thread_ends_with_the_recorder() {
        let recorder = Arc::new(PrometheusBuilder::new().build_recorder());
        let upkeep = start_with(&recorder, Duration::from_millis(1)).unwrap();
        assert!(!upkeep.is_finished());
        drop(recorder);
        upkeep.join().unwrap();
    }

    #[test]
    fn it_goes_on_until_nobody_holds_the_recorder() {
        let held = RefCell::new(Some(Arc::new(())));
        let weak = Arc::downgrade(held.borrow().as_ref().unwrap());
        let (pauses, upkeeps) = (Cell::new(0), Cell::new(0));
        let pause = || {
            pauses.set(pauses.get() + 1);
            if pauses.get() == 4 {
                held.take();
            }
        };
        keep_up(&weak, pause, |()| upkeeps.set(upkeeps.get() + 1));
        assert_eq!((pauses.get(), upkeeps.get()), (4, 3));
    }
}
