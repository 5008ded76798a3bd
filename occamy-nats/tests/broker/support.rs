//! A service of a test's own on the shared server.

use std::time::Duration;

use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures_util::StreamExt;
use occamy_core::transport::{RequestStream, Transport};
use occamy_core::{Headers, Message};
use occamy_nats::{NatsBuilder, NatsTransport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::common;

/// How long whatever should happen at once may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A service that nobody else has.
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) address: String,
}

impl Service {
    pub(crate) fn new(test: &str) -> Option<Self> {
        let address = common::address()?;
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        Some(Self { name: format!("test-{test}-{}", &nonce[..8]), address })
    }

    pub(crate) fn builder(&self) -> NatsBuilder {
        NatsTransport::builder(&self.name).url(format!("nats://{}", self.address))
    }

    pub(crate) async fn connect(&self) -> NatsTransport {
        self.builder().connect().await.unwrap()
    }

    /// JetStream, past the transport.
    pub(crate) async fn jetstream(&self) -> Context {
        jetstream::new(async_nats::connect(&self.address).await.unwrap())
    }

    /// The next dead letter, as it is stored.
    pub(crate) async fn dead_letter(&self) -> jetstream::Message {
        let stream = self.jetstream().await.get_stream(format!("{}-dead", self.name)).await.unwrap();
        let config = jetstream::consumer::pull::Config::default();
        let consumer = stream.create_consumer(config).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        timeout(SOON, messages.next()).await.expect("a dead letter").unwrap().unwrap()
    }

    /// Publishes in the words of the protocol what no client of ours would send.
    pub(crate) async fn send_raw(&self, subject: &str, headers: &[u8], body: &str) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let publish = format!("HPUB {subject} {} {}\r\n", headers.len(), headers.len() + body.len());
        let connect = "CONNECT {\"headers\":true,\"verbose\":false}\r\n";
        let end = [body.as_bytes(), b"\r\nPING\r\n"].concat();
        stream.write_all(&[connect.as_bytes(), publish.as_bytes(), headers, &end].concat()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"PONG\r\n") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "no answer");
        }
    }

    /// How many requests are stored.
    pub(crate) async fn stored(&self) -> u64 {
        let stream = self.jetstream().await.get_stream(format!("{}-request", self.name)).await.unwrap();
        stream.cached_info().state.messages
    }

    pub(crate) async fn clean_up(self) {
        let context = self.jetstream().await;
        for stream in ["request", "dead"] {
            context.delete_stream(format!("{}-{stream}", self.name)).await.unwrap();
        }
    }
}

/// The next request.
pub(crate) async fn take(requests: &mut Box<dyn RequestStream>, credit: usize) -> Box<dyn Message> {
    timeout(SOON, requests.next(credit)).await.expect("a request").unwrap().unwrap()
}

pub(crate) async fn send(transport: &NatsTransport, body: &str) {
    transport.publisher().request(Headers::new(), Bytes::from(body.to_owned())).await.unwrap();
}
