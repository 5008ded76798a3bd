//! The page of a server with a thousand slots, and of several servers.

use occamy_core::scheduler::{SlotId, StopReason, TaskKey};
use occamy_core::{BrokerEvent, Error, ErrorKind, Monitor, Observation, OutcomeKind, SlotStatus, SlotUsage};
use occamy_metrics::{HttpServer, LiveMonitor};
use std::time::Duration;

use crate::browser::Window;

const SLOTS: u32 = 1_000;

fn usage(slots: usize, draining: bool) -> Observation {
    let mut usage = SlotUsage::default();
    (usage.protected, usage.healthy, usage.draining) = (slots, true, draining);
    Observation::Slots(usage)
}

fn start(monitor: &LiveMonitor, task: u64, slot: u32, status: SlotStatus) {
    let (id, group) = (format!("task-{task}").into(), format!("group-{}", task % 7).into());
    let (task, slot, wait) = (TaskKey(task), SlotId(slot), Duration::from_micros(70));
    monitor.record(&Observation::Started { task, slot, id, group, status, wait });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_slots_are_shown_and_a_second_server_can_be_chosen() {
    let http = HttpServer::builder().listen(([127, 0, 0, 1], 0)).start().unwrap();
    let (large, small) = (http.monitor("large"), http.monitor("<b>small</b>"));
    large.record(&usage(SLOTS as usize, false));
    large.record(&Observation::Broker(BrokerEvent::Connected));
    for slot in 0..SLOTS {
        start(&large, u64::from(slot), slot, SlotStatus::ALL[1 + slot as usize % 3]);
    }
    small.record(&usage(2, true));
    let error = Error::new(ErrorKind::InvalidBody, "<script>document.title = 'taken'</script>");
    small.record(&Observation::Failed { group: "<i>group</i>".into(), error });
    let Some(window) = Window::open(&format!("http://{}/", http.address())).await else { return };

    window.until("document.querySelectorAll('#rows tr').length === 1000").await;
    window.until("document.querySelectorAll('#rows tr.protected').length === 333").await;
    window.until("document.querySelector('#lanes').height === 3000").await;
    window
        .page
        .find_element("#filter")
        .await
        .unwrap()
        .click()
        .await
        .unwrap()
        .type_str("group-3 PROTECTED")
        .await
        .unwrap();
    window.until("document.querySelector('#shown').textContent === '143 of 1000'").await;
    // One is evicted, and its slot has a successor.
    let (task, group, status) = (TaskKey(7), "group-0".into(), SlotStatus::UnprotectedInternal);
    let (reason, ran) = (StopReason::Evicted, Duration::from_secs(1));
    large.record(&Observation::Stopping { task, group, status, reason, ran });
    window.until("document.querySelector('#rows').rows[7].className === 'stopping'").await;
    let (group, outcome) = ("group-0".into(), OutcomeKind::Interrupted);
    let (stopping, reason) = (Some(Duration::from_millis(3)), Some(reason));
    large.record(&Observation::Finished { task, group, status, outcome, ran, stopping, reason });
    start(&large, 5_000, 7, SlotStatus::Protected);
    window.until("document.querySelector('#rows').rows[7].cells[3].textContent === 'task-5000'").await;
    window.until("document.querySelector('#totals').textContent.includes('70 µs / 70 µs')").await;
    window.picture("thousand-slots").await;

    window.page.find_element("#servers button:nth-child(2)").await.unwrap().click().await.unwrap();
    window.until("document.querySelectorAll('#rows tr').length === 2").await;
    window.until("document.querySelector('#badges').textContent.includes('draining')").await;
    let shown: String = window.value("document.querySelector('#failures').textContent").await;
    assert!(shown.contains("<i>group</i><script>document.title = 'taken'</script>"), "{shown}");
    assert_eq!(window.value::<String>("document.title").await, "<b>small</b> – Occamy");
    window.picture("second-server").await;
    assert_eq!(window.complaints(), [""; 0]);
    window.close().await;
}
