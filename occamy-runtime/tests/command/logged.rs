//! Output that nobody takes goes to the log, and not without end.

use std::sync::Once;

use occamy_core::Verdict;
use tracing::Level;

use crate::common::World;
use crate::scripts::sh;
use crate::traces::Traces;

/// A subscriber may miss what another test logs for the first time while it is being set. So everything is logged once
/// before.
static ONCE: Once = Once::new();

fn logged(script: &str) -> Vec<(Level, String, String)> {
    ONCE.call_once(|| run("echo >&2; i=0; while [ $i -lt 1002 ]; do i=$((i + 1)); echo; done"));
    let traces = Traces::default();
    // On one thread, so that the subscriber need not be everybody's.
    tracing::subscriber::with_default(traces.clone(), || run(script));
    traces.get()
}

fn run(script: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::new(1);
        assert_eq!(world.request(sh("a", script)).settled().await, Verdict::Done);
    });
}

#[test]
fn lines_are_logged_by_their_stream() {
    let script = r"echo one; head -c 9000 /dev/zero | tr '\0' x; echo; exec >&-; echo 'two' >&2";
    let lines = logged(script);
    let of = |level: Level| {
        lines.iter().filter(move |line| line.0 == level).map(|(_, line, fields)| (&**line, &**fields))
    };
    let long = "x".repeat(8192);
    assert_eq!(of(Level::INFO).collect::<Vec<_>>(), [("one", ""), (&*long, "cut=true")]);
    assert_eq!(of(Level::WARN).collect::<Vec<_>>(), [("two", "")]);
    assert_eq!(lines.len(), 3);
}

#[test]
fn after_a_thousand_lines_only_their_number_is_logged() {
    let lines = logged("i=0; while [ $i -lt 1234 ]; do i=$((i + 1)); echo $i; done");
    assert_eq!(lines.len(), 1002);
    assert_eq!((&*lines[0].1, &*lines[999].1), ("1", "1000"));
    assert!(lines[1000].1.contains("no more of it is logged"), "{:?}", lines[1000]);
    assert_eq!(lines[1001].2, "unlogged=234");
}

#[test]
fn a_thousand_lines_are_all_logged() {
    assert_eq!(logged("i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); echo $i; done").len(), 1000);
}
