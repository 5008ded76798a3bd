use occamy_runtime::memory::MemoryBroker;

use super::*;
use crate::routes::servers::Servers;
use crate::tsp::Tour;

fn options(arguments: &[&str]) -> Options {
    Options::read(["routes"].iter().chain(arguments).map(Into::into)).unwrap()
}

/// A request that is over as soon as it begins.
fn short(requests: &str) -> Options {
    options(&["--seconds", "0", "--interval", "0", "--slots", "2", "--servers", "1", "--requests", requests])
}

/// Requests, sent through a broker that others share.
async fn client(broker: &MemoryBroker, options: &Options) -> (Site, Client) {
    let site = Site::shared(broker);
    let client = Client::connect(&site).await.unwrap();
    client.send(&site, options, &options.sources().unwrap(), 0).await.unwrap();
    (site, client)
}

#[tokio::test(start_paused = true)]
async fn without_any_news_the_client_ends_and_says_what_is_missing() {
    let (broker, options) = (MemoryBroker::new(), short("2"));
    let mut controls = broker.connect("server").controls();
    let (_, client) = client(&broker, &options).await;
    let start = Instant::now();
    let missing = client.results(Duration::from_secs(60), || 0).await;
    assert_eq!(start.elapsed().as_secs(), 60);
    assert_eq!(missing.len(), 2);
    assert!(missing[0].contains("no server has begun it"), "{missing:?}");

    client.close().await;
    for row in client.board().all() {
        let message = controls.next().await.unwrap().unwrap();
        assert_eq!(message.headers(), &enough(&row.job.request), "a master that runs after all may end");
    }
}

#[tokio::test(start_paused = true)]
async fn news_prolong_the_patience_and_results_are_answered() {
    let (broker, options) = (MemoryBroker::new(), short("1"));
    let mut controls = broker.connect("server").controls();
    let (_, client) = client(&broker, &options).await;
    let row = client.board().all().remove(0);
    let (request, start) = (row.job.request, Instant::now());
    let master = async {
        let tour = Tour::new((0..row.job.instance.dimension() as u32).rev().collect()).unwrap();
        for (best, finished) in [(None, false), (Some(9), false), (Some(7), false), (Some(8), true)] {
            tokio::time::sleep(Duration::from_secs(50)).await;
            let best = best.map(|length| (length, tour.clone()));
            let news = News { start_latency: Duration::from_millis(3), best, finished };
            let (headers, body) = news.encode(&row.job.reply_to, &request).unwrap();
            broker.publisher().control(headers, body).await.unwrap();
        }
    };
    let (missing, ()) = tokio::join!(client.results(Duration::from_secs(60), || 0), master);
    assert_eq!((missing, start.elapsed().as_secs()), (Vec::new(), 200));
    let row = client.board().all().remove(0);
    assert_eq!(row.start_latency, Some(Duration::from_millis(3)));
    assert_eq!((row.best.unwrap().0, row.finished), (7, true));
    client.close().await;
    loop {
        let message = controls.next().await.unwrap().unwrap();
        if message.headers() == &enough(&request) {
            break;
        }
    }
}

#[tokio::test]
async fn messages_for_others_and_senseless_ones_change_nothing() {
    let (broker, options) = (MemoryBroker::new(), short("1"));
    let (_, client) = client(&broker, &options).await;
    let job = client.board().all().remove(0).job;
    let news = News { finished: true, ..News::default() };
    let publisher = broker.publisher();
    let (headers, body) = news.encode(&job.reply_to, &job.request).unwrap();
    let mut of_type = headers.clone();
    of_type.insert(header::TASK_ID, 7);
    let mut of_nothing = headers.clone();
    of_nothing.remove(REQUEST);
    let others = [
        news.encode("somebody", &job.request).unwrap().0,
        news.encode(&job.reply_to, "something").unwrap().0,
        of_type,
        of_nothing,
        Headers::new(),
    ];
    for headers in others {
        publisher.control(headers, Bytes::new()).await.unwrap();
    }
    // In order: when a later request is answered those before have been seen.
    let mut later = job.clone();
    later.request = "later".into();
    client.board().sent(later);
    publisher.control(news.encode(&job.reply_to, "later").unwrap().0, body).await.unwrap();
    while client.board().ended() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!client.board().all().iter().any(|row| row.job.request == job.request && row.finished));
}

#[tokio::test]
async fn clients_at_one_broker_keep_to_their_own_and_may_come_before_the_servers() {
    let broker = MemoryBroker::new();
    let (one, other) = (short("3"), short("4"));
    let (_, first) = client(&broker, &one).await;
    let (site, second) = client(&broker, &other).await;
    let mut servers = Servers::start(&site, &one, true, None).await.unwrap();
    let (missing, also_missing) =
        tokio::join!(first.results(one.patience, || 0), second.results(other.patience, || 0));
    assert_eq!((missing.len(), also_missing.len()), (0, 0));
    let (rows, others) = (first.board().all(), second.board().all());
    assert_eq!((rows.len(), others.len()), (3, 4));
    assert!(rows.iter().chain(&others).all(|row| row.finished && row.best.is_some()));
    assert!(rows.iter().all(|row| others.iter().all(|other| row.job.request != other.job.request)));
    servers.shutdown().await;
    servers.ended().await.unwrap();
    // Each master has had its answer.
    assert_eq!((broker.dead_letters().len(), broker.stats().counts.done), (0, 7));
}
