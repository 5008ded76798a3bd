//! One client with all that a server has on it: its consumer, its pulls, and its subscription to control messages.

use async_nats::jetstream::Context;
use async_nats::{Client, Event, Subscriber};
use occamy_core::{Error, ErrorKind};
use tokio::sync::mpsc;

use crate::builder::NatsBuilder;
use crate::connect::{self, ConnectError, Connected};
use crate::link::{context, fence};
use crate::pulls::Pulls;
use crate::setup::{SetupError, Streams, set_up};

/// What lives and dies with a client. As a rule that is as long as the transport: a client makes its connection anew by
/// itself, and only headers that it can't read, or a server that no longer lets us in, are the end of it.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) context: Context,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) controls: Subscriber,
    pub(crate) pulls: Pulls,
}

impl Session {
    pub(crate) async fn open(builder: &NatsBuilder, streams: Streams) -> Result<Self, ConnectError> {
        let Connected { client, events } = connect::connect(builder).await?;
        let context = context(builder, client.clone());
        let consumer = set_up(&context, builder, streams).await?;
        let broker = |source| SetupError::Broker { what: "a subscription".into(), source };
        let controls = client.subscribe(builder.names.control_subject.clone()).await;
        let controls = controls.map_err(|error| broker(error.into()))?;
        let pulls = Pulls::open(&client, consumer).await.map_err(|error| broker(error.into()))?;
        // From here on no control message passes us by.
        let fenced = fence(&client, builder.connect_timeout).await;
        fenced.map_err(|error| SetupError::Broker {
            what: "an answer to a message to an inbox, for which the documentation lists the permissions,"
                .into(),
            source: error.into(),
        })?;
        Ok(Self { client, context, events, controls, pulls })
    }
}

/// What a server is told of a connection that can't be had.
pub(crate) fn as_error(error: ConnectError) -> Error {
    Error::new(ErrorKind::UnknownTask, error.to_string()).with_source(error)
}
