//! Getting a connection with RabbitMQ.

use std::path::Path;
use std::time::Duration;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::timeout;

use crate::builder::AmqpBuilder;
use crate::setup::SetupError;

/// Why a transport could not be connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A setting that makes no sense.
    #[error("{0}")]
    Config(String),
    /// A URL that names no server of RabbitMQ. Without what may be secret in it.
    #[error("{url} is no URL of RabbitMQ; it looks like amqp://user:password@host:5672/vhost")]
    Url {
        /// The URL.
        url: String,
    },
    /// A certificate or key that can't be read.
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
    /// The server could not be reached, or would not have us.
    #[error("no connection with {url}: {source}")]
    Refused {
        /// Where to, without what is secret.
        url: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An exchange or a queue can't be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// Connects once.
pub(crate) async fn connect(builder: &AmqpBuilder) -> Result<Connection, ConnectError> {
    let uri = uri(builder)?;
    let tls = tls(builder)?;
    // RabbitMQ shows it where it lists its connections.
    let name = builder.client_name.as_str().into();
    let properties = ConnectionProperties::default().with_connection_name(name);
    let refused = |source| ConnectError::Refused { url: builder.url.to_string(), source };
    let runtime = lapin::runtime::default_runtime().map_err(|error| refused(error.into()))?;
    let connecting = Connection::connect_uri_with_config(uri, properties, tls, runtime);
    match timeout(builder.connect_timeout, connecting).await {
        Ok(connected) => connected.map_err(|error| refused(error.into())),
        Err(_) => {
            let waited: Duration = builder.connect_timeout;
            Err(refused(format!("it did not answer within {waited:?}").into()))
        }
    }
}

fn uri(builder: &AmqpBuilder) -> Result<AMQPUri, ConnectError> {
    // What is wrong with it would be told with the password.
    let wrong = |_| ConnectError::Url { url: builder.url.to_string() };
    let mut uri: AMQPUri = builder.url.expose().parse().map_err(wrong)?;
    // The client reads over an address in brackets, and would take its own machine for it.
    if let Some(address) = bracketed(builder.url.expose()) {
        address.clone_into(&mut uri.authority.host);
    }
    // A path of `/` alone names a virtual host without a name, which nobody has: it is meant for the default.
    if uri.vhost.is_empty() {
        "/".clone_into(&mut uri.vhost);
    }
    if uri.query.heartbeat.is_none() {
        uri.query.heartbeat = Some(u16::try_from(builder.heartbeat.as_secs()).unwrap_or(u16::MAX));
    }
    Ok(uri)
}

/// The IPv6 address in a URL, if it has one.
fn bracketed(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (address, _) = host.strip_prefix('[')?.split_once(']')?;
    Some(address)
}

fn tls(builder: &AmqpBuilder) -> Result<OwnedTLSConfig, ConnectError> {
    // Where a program links two providers of cryptography somebody has to choose. If it has done so, this changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut chain = String::new();
    for path in &builder.roots {
        chain += &String::from_utf8_lossy(&certificates(path)?);
        chain += "\n";
    }
    let identity = match &builder.identity {
        Some((certificates, key)) => {
            let (pem, path) = (self::certificates(certificates)?, key);
            let key = read(path)?;
            PrivateKeyDer::from_pem_slice(&key).map_err(|error| unusable(path, error))?;
            Some(OwnedIdentity::PKCS8 { pem, key })
        }
        None => None,
    };
    Ok(OwnedTLSConfig { identity, cert_chain: (!chain.is_empty()).then_some(chain) })
}

/// The client passes over a file without any, and says nothing of which file is wrong.
fn certificates(path: &Path) -> Result<Vec<u8>, ConnectError> {
    let pem = read(path)?;
    CertificateDer::from_pem_slice(&pem).map_err(|error| unusable(path, error))?;
    Ok(pem)
}

fn unusable(path: &Path, error: pem::Error) -> ConnectError {
    let source = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
    ConnectError::File { path: path.display().to_string(), source }
}

fn read(path: &Path) -> Result<Vec<u8>, ConnectError> {
    std::fs::read(path).map_err(|source| ConnectError::File { path: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_say_more_than_it_has_to() {
        let of = |url: &str| uri(&AmqpBuilder::new("a").url(url)).unwrap();
        let short = of("amqp://host");
        assert_eq!((&*short.vhost, short.authority.port, short.query.heartbeat), ("/", 5672, Some(10)));
        assert_eq!(of("amqp://host/").vhost, "/");
        let long = of("amqps://us%40er:p%2Fw@host:99/%2fa?heartbeat=7");
        assert_eq!(long.authority.userinfo.username, "us@er");
        assert_eq!((&*long.vhost, long.query.heartbeat), ("/a", Some(7)));
        let address = of("amqp://user:p%5Bw@[2001:db8::1]:99/a");
        assert_eq!((&*address.authority.host, address.authority.port), ("2001:db8::1", 99));
    }

    #[test]
    fn a_url_that_names_no_server_is_an_error_without_its_secrets() {
        for url in ["", "host:5672", "http://user:hunter2@host", "amqp://a:hunter2@b c"] {
            let error = uri(&AmqpBuilder::new("a").url(url)).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("looks like") && !shown.contains("hunter2"), "{url}: {shown}");
        }
    }
}
