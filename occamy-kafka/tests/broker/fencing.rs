//! Two servers of the same name.

use occamy_core::Verdict;
use occamy_core::transport::Transport;
use tokio::time::timeout;

use crate::support::{PATIENCE, Service, next};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_with_one_instance_id_the_younger_serves_and_the_older_hears_of_it() {
    let Some(service) = Service::new("fenced") else { return };
    let builder = service.builder().instance_id("one");
    let older = builder.clone().connect().await.unwrap();
    let mut olders = older.requests();
    service.write(0, b"first").await;
    let first = next(&mut *olders).await;
    let younger = builder.connect().await.unwrap();
    let mut youngers = younger.requests();
    let again = next(&mut *youngers).await;
    assert_eq!(again.body(), "first");
    let told = timeout(PATIENCE, olders.next(1)).await.expect("it hears of it in time").err().unwrap();
    assert!(told.to_string().contains("group.instance.id"), "{told}");
    let settled = timeout(PATIENCE, first.settle(Verdict::Done)).await.expect("it hears of that, too");
    assert!(settled.is_err(), "it is the younger's");
    again.settle(Verdict::Done).await.unwrap();
    drop((olders, youngers));
    older.close().await.unwrap();
    younger.close().await.unwrap();
}
