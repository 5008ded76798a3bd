//! Who may connect, what a program is told, and what is not to be seen.

use std::sync::Arc;

use tokio::time::timeout;

use crate::conformance::failure::{Checked, Failure};
use crate::conformance::secrets::Watch;
use crate::conformance::subject::{Misuse, SubjectError};
use crate::conformance::world::{SOON, World};

/// With a password that is wrong.
pub(in crate::conformance) async fn wrong_password(world: Arc<World>) -> Checked {
    // No part of another word, and nothing that has to be escaped in a URL.
    let password = format!("secret{}", uuid::Uuid::new_v4().simple());
    let watch = Watch::new(&password);
    let misuse = Misuse::WrongPassword { password: password.clone() };
    let hints = ["auth", "credential", "password", "permission", "denied", "refused", "login", "user"];
    let shown = refused(&world, &misuse, &hints).await?;
    if let Some(text) = shown.iter().find(|text| text.contains(&password)) {
        let text = text.replace(&password, "[the password]");
        return Err(Failure(format!("expected no password in an error or a Debug; seen {text:?}")));
    }
    match watch.seen() {
        Some(line) => {
            let line = line.replace(&password, "[the password]");
            Err(Failure(format!("expected no password in the logs; seen {line:?}")))
        }
        None => Ok(()),
    }
}

const TLS_HINTS: [&str; 4] = ["certificate", "tls", "ssl", "handshake"];

pub(in crate::conformance) async fn tls_wrong_host_name(world: Arc<World>) -> Checked {
    refused(&world, &Misuse::WrongHostName, &TLS_HINTS).await.map(drop)
}

pub(in crate::conformance) async fn tls_expired(world: Arc<World>) -> Checked {
    refused(&world, &Misuse::Expired, &TLS_HINTS).await.map(drop)
}

pub(in crate::conformance) async fn tls_self_signed(world: Arc<World>) -> Checked {
    refused(&world, &Misuse::SelfSigned, &TLS_HINTS).await.map(drop)
}

/// Fails unless the connection is refused, with an error that has one of these words in it. Returns all that a program
/// might print.
async fn refused(world: &World, misuse: &Misuse, hints: &[&str]) -> Checked<Vec<String>> {
    let refusal = timeout(3 * SOON, world.subject.connect_wrongly(&world.service, misuse)).await;
    let refusal = refusal.map_err(|_| Failure(format!("expected an error within 30 s, {misuse:?}")))??;
    let Some(error) = refusal.error else {
        return Err(Failure(format!("expected an error, {misuse:?}; it was connected")));
    };
    let told = told(&error);
    if !hints.iter().any(|hint| told.to_lowercase().contains(hint)) {
        return Err(Failure(format!(
            "expected an error that tells what is wrong, {misuse:?}, by one of the words {hints:?}; seen {told:?}"
        )));
    }
    let mut shown = refusal.shown;
    shown.extend([told, format!("{error:?}")]);
    Ok(shown)
}

/// An error with its sources.
fn told(error: &SubjectError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}
