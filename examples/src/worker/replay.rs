//! Sending dead letters again as requests.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use occamy_core::transport::{DeadLetter, DeadLetterError, PublishError, Transport, header};
use serde::Serialize;

use super::complain;
use crate::broker::Broker;

/// Which dead letters are sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// All that there are.
    All,
    /// So many, the oldest first.
    Count(u64),
    /// Those with this id: see [`DeadLetter::id`].
    Id(String),
}

/// Why a text doesn't say which.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number from 1, all, or id: and the id of a dead letter, such as id:order-7")]
pub struct NoReplay;

impl FromStr for Replay {
    type Err = NoReplay;

    fn from_str(text: &str) -> Result<Self, NoReplay> {
        match text.strip_prefix("id:") {
            Some(id) if !id.is_empty() => Ok(Self::Id(id.to_owned())),
            Some(_) => Err(NoReplay),
            None if text == "all" => Ok(Self::All),
            None => text.parse().ok().filter(|count| *count > 0).map(Self::Count).ok_or(NoReplay),
        }
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Count(count) => count.fmt(f),
            Self::Id(id) => write!(f, "id:{id}"),
        }
    }
}

impl Replay {
    fn wants(&self, letter: &dyn DeadLetter) -> bool {
        match self {
            Self::All | Self::Count(_) => true,
            Self::Id(id) => letter.id() == Some(id),
        }
    }

    fn is_done(&self, replayed: u64) -> bool {
        matches!(self, Self::Count(count) if replayed >= *count)
    }
}

/// What was sent again, as a line has it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Replayed<'a> {
    replayed: Option<&'a str>,
    /// Why it had failed: the kind of the error, and what it says.
    kind: Option<&'a str>,
    reason: Option<&'a str>,
    /// At which attempt.
    attempt: Option<i64>,
}

/// Sends dead letters again, and says so on standard output, each in a line of its own.
pub(super) async fn replay(broker: &Broker, service: &str, which: &Replay) -> anyhow::Result<ExitCode> {
    let name = format!("{service}-replay-{}", uuid::Uuid::new_v4().simple());
    let transport = broker.connect(service, &name, None).await?;
    let replayed = send_again(&*transport, which, io::stdout()).await;
    let closed = transport.close().await;
    let code = replayed?;
    closed.context("the broker could not be told of the end")?;
    Ok(code)
}

async fn send_again(
    transport: &dyn Transport,
    which: &Replay,
    mut output: impl Write,
) -> anyhow::Result<ExitCode> {
    let mut letters = transport.dead_letters().await?;
    let (mut replayed, mut code) = (0, ExitCode::SUCCESS);
    while !which.is_done(replayed) {
        let Some(letter) = letters.next().await? else { break };
        if !which.wants(&*letter) {
            continue;
        }
        let line = line(&*letter);
        let id = letter.id().map_or_else(|| "without an id".to_owned(), |id| format!("{id:?}"));
        match letter.replay().await {
            Ok(()) => {}
            // What is wrong with it is no reason not to send the others.
            Err(DeadLetterError::NotSent(
                error @ (PublishError::TooLarge { .. } | PublishError::Headers(_)),
            )) => {
                complain(format_args!("the dead letter {id} stays where it is: {error}"));
                code = ExitCode::FAILURE;
                continue;
            }
            Err(error) => return Err(error).with_context(|| format!("the dead letter {id}")),
        }
        replayed += 1;
        output
            .write_all(&line)
            .and_then(|()| output.flush())
            .with_context(|| format!("the dead letter {id} was replayed, and can't be told"))?;
    }
    if let (Replay::Id(id), 0) = (which, replayed) {
        complain(format_args!("no dead letter with the id {id:?} was replayed"));
        code = ExitCode::FAILURE;
    }
    Ok(code)
}

fn line(letter: &dyn DeadLetter) -> Vec<u8> {
    let text = |name| letter.headers().optional_string(name).ok().flatten();
    let line = Replayed {
        replayed: letter.id(),
        kind: text(header::KIND),
        reason: text(header::REASON),
        attempt: letter.headers().optional_integer(header::ATTEMPT).ok().flatten(),
    };
    let mut line = serde_json::to_vec(&line).expect("strings and numbers can be written");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use occamy_core::{Error, ErrorKind, Headers, Verdict};
    use occamy_runtime::memory::MemoryBroker;

    use super::*;

    #[test]
    fn which_is_a_number_or_all_or_an_id() {
        for (text, which) in
            [("all", Replay::All), ("12", Replay::Count(12)), ("id:a b", Replay::Id("a b".into()))]
        {
            assert_eq!(text.parse(), Ok(which.clone()));
            assert_eq!(which.to_string(), text);
        }
        for nonsense in ["", "0", "-1", "id:", "some", "1.5", "ALL"] {
            assert_eq!(nonsense.parse::<Replay>(), Err(NoReplay), "{nonsense}");
        }
    }

    /// A broker with these dead letters.
    async fn dead(ids: &[&str]) -> MemoryBroker {
        let broker = MemoryBroker::new();
        let transport = broker.connect("server");
        let mut requests = transport.requests();
        for id in ids {
            let headers = Headers::new().with(header::TASK_ID, *id).with("zoom", 3);
            broker.publisher().request(headers, id.to_string().into()).await.unwrap();
            let request = requests.next(1).await.unwrap().unwrap();
            request.settle(Verdict::Failed(Error::new(ErrorKind::InvalidBody, "no"))).await.unwrap();
        }
        broker
    }

    /// What is written, and which letters are left.
    async fn replayed(broker: &MemoryBroker, which: Replay) -> (String, Vec<String>) {
        let mut output = Vec::new();
        send_again(&broker.connect("replay"), &which, &mut output).await.unwrap();
        let left = broker.dead_letters();
        let left = left.iter().map(|letter| letter.headers.string(header::TASK_ID).unwrap().to_owned());
        (String::from_utf8(output).unwrap(), left.collect())
    }

    #[tokio::test]
    async fn a_replayed_request_is_as_it_was_first_sent() {
        let broker = dead(&["a", "b", "c"]).await;
        let (output, left) = replayed(&broker, Replay::Id("b".into())).await;
        assert_eq!(
            output,
            "{\"replayed\":\"b\",\"kind\":\"invalid_body\",\"reason\":\"no\",\"attempt\":1}\n"
        );
        assert_eq!(left, ["a", "c"]);
        let again = broker.connect("server").requests().next(1).await.unwrap().unwrap();
        assert_eq!(*again.headers(), Headers::new().with(header::TASK_ID, "b").with("zoom", 3));
        assert_eq!((&**again.body(), again.attempt()), (&b"b"[..], 1));
    }

    #[tokio::test]
    async fn as_many_as_are_wanted_go_the_oldest_first() {
        let broker = dead(&["a", "b", "c"]).await;
        assert_eq!(replayed(&broker, Replay::Count(2)).await.1, ["c"]);
        assert_eq!(replayed(&broker, Replay::Count(2)).await.1, [""; 0]);
        let broker = dead(&["a", "b", "c"]).await;
        let (output, left) = replayed(&broker, Replay::All).await;
        assert_eq!((output.lines().count(), left.len()), (3, 0));
    }

    /// Whoever read what is written is gone. Of the letter, which is gone too, the error has to tell.
    #[tokio::test]
    async fn a_letter_that_can_not_be_told_is_the_last_and_named() {
        let broker = dead(&["a", "b"]).await;
        let error = send_again(&broker.connect("replay"), &Replay::All, &mut [][..]).await.unwrap_err();
        assert!(error.to_string().contains("\"a\""), "{error}");
        assert_eq!((broker.dead_letters().len(), broker.stats().queued), (1, 1));
    }

    #[tokio::test]
    async fn a_letter_that_is_dropped_stays_and_one_that_is_removed_does_not() {
        let broker = dead(&["a", "b"]).await;
        let transport = broker.connect("clerk");
        let mut letters = transport.dead_letters().await.unwrap();
        drop(letters.next().await.unwrap().unwrap());
        letters.next().await.unwrap().unwrap().remove().await.unwrap();
        assert!(letters.next().await.unwrap().is_none());
        assert_eq!(broker.dead_letters().len(), 1);
        assert_eq!(broker.stats().queued, 0);
    }
}
