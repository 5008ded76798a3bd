//! RabbitMQ as a subject of the kit.

use std::net::SocketAddr;

use bytes::Bytes;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, ConnectionProperties};
use occamy_amqp::{AmqpBuilder, AmqpTransport};
use occamy_core::transport::Transport;
use occamy_core::{Headers, Value};
use occamy_runtime::conformance::{
    Answer, Channel as Kind, Connection, DeadLetter, Hostility, Misuse, Refusal, Subject, SubjectError,
};

use crate::common;
use crate::common::tls::{Shows, Tls};
use crate::hostile;

/// A server on this machine that lets the guest in.
pub(crate) struct RabbitMq {
    address: SocketAddr,
}

impl RabbitMq {
    pub(crate) fn from_environment() -> Option<Self> {
        let address = common::address()?.parse();
        let address = address.expect("OCCAMY_AMQP_URL is amqp://, an address of numbers and a port");
        Some(Self { address })
    }

    fn builder(&self, service: &str) -> AmqpBuilder {
        AmqpTransport::builder(service).url(format!("amqp://{}", self.address))
    }

    /// A channel, past the transport. The connection ends with it.
    async fn channel(&self) -> Result<Channel, SubjectError> {
        let url = format!("amqp://{}", self.address);
        let connection = lapin::Connection::connect(&url, ConnectionProperties::default()).await?;
        Ok(connection.create_channel().await?)
    }
}

impl Subject for RabbitMq {
    fn name(&self) -> &str {
        "amqp"
    }

    fn broker(&self) -> &str {
        "rabbitmq"
    }

    fn connect<'a>(&'a self, connection: &'a Connection) -> Answer<'a, Box<dyn Transport>> {
        Box::pin(async {
            let address = connection.address.unwrap_or(self.address);
            let builder = self.builder(&connection.service).name(&connection.server);
            let transport = builder.url(format!("amqp://{address}")).connect().await?;
            Ok(Box::new(transport) as Box<dyn Transport>)
        })
    }

    fn take_dead_letters<'a>(&'a self, service: &'a str) -> Answer<'a, Vec<DeadLetter>> {
        Box::pin(async move {
            let (channel, queue) = (self.channel().await?, format!("{service}-dead"));
            let mut letters = Vec::new();
            while let Some(message) =
                channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await?
            {
                message.ack(BasicAckOptions::default()).await?;
                let headers = message.properties.headers().clone().unwrap_or_default();
                letters.push(DeadLetter { headers: decode(&headers)?, body: message.data.clone().into() });
            }
            Ok(letters)
        })
    }

    fn send_hostile<'a>(
        &'a self,
        service: &'a str,
        channel: Kind,
        hostility: Hostility,
        body: Bytes,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let exchange = match channel {
                Kind::Request => format!("{service}-request"),
                Kind::Control => format!("{service}-control"),
            };
            let Some(headers) = hostile::headers(hostility) else { return Ok(false) };
            let channel = self.channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            let properties = BasicProperties::default().with_headers(headers);
            let options = BasicPublishOptions::default();
            let sent = channel
                .basic_publish(exchange.as_str().into(), "".into(), options, &body, properties)
                .await?;
            Ok(sent.await?.is_ack())
        })
    }

    fn clean_up<'a>(&'a self, service: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let channel = self.channel().await?;
            for name in ["request", "control", "dead"] {
                let name = format!("{service}-{name}");
                // What isn't there is deleted, as RabbitMQ sees it.
                channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await?;
                channel.exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default()).await?;
            }
            Ok(())
        })
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.address)
    }

    fn connect_wrongly<'a>(&'a self, service: &'a str, misuse: &'a Misuse) -> Answer<'a, Refusal> {
        Box::pin(async move {
            let (builder, _tls) = match misuse {
                Misuse::WrongPassword { password } => {
                    (self.builder(service).url(format!("amqp://guest:{password}@{}", self.address)), None)
                }
                misuse => {
                    let shows = match misuse {
                        Misuse::WrongHostName => Shows::OtherHost,
                        Misuse::Expired => Shows::Expired,
                        _ => Shows::SelfSigned,
                    };
                    let tls = Tls::before(self.address, shows).await?;
                    let file = tempfile::NamedTempFile::new()?;
                    std::fs::write(&file, &tls.authority)?;
                    let builder = self.builder(service).url(format!("amqps://{}", tls.address));
                    (builder.root_certificates(file.path()), Some((tls, file)))
                }
            };
            let mut shown = vec![format!("{builder:?} {builder:#?}")];
            let error = match builder.connect().await {
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
        16 << 20
    }
}

/// As a client would read them that knows nothing of us.
fn decode(table: &FieldTable) -> Result<Headers, SubjectError> {
    let mut headers = Headers::new();
    for (name, value) in table.inner() {
        let value = match value {
            AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes())?.into(),
            AMQPValue::LongLongInt(number) => (*number).into(),
            AMQPValue::Boolean(truth) => (*truth).into(),
            _ => Value::Null,
        };
        headers.append(name.as_str(), value);
    }
    Ok(headers)
}
