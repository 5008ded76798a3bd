//! Start: how long a request takes on a server that has nothing else to do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::countdown::Countdown;
use crate::kind::Kind;
use crate::letter::Letter;
use crate::record::Record;
use crate::script::{Hook, Script, Then};
use crate::stage;
use crate::stamp::Stamp;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    kind: Kind,
    #[arg(long)]
    slots: usize,
    #[arg(long)]
    requests: usize,
    /// How long to do nothing before each request, in microseconds
    #[arg(long, default_value_t = 0)]
    pause: u64,
    /// Every request stays, each in a slot that had none before: at most as many as slots
    #[arg(long)]
    first_use: bool,
}

const END: &str = "end";
const STAY: &str = "stay";

/// One request at a time, from the call to the first statement of its task.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Record> {
    let &Options { kind, slots, requests, pause, first_use } = options;
    let (stamp, started) = (Arc::new(Stamp::default()), Arc::new(Countdown::default()));
    let begin: Hook = {
        let (stamp, started) = (Arc::clone(&stamp), Arc::clone(&started));
        Arc::new(move || {
            stamp.mark();
            started.count();
        })
    };
    let script = move |then: Then| {
        let begin = Arc::clone(&begin);
        move || Script { begin: Some(Arc::clone(&begin)), then: then.clone(), ..Script::default() }
    };
    let roles = stage::roles(kind, slots).role(END, script(Then::End)).role(STAY, script(Then::PARK));
    let server = stage::server(slots, roles).build()?;
    if !first_use {
        stage::warm_up(&server, slots).await?;
    }

    let (role, settled) = (if first_use { STAY } else { END }, Arc::new(Countdown::default()));
    let mut starts = Vec::with_capacity(requests);
    for _ in 0..requests {
        if pause > 0 {
            // Tokio's own pauses are of whole milliseconds.
            let pause = Duration::from_micros(pause);
            tokio::task::spawn_blocking(move || std::thread::sleep(pause)).await?;
        }
        started.expect(1);
        settled.expect(1);
        let letter = Box::new(Letter::new(role, {
            let settled = Arc::clone(&settled);
            move |_| settled.count()
        }));
        let call = Instant::now();
        server.handle_request(letter);
        started.done().await;
        if !first_use {
            settled.done().await;
        }
        starts.push(stamp.since(call));
    }

    stage::close(server).await?;
    Ok(Record::default().samples("start", &starts))
}
