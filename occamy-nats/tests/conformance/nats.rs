//! NATS as a subject of the kit.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use occamy_core::Headers;
use occamy_core::transport::{Transport, text};
use occamy_nats::NatsTransport;
use occamy_runtime::conformance::{
    Answer, Channel, Connection, DeadLetter, Hostility, Misuse, Refusal, Subject, SubjectError,
};

use crate::common;
use crate::{hostile, misuse as server};

/// A server on this machine that lets everybody in.
pub(crate) struct Nats {
    address: SocketAddr,
    /// The program, for servers with other settings.
    program: Option<String>,
}

impl Nats {
    pub(crate) fn from_environment() -> Option<Self> {
        let address = common::address()?.parse();
        let address = address.expect("OCCAMY_NATS_URL is nats://, an address of numbers and a port");
        Some(Self { address, program: common::program() })
    }

    /// JetStream, past the transport.
    async fn jetstream(&self) -> Result<async_nats::jetstream::Context, SubjectError> {
        let client = async_nats::connect(self.address.to_string()).await?;
        Ok(async_nats::jetstream::new(client))
    }
}

impl Subject for Nats {
    fn name(&self) -> &str {
        "nats"
    }

    fn connect<'a>(&'a self, connection: &'a Connection) -> Answer<'a, Box<dyn Transport>> {
        Box::pin(async {
            let address = connection.address.unwrap_or(self.address);
            let transport = NatsTransport::builder(&connection.service)
                .url(format!("nats://{address}"))
                .name(&connection.server)
                .lease(connection.lease)
                .connect()
                .await?;
            Ok(Box::new(transport) as Box<dyn Transport>)
        })
    }

    fn take_dead_letters<'a>(&'a self, service: &'a str) -> Answer<'a, Vec<DeadLetter>> {
        Box::pin(async move {
            let stream = self.jetstream().await?.get_stream(format!("{service}-dead")).await?;
            let config = async_nats::jetstream::consumer::pull::Config {
                durable_name: Some("kit".into()),
                ..Default::default()
            };
            let consumer = stream.get_or_create_consumer("kit", config).await?;
            let mut letters = Vec::new();
            loop {
                let mut batch =
                    consumer.fetch().max_messages(500).expires(Duration::from_millis(500)).messages().await?;
                let before = letters.len();
                while let Some(message) = batch.next().await {
                    let message = message?;
                    message.double_ack().await?;
                    letters.push(letter(&message)?);
                }
                if letters.len() == before {
                    return Ok(letters);
                }
            }
        })
    }

    fn send_hostile<'a>(
        &'a self,
        service: &'a str,
        channel: Channel,
        hostility: Hostility,
        body: Bytes,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let subject = match channel {
                Channel::Request => format!("{service}-request"),
                Channel::Control => format!("{service}-control"),
            };
            let Some(headers) = hostile::headers(hostility, body.len()) else { return Ok(false) };
            hostile::publish(self.address, &subject, &headers, &body).await?;
            Ok(true)
        })
    }

    fn clean_up<'a>(&'a self, service: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let context = self.jetstream().await?;
            for stream in ["request", "dead"] {
                // A check that connected to a server of its own has none here.
                let _ = context.delete_stream(format!("{service}-{stream}")).await;
            }
            Ok(())
        })
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.address)
    }

    fn connect_wrongly<'a>(&'a self, service: &'a str, misuse: &'a Misuse) -> Answer<'a, Refusal> {
        Box::pin(async move {
            let program = self.program.as_deref().ok_or("OCCAMY_NATS_SERVER names no program")?;
            let private = server::server(program, misuse).await?;
            let builder = server::builder(&private, service, misuse);
            let mut shown = vec![format!("{builder:?} {builder:#?}")];
            let connected = builder.connect().await;
            let error = match connected {
                Ok(transport) => {
                    shown.push(format!("{transport:?}"));
                    None
                }
                Err(error) => Some(SubjectError::from(error)),
            };
            Ok(Refusal { error, shown })
        })
    }

    fn max_body(&self) -> usize {
        const LIMIT: usize = 1 << 20;
        const RESERVED: usize = 8 << 10;
        LIMIT - RESERVED
    }
}

fn letter(message: &async_nats::jetstream::Message) -> Result<DeadLetter, SubjectError> {
    let mut headers = Headers::new();
    for (name, values) in message.headers.iter().flat_map(|headers| headers.iter()) {
        let name: &str = name.as_ref();
        for value in values.iter().filter(|_| !name.starts_with("Nats-")) {
            headers.append(text::decode_name(name), text::decode_value(value.as_str().as_bytes())?);
        }
    }
    Ok(DeadLetter { headers, body: message.payload.clone() })
}
