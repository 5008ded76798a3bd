//! One run: a broker, its servers, and a client that sends requests and waits for the results.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use occamy_core::transport::{Publisher, Transport};
use occamy_runtime::memory::MemoryBroker;
use occamy_runtime::{Server, signals};
use tokio::task::JoinSet;

use super::options::{Options, Source};
use super::progress::Progress;
use super::{Board, Job, Row, SOLVE, Timeline, handler};

/// How often the client looks at the results, and shows progress.
const LOOK: Duration = Duration::from_millis(100);

/// What a run came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) rows: Vec<Row>,
    pub(super) timelines: Vec<Timeline>,
    /// Why requests failed, if any did.
    pub(super) failures: Vec<String>,
    /// True if a signal ended the run.
    pub(super) interrupted: bool,
}

/// Runs until every request is done, or until a signal.
pub(super) async fn run(
    options: &Options,
    sources: &[Source],
    seed: u64,
    expansion: bool,
    show: bool,
) -> anyhow::Result<Outcome> {
    let broker = MemoryBroker::new();
    let board = Board::default();
    let start = Instant::now();
    let mut serving = JoinSet::new();
    let (mut servers, mut timelines) = (Vec::new(), Vec::new());
    for number in 1..=options.servers {
        let name = format!("server-{number}");
        let timeline = Timeline::new(&name, options.slots.into(), start);
        let transport = broker.connect(name.as_str());
        let server = Server::builder(handler(transport.publisher(), board.clone(), expansion))
            .name(name)
            .slots(options.slots.into())
            .grace(Duration::from_secs(2))
            .monitor(timeline.clone())
            .build()?;
        serving.spawn(server.serve(transport).with_signals().into_future());
        servers.push(server);
        timelines.push(timeline);
    }

    let progress = Progress::new(show);
    let client = async {
        let sending = send_requests(options, sources, seed, &board, broker.publisher());
        let waiting = async {
            loop {
                tokio::time::sleep(LOOK).await;
                progress.show(&board, &timelines);
                let lost = broker.dead_letters().len();
                if board.ended() + lost >= options.requests.into() {
                    return;
                }
            }
        };
        tokio::try_join!(sending, async {
            waiting.await;
            anyhow::Ok(())
        })
    };
    let interrupted = tokio::select! {
        result = client => {
            result?;
            false
        }
        () = signals::terminate() => true,
    };
    if !interrupted {
        for server in &servers {
            server.shutdown(Duration::ZERO).await;
        }
    }
    while let Some(served) = serving.join_next().await {
        served.context("a server panicked")?.context("a server failed")?;
    }
    progress.show(&board, &timelines);
    let failures = broker.dead_letters().iter().map(|letter| letter.error.to_string()).collect();
    Ok(Outcome { rows: board.all(), timelines, failures, interrupted })
}

async fn send_requests(
    options: &Options,
    sources: &[Source],
    seed: u64,
    board: &Board,
    publisher: Arc<dyn Publisher>,
) -> anyhow::Result<()> {
    for (number, source) in (0..options.requests).zip(sources.iter().cycle()) {
        if number > 0 {
            tokio::time::sleep(options.interval).await;
        }
        let sent = SystemTime::now();
        let job = Job {
            request: format!("{:03}-{}", number + 1, source.instance.name()).into(),
            text: source.text.clone(),
            instance: source.instance.clone(),
            sent,
            until: sent + options.seconds,
            seed: seed.wrapping_mul(options.requests.into()).wrapping_add(number.into()),
        };
        board.sent(job.clone());
        publisher.request(job.headers(SOLVE)?, job.text.clone()).await.context("a request was not sent")?;
    }
    Ok(())
}
