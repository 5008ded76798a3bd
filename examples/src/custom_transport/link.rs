//! The connections with Redis: made, watched, and made anew.
//!
//! There are three, because a command that waits holds up all that come behind it on the same connection. They live and
//! die together, which leaves only one state to tell of. (The client's own `ConnectionManager` reconnects, too. But it
//! tells nobody, and it goes on with a connection on which nothing is answered.)

use std::time::Duration;

use occamy_transport::{Connectivity, backoff};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, cmd};
use tokio::sync::watch;
use tokio::time::sleep;

use super::names::Names;

/// How long Redis may take to answer. Beyond that nobody is there.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is asked whether it is there.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The connections of one time. A clone is cheap, and the same connections.
#[derive(Clone)]
pub(super) struct Connections {
    /// The first are 1. Each time they are made anew it is one more.
    pub(super) epoch: u64,
    /// For what is answered at once.
    pub(super) commands: MultiplexedConnection,
    /// For waiting for requests.
    pub(super) requests: MultiplexedConnection,
    /// For waiting for control messages.
    pub(super) controls: MultiplexedConnection,
}

pub(super) struct Link {
    client: Client,
    names: Names,
    /// Whether the connections are any good.
    pub(super) connectivity: Connectivity,
    /// The last that were made.
    connections: watch::Sender<Connections>,
}

impl Link {
    /// Connects for the first time. Fails at once if that can't be.
    pub(super) async fn connect(client: Client, names: Names) -> RedisResult<Self> {
        let connections = watch::Sender::new(open(&client, &names, 1).await?);
        Ok(Self { client, names, connectivity: Connectivity::new(true), connections })
    }

    /// The connections, once there are any that are not known to be broken.
    pub(super) async fn connections(&self) -> Connections {
        self.connectivity.connected().await;
        self.connections.borrow().clone()
    }

    /// The connections, if there are any now.
    pub(super) fn now(&self) -> Option<Connections> {
        self.connectivity.is_connected().then(|| self.connections.borrow().clone())
    }

    /// Told when connections are made anew.
    pub(super) fn watch(&self) -> watch::Receiver<Connections> {
        self.connections.subscribe()
    }

    /// Looks at what came of a command. If the connection is to blame, all of them are given up.
    pub(super) fn check<T>(&self, used: &Connections, result: RedisResult<T>) -> RedisResult<T> {
        if result.as_ref().is_err_and(is_of_connection) && used.epoch == self.connections.borrow().epoch {
            self.connectivity.set(false);
        }
        result
    }

    /// Watches the connections, and makes them anew when they are lost. Never ends.
    pub(super) async fn keep(&self) {
        for epoch in 2.. {
            self.until_lost().await;
            // Also before the first try: perhaps Redis takes all connections, and ends each at once.
            for attempt in 1.. {
                sleep(backoff(attempt)).await;
                match open(&self.client, &self.names, epoch).await {
                    Ok(connections) => {
                        self.connections.send_replace(connections);
                        break;
                    }
                    Err(error) => tracing::debug!(%error, "Redis can't be reached"),
                }
            }
            self.connectivity.set(true);
        }
    }

    async fn until_lost(&self) {
        let connections = self.connections().await;
        while self.connectivity.is_connected() {
            tokio::select! {
                () = self.connectivity.lost() => return,
                () = sleep(HEARTBEAT) => {}
            }
            if let Err(error) = ping(&connections).await {
                tracing::warn!(%error, "Redis does not answer");
                self.connectivity.set(false);
            }
        }
    }
}

async fn open(client: &Client, names: &Names, epoch: u64) -> RedisResult<Connections> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let one = || client.get_multiplexed_async_connection_with_config(&config);
    let (commands, requests, controls) = tokio::try_join!(one(), one(), one())?;
    let connections = Connections { epoch, commands, requests, controls };
    create_group(names, &connections).await?;
    Ok(connections)
}

/// Creates what the service needs, unless it is there. Done anew each time, for Redis may have lost it.
pub(super) async fn create_group(names: &Names, connections: &Connections) -> RedisResult<()> {
    let mut create = cmd("XGROUP");
    create.arg("CREATE").arg(&names.requests).arg(&names.group);
    // From the beginning: requests may have been sent before there was a server.
    create.arg("0").arg("MKSTREAM");
    match create.exec_async(&mut connections.commands.clone()).await {
        Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
        created => created,
    }
}

async fn ping(connections: &Connections) -> RedisResult<()> {
    let ping = cmd("PING");
    let one = |connection: &MultiplexedConnection| {
        let (ping, mut connection) = (ping.clone(), connection.clone());
        async move { ping.exec_async(&mut connection).await }
    };
    let Connections { commands, requests, controls, .. } = connections;
    tokio::try_join!(one(commands), one(requests), one(controls))?;
    Ok(())
}

/// True if a connection is to blame for an error, and not what it was asked for.
pub(super) fn is_of_connection(error: &RedisError) -> bool {
    // No answer in time is an error of this kind, too.
    error.kind() == ErrorKind::Io || error.is_unrecoverable_error()
}

#[cfg(test)]
mod tests {
    use redis::ServerErrorKind;

    use super::*;

    #[test]
    fn no_answer_is_the_fault_of_the_connection_and_a_bad_answer_is_not() {
        let timeout = std::io::Error::from(std::io::ErrorKind::TimedOut);
        assert!(is_of_connection(&timeout.into()));
        let kind = ErrorKind::Server(ServerErrorKind::ResponseError);
        assert!(!is_of_connection(&(kind, "out of memory").into()));
    }
}
