//! Finding the brokers: how clients are configured, and the topics of a service.

use std::time::Duration;

use occamy_core::transport::redact_url;
use percent_encoding::percent_decode_str;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use crate::builder::KafkaBuilder;
use crate::context::{Context, Events};

/// Why a transport could not be connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A setting that makes no sense, or that librdkafka doesn't take.
    #[error("{0}")]
    Config(String),
    /// A URL that names no brokers. Without what may be secret in it.
    #[error(
        "{url} is no URL of Kafka's brokers; it looks like kafka://host:9092 or kafkas://user:password@host:9092"
    )]
    Url {
        /// The URL.
        url: String,
    },
    /// The system has no thread for the connection.
    #[error("there is no thread for the connection: {0}")]
    Thread(#[source] std::io::Error),
    /// No broker could be reached, or none would have us.
    #[error("no connection with {url}: {why}")]
    Refused {
        /// Where to, without what is secret.
        url: String,
        /// Why, in librdkafka's words.
        why: String,
    },
    /// A topic is missing, and may not or could not be created.
    #[error("the topic {topic} is missing: {why}")]
    Topic {
        /// The topic.
        topic: String,
        /// Why it is not created.
        why: String,
    },
}

/// What all clients of a transport have in common.
pub(crate) fn config(builder: &KafkaBuilder) -> Result<ClientConfig, ConnectError> {
    let Brokers { list, encrypted, credentials } = Brokers::parse(builder.url.expose())
        .ok_or_else(|| ConnectError::Url { url: redact_url(builder.url.expose()) })?;
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", list)
        .set("client.id", &builder.client_name)
        // A connection on which nothing is answered is given up.
        .set("socket.keepalive.enable", "true")
        .set("socket.timeout.ms", "10000")
        // Jitter is built in. Brokers that are back should not be waited for.
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "2000");
    let protocol = match (encrypted, &credentials) {
        (false, None) => "PLAINTEXT",
        (true, None) => "SSL",
        (false, Some(_)) => "SASL_PLAINTEXT",
        (true, Some(_)) => "SASL_SSL",
    };
    config.set("security.protocol", protocol);
    if let Some((user, password)) = credentials {
        config.set("sasl.mechanisms", &builder.sasl_mechanism);
        config.set("sasl.username", user).set("sasl.password", password);
    }
    if let Some(path) = &builder.roots {
        config.set("ssl.ca.location", path.display().to_string());
    }
    if let Some((chain, key)) = &builder.identity {
        config.set("ssl.certificate.location", chain.display().to_string());
        config.set("ssl.key.location", key.display().to_string());
    }
    set_by_hand(&mut config, builder);
    Ok(config)
}

/// What is set by hand comes last: after what a client has beyond the others, again.
pub(crate) fn set_by_hand(config: &mut ClientConfig, builder: &KafkaBuilder) {
    for (name, value) in &builder.settings {
        config.set(name, value.expose());
    }
}

/// What a URL says.
#[derive(Debug, PartialEq)]
struct Brokers {
    list: String,
    encrypted: bool,
    credentials: Option<(String, String)>,
}

impl Brokers {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let encrypted = match scheme.to_ascii_lowercase().as_str() {
            "kafka" => false,
            "kafkas" => true,
            _ => return None,
        };
        let (credentials, list) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((credentials, list)) => {
                let (user, password) = credentials.split_once(':').filter(|_| !credentials.contains('@'))?;
                let plain = |text| percent_decode_str(text).decode_utf8().ok().map(String::from);
                (Some((plain(user)?, plain(password)?)), list)
            }
        };
        let list = list.trim_end_matches('/');
        let host = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', ' ', '@']);
        list.split(',').all(host).then(|| Self { list: list.to_owned(), encrypted, credentials })
    }
}

/// A client for what has to be done before there are others.
pub(crate) fn admin(config: &ClientConfig, events: &Events) -> Result<AdminClient<Context>, ConnectError> {
    config.create_with_context(Context::new(events.clone())).map_err(|error| unusable(&error))
}

/// What librdkafka says of a setting, without its value: that may be secret.
pub(crate) fn unusable(error: &KafkaError) -> ConnectError {
    let why = match error {
        KafkaError::ClientConfig(_, why, name, value) if !value.is_empty() => {
            format!("the setting {name} is not taken: {}", why.replace(&**value, "***"))
        }
        other => other.to_string(),
    };
    ConnectError::Config(why)
}

/// Sees to it that the topics are there. The client is one whose context
/// hears why a connection has failed, as that of the one for topics does not.
///
///  Returns how many partitions the requests have, and how many the control messages.
pub(crate) async fn topics(
    admin: &AdminClient<Context>,
    client: &Client<impl ClientContext>,
    context: &Context,
    builder: &KafkaBuilder,
) -> Result<(i32, i32), ConnectError> {
    let names = &builder.names;
    let wanted = [
        (&names.request_topic, builder.partitions),
        // In order, and not shared out.
        (&names.control_topic, 1),
        (&names.dead_topic, 1),
    ];
    let found = metadata(client, context, builder)?;
    let missing: Vec<_> = wanted.iter().filter(|(topic, _)| partitions(&found, topic) == 0).collect();
    if let (Some((topic, _)), false) = (missing.first(), builder.create) {
        let why = "create it, or let connect() do so".to_owned();
        return Err(ConnectError::Topic { topic: (*topic).clone(), why });
    }
    let new = missing.iter().map(|(topic, partitions)| {
        let topic = NewTopic::new(topic, *partitions, TopicReplication::Fixed(builder.replicas));
        // Nobody reads it later than that.
        if topic.name == names.control_topic { topic.set("retention.ms", "3600000") } else { topic }
    });
    let new: Vec<_> = new.collect();
    if !new.is_empty() {
        let options = AdminOptions::new().operation_timeout(Some(builder.connect_timeout));
        let created = admin.create_topics(&new, &options).await;
        let refused = |why: String| ConnectError::Refused { url: builder.url.to_string(), why };
        for result in created.map_err(|error| refused(error.to_string()))? {
            match result {
                // Another server was quicker.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(ConnectError::Topic { topic, why: code.to_string() }),
            }
        }
    }
    // It takes a moment until every broker knows of it.
    let deadline = std::time::Instant::now() + builder.connect_timeout;
    loop {
        let found = metadata(client, context, builder)?;
        let counts = wanted.map(|(topic, _)| partitions(&found, topic));
        match counts {
            [requests, controls, dead] if requests > 0 && controls > 0 && dead > 0 => {
                return Ok((requests, controls));
            }
            _ if std::time::Instant::now() > deadline => {
                let lacking = wanted.iter().zip(counts).find(|(_, count)| *count == 0);
                let topic = lacking.map(|((topic, _), _)| (*topic).clone()).unwrap_or_default();
                return Err(ConnectError::Topic { topic, why: "it was created and can't be found".into() });
            }
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// What the brokers know of all topics. Asked for a single one they may create it.
fn metadata(
    client: &Client<impl ClientContext>,
    context: &Context,
    builder: &KafkaBuilder,
) -> Result<Metadata, ConnectError> {
    client.fetch_metadata(None, builder.connect_timeout).map_err(|error| {
        // That nobody answered is known; why stands in what was told before.
        let why = context.last_error().unwrap_or_else(|| error.to_string());
        ConnectError::Refused { url: builder.url.to_string(), why }
    })
}

pub(crate) fn partitions(metadata: &Metadata, topic: &str) -> i32 {
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    found.map_or(0, |found| i32::try_from(found.partitions().len()).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::BaseConsumer;

    use super::*;

    #[test]
    fn a_url_may_name_several_brokers_and_who_comes() {
        let brokers = Brokers::parse("kafkas://us%40er:p%2Fw@a:9092,b:9093/").unwrap();
        let expected = Brokers {
            list: "a:9092,b:9093".into(),
            encrypted: true,
            credentials: Some(("us@er".into(), "p/w".into())),
        };
        assert_eq!(brokers, expected);
        assert_eq!(Brokers::parse("KAFKA://[::1]:9092").unwrap().list, "[::1]:9092");
    }

    #[test]
    fn a_url_that_names_no_brokers_is_an_error_without_its_secrets() {
        for url in [
            "",
            "host:9092",
            "http://user:hunter2@host",
            "kafka://",
            "kafka://user:hunter2@a b",
            "kafka://a,,b",
            // Who comes is said once, before all of them.
            "kafka://user:hunter2@a,user:hunter2@b",
        ] {
            let error = config(&KafkaBuilder::new("a").url(url)).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("looks like") && !shown.contains("hunter2"), "{url}: {shown}");
        }
    }

    #[test]
    fn a_setting_that_is_not_taken_is_named_without_its_value() {
        for (name, value) in
            [("ssl.key.secret", "hunter2"), ("client.dns.lookup", "hunter2"), ("linger.ms", "hunter2")]
        {
            let config = config(&KafkaBuilder::new("a").setting(name, value)).unwrap();
            let error = unusable(&config.create::<BaseConsumer>().err().unwrap());
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(name) && !shown.contains("hunter2"), "{shown}");
        }
        let config = config(&KafkaBuilder::new("a").url("kafka://user:hunter2%00@a")).unwrap();
        let error = unusable(&config.create::<BaseConsumer>().err().unwrap());
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
