//! Requests that fail for good.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::header;
use occamy_core::{Error, ErrorKind, Headers};

use crate::conformance::failure::{Checked, Failure};
use crate::conformance::log::What;
use crate::conformance::serving::{BAD, MAX_ATTEMPTS, done, work};
use crate::conformance::subject::DeadLetter;
use crate::conformance::world::{SOON, World};

/// A task that fails as often as it is run.
pub(in crate::conformance) async fn dead_letter_after_max_attempts(world: Arc<World>) -> Checked {
    const REASON: &str = "the tower leans";
    let client = world.client().await?;
    let fails = work(|_, _| async {
        let error = Error::new(ErrorKind::InvalidTask, REASON);
        Err(error.retry_after(Duration::from_millis(50)))
    });
    let servers =
        [world.server("a", 2, Arc::clone(&fails)).await?, world.server("b", 2, Arc::clone(&fails)).await?];
    let headers = Headers::new().with("place", "Pisa").with("storeys", 8).with("leans", true);
    client.request(headers.clone(), Bytes::from("tower")).await?;
    let letters = world.dead_letters(1, 3 * SOON).await?;
    let attempts: Vec<u32> = attempts(&world, b"tower");
    let expected: Vec<u32> = (1..=MAX_ATTEMPTS).collect();
    if attempts != expected {
        let what = format!("expected the attempts {expected:?}; seen {attempts:?}");
        return Err(world.log.failure(&what));
    }
    let [DeadLetter { headers: found, body }] = &*letters else {
        return Err(Failure(format!("expected one dead letter; seen {letters:?}")));
    };
    let kept = headers.iter().all(|(name, value)| found.get(name) == Some(value));
    let reason = found.string(header::REASON).is_ok_and(|reason| reason.contains(REASON));
    let kind = found.string(header::KIND).is_ok_and(|kind| kind == ErrorKind::InvalidTask.as_str());
    if !kept || !reason || !kind || body != "tower" {
        return Err(Failure(format!(
            "expected a dead letter with the body \"tower\", the headers {headers:?}, the reason {REASON:?} and the \
             kind invalid_task; seen {letters:?}"
        )));
    }
    for server in servers {
        server.stop(SOON).await?;
    }
    Ok(())
}

/// A request that no handler can make a task of.
pub(in crate::conformance) async fn bad_request_dies_at_once(world: Arc<World>) -> Checked {
    let client = world.client().await?;
    let servers = [world.server("a", 2, done()).await?, world.server("b", 2, done()).await?];
    client.request(Headers::new(), Bytes::from_static(BAD)).await?;
    let letters = world.dead_letters(1, 2 * SOON).await?;
    let attempts = attempts(&world, BAD);
    if attempts != [1] || letters.len() != 1 || letters[0].body != BAD {
        let what = format!(
            "expected one delivery and one dead letter with the body \"bad\"; seen the attempts {attempts:?} and \
             {letters:?}"
        );
        return Err(world.log.failure(&what));
    }
    for server in servers {
        server.stop(SOON).await?;
    }
    Ok(())
}

/// The attempts in which a request was delivered.
fn attempts(world: &World, wanted: &[u8]) -> Vec<u32> {
    let events = world.log.events();
    let attempts = events.iter().filter_map(|event| match &event.what {
        What::Delivered { body, attempt } if body == wanted => Some(*attempt),
        _ => None,
    });
    attempts.collect()
}
