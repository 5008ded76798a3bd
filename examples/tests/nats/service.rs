//! A service of a test's own at the NATS that the environment names.

use async_nats::jetstream;
use futures_util::TryStreamExt;
use occamy_core::Headers;
use occamy_core::transport::Transport;
use occamy_nats::NatsTransport;

use crate::process::BOUND;

/// A service that nobody else uses.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Service {
    /// A fresh one, or, without a NATS, word of it that the test is skipped.
    pub(crate) fn fresh(test: &str) -> Option<Self> {
        let name = format!("examples-{test}-{}", uuid::Uuid::new_v4().simple());
        Self::named(&name, test)
    }

    /// One whose name is given.
    pub(crate) fn named(name: &str, test: &str) -> Option<Self> {
        match std::env::var("OCCAMY_NATS_URL") {
            Ok(url) => Some(Self { url, name: name.to_owned() }),
            Err(_) => {
                eprintln!("skipped: {test} needs a NATS, whose URL is to be in OCCAMY_NATS_URL");
                None
            }
        }
    }

    /// Sends a request, as any client would.
    pub(crate) async fn request(&self, headers: Headers, body: &str) {
        let client = NatsTransport::builder(&self.name).url(self.url.as_str()).connect().await.unwrap();
        client.publisher().request(headers, body.to_owned().into()).await.unwrap();
        client.close().await.unwrap();
    }

    /// The next dead letter: its headers in NATS's form, and its body.
    pub(crate) async fn dead_letter(&self) -> (async_nats::HeaderMap, String) {
        let waiting = async {
            let stream = self.jetstream().await.get_stream(format!("{}-dead", self.name)).await.unwrap();
            let settings = jetstream::consumer::pull::Config::default();
            let consumer = stream.create_consumer(settings).await.unwrap();
            let letter = consumer.messages().await.unwrap().try_next().await.unwrap().unwrap();
            let body = String::from_utf8(letter.payload.to_vec()).unwrap();
            (letter.headers.clone().unwrap_or_default(), body)
        };
        tokio::time::timeout(BOUND, waiting).await.expect("there is a dead letter in time")
    }

    /// How many requests there are, running ones included.
    pub(crate) async fn requests(&self) -> u64 {
        let mut stream = self.jetstream().await.get_stream(format!("{}-request", self.name)).await.unwrap();
        stream.info().await.unwrap().state.messages
    }

    /// Leaves nothing behind.
    pub(crate) async fn delete(self) {
        for stream in ["request", "dead"] {
            self.jetstream().await.delete_stream(format!("{}-{stream}", self.name)).await.unwrap();
        }
    }

    async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(&self.url).await.unwrap())
    }
}
