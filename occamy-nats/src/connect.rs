//! Getting a client of NATS that does as a server needs: where to, who this is, and how connections are made anew.

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use occamy_core::transport::{Secret, SecretUrl, redact_url};
use occamy_transport::backoff;
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc;
use url::Url;

use crate::builder::{Credentials, NatsBuilder};
use crate::setup::SetupError;
use crate::tls;

/// Why a transport could not be connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A setting that makes no sense.
    #[error("{0}")]
    Config(String),
    /// A URL that names no NATS server. Without what may be secret in it.
    #[error("{url} is no URL of a NATS server: {why}; it looks like nats://host:4222 or tls://host:4222")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A credentials file or a certificate that can't be read.
    #[error("{path} can't be used: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The system has no thread for the connection.
    #[error("there is no thread for the connection: {0}")]
    Thread(#[source] std::io::Error),
    /// No server could be reached, or none would have us.
    #[error("no connection with {urls}: {source}")]
    Refused {
        /// Where to, without what is secret.
        urls: String,
        /// Why.
        source: async_nats::ConnectError,
    },
    /// A stream or the consumer can't be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// A client, and what happens to its connection.
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
}

/// Connects once. From then on the client makes its connection anew by itself.
pub(crate) async fn connect(builder: &NatsBuilder) -> Result<Connected, ConnectError> {
    let (servers, from_url) = servers(&builder.urls)?;
    let (sender, events) = mpsc::unbounded_channel();
    let mut options = ConnectOptions::new()
        .name(&builder.client_name)
        .custom_inbox_prefix(&builder.inbox_prefix)
        .connection_timeout(builder.connect_timeout)
        .ping_interval(builder.ping_interval)
        .max_reconnects(None)
        .reconnect_delay_callback(backoff)
        .event_callback(move |event| {
            // Nobody listens when the transport is gone.
            let _ = sender.send(event);
            std::future::ready(())
        })
        .require_tls(builder.tls.required)
        .tls_client_config(tls::config(&builder.tls)?);
    if builder.tls.first {
        options = options.tls_first();
    }
    options = match builder.credentials.as_ref().or(from_url.as_ref()) {
        None => options,
        Some(Credentials::Password { user, password }) => {
            options.user_and_password(user.clone(), password.expose().to_owned())
        }
        Some(Credentials::Token(token)) => options.token(token.expose().to_owned()),
        Some(Credentials::NKey(seed)) => options.nkey(seed.expose().to_owned()),
        Some(Credentials::File(path)) => {
            let unusable = |source| ConnectError::File { path: path.display().to_string(), source };
            options.credentials_file(path).await.map_err(unusable)?
        }
    };
    let shown = servers.iter().map(|url| redact_url(url.as_str())).collect::<Vec<_>>().join(", ");
    let addresses = servers.into_iter().map(|url| {
        let shown = redact_url(url.as_str());
        ServerAddr::from_url(url).map_err(|error| ConnectError::Url { url: shown, why: error.to_string() })
    });
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
    let client = options.connect(addresses).await;
    let client = client.map_err(|source| ConnectError::Refused { urls: shown, source })?;
    Ok(Connected { client, events })
}

/// The servers' URLs without credentials, which the client would log, and the credentials.
fn servers(urls: &[SecretUrl]) -> Result<(Vec<Url>, Option<Credentials>), ConnectError> {
    const DEFAULT: &str = "nats://127.0.0.1:4222";
    let default = [SecretUrl::new(DEFAULT)];
    let urls = if urls.is_empty() { &default[..] } else { urls };
    let mut servers = Vec::new();
    let mut credentials = None;
    for secret in urls {
        let (url, own) = server(secret.expose())
            .map_err(|why| ConnectError::Url { url: redact_url(secret.expose()), why: why.to_owned() })?;
        servers.push(url);
        credentials = credentials.or(own);
    }
    Ok((servers, credentials))
}

fn server(text: &str) -> Result<(Url, Option<Credentials>), &'static str> {
    let mut url = Url::parse(text).map_err(|_| "it can't be understood")?;
    if !matches!(url.scheme(), "nats" | "tls") {
        return Err("the scheme is not nats or tls");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it has no host");
    }
    let plain = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
    let user = plain(url.username()).map_err(|_| "the user is not UTF-8")?;
    let password = url.password().map(plain).transpose().map_err(|_| "the password is not UTF-8")?;
    let credentials = match (user, password) {
        (user, Some(password)) => Some(Credentials::Password { user, password: Secret::new(password) }),
        (user, None) if user.is_empty() => None,
        (token, None) => Some(Credentials::Token(Secret::new(token))),
    };
    url.set_password(None).map_err(|()| "it has no place for a password")?;
    url.set_username("").map_err(|()| "it has no place for a user")?;
    Ok((url, credentials))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_out_of_the_url() {
        let (url, credentials) = server("nats://us%40er:p%2Fw@host:4223").unwrap();
        assert_eq!(url.as_str(), "nats://host:4223");
        let Some(Credentials::Password { user, password }) = credentials else { panic!("{credentials:?}") };
        assert_eq!((&*user, password.expose()), ("us@er", "p/w"));

        let (url, credentials) = server("tls://t0ken@host").unwrap();
        assert_eq!(url.as_str(), "tls://host");
        assert!(matches!(credentials, Some(Credentials::Token(token)) if token.expose() == "t0ken"));
        assert!(server("nats://host").unwrap().1.is_none());
    }

    #[test]
    fn a_url_that_names_no_server_is_an_error_without_its_secrets() {
        for url in
            ["", "host:4222", "http://user:hunter2@host", "nats://user:hunter2@", "nats://a:hunter2@b c"]
        {
            let error = servers(&[SecretUrl::new(url)]).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("nats://host:4222") && !shown.contains("hunter2"), "{url}: {shown}");
        }
    }
}
