//! Redis, and the example's transport, as a subject of the kit.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use bytes::Bytes;
use occamy_core::Headers;
use occamy_core::transport::Transport;
use occamy_core::transport::text;
use occamy_examples::custom_transport::{MAX_MESSAGE, RedisOptions, RedisTransport};
use occamy_runtime::conformance::{
    Answer, Channel, Connection, DeadLetter, Hostility, Misuse, Refusal, Subject, SubjectError,
};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, cmd, pipe};

use super::{guarded, hostile};

/// What is in an entry.
type Fields = Vec<(String, Bytes)>;

pub(crate) struct Redis {
    url: String,
}

impl Redis {
    pub(crate) fn at(url: String) -> Self {
        Self { url }
    }

    /// A connection of the kit's own.
    async fn redis(&self) -> Result<MultiplexedConnection, SubjectError> {
        // The client's own limits are for machines that do nothing else.
        let patience = Some(Duration::from_secs(20));
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(patience).set_response_timeout(patience);
        Ok(Client::open(&*self.url)?.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// The URL that leads to this address.
    fn url(&self, address: Option<SocketAddr>) -> String {
        let own = self.address().map(|own| own.to_string());
        match (own, address) {
            (Some(own), Some(address)) => self.url.replacen(&own, &address.to_string(), 1),
            _ => self.url.clone(),
        }
    }
}

impl Subject for Redis {
    fn name(&self) -> &str {
        "redis"
    }

    fn connect<'a>(&'a self, connection: &'a Connection) -> Answer<'a, Box<dyn Transport>> {
        Box::pin(async {
            let Connection { service, server, lease, address, .. } = connection;
            let options = RedisOptions::new(self.url(*address), service, server).lease(*lease);
            Ok(Box::new(RedisTransport::connect(options).await?) as Box<dyn Transport>)
        })
    }

    fn take_dead_letters<'a>(&'a self, service: &'a str) -> Answer<'a, Vec<DeadLetter>> {
        Box::pin(async move {
            let dead = format!("{service}-dead");
            let mut take = pipe();
            take.atomic().cmd("XRANGE").arg(&dead).arg("-").arg("+").del(&dead).ignore();
            let (letters,): (Vec<(String, Fields)>,) = take.query_async(&mut self.redis().await?).await?;
            letters.into_iter().map(|(_, fields)| letter(fields)).collect()
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
            let stream = match channel {
                Channel::Request => format!("{service}-request"),
                Channel::Control => format!("{service}-control"),
            };
            let (mut redis, mut sent) = (self.redis().await?, false);
            for headers in hostile::headers(hostility) {
                let mut add = cmd("XADD");
                add.arg(&stream).arg("*").arg("headers").arg(headers).arg("body").arg(&*body);
                add.exec_async(&mut redis).await?;
                sent = true;
            }
            Ok(sent)
        })
    }

    fn clean_up<'a>(&'a self, service: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let keys = ["request", "control", "dead"].map(|stream| format!("{service}-{stream}"));
            Ok(cmd("DEL").arg(&keys).exec_async(&mut self.redis().await?).await?)
        })
    }

    fn address(&self) -> Option<SocketAddr> {
        let client = Client::open(&*self.url).ok()?;
        match client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) => (host.as_str(), *port).to_socket_addrs().ok()?.next(),
            _ => None,
        }
    }

    fn connect_wrongly<'a>(&'a self, service: &'a str, misuse: &'a Misuse) -> Answer<'a, Refusal> {
        Box::pin(async move {
            match misuse {
                Misuse::WrongPassword { password } => guarded::refusal(service, password).await,
                _ => Err("the example has no TLS".into()),
            }
        })
    }

    fn max_body(&self) -> usize {
        MAX_MESSAGE
    }

    fn not_applicable(&self, check: &str) -> Option<String> {
        if check.starts_with("tls_") {
            return Some("the example leaves TLS out: its client has it as a feature".to_owned());
        }
        let lacking = check == "wrong_password" && std::env::var_os(guarded::PROGRAM).is_none();
        lacking.then(|| format!("{} names no program to start with a password", guarded::PROGRAM))
    }
}

fn letter(fields: Fields) -> Result<DeadLetter, SubjectError> {
    let (mut headers, mut body) = (Headers::new(), Bytes::new());
    for (name, value) in fields {
        if name == "body" {
            body = value;
        } else {
            let lines = std::str::from_utf8(&value)?;
            let pairs = lines.lines().filter_map(|line| line.split_once(": "));
            headers = text::decode(pairs.map(|(name, value)| (name, value.as_bytes())))?;
        }
    }
    Ok(DeadLetter { headers, body })
}
