//! What the kit asks of whoever wrote a transport: the one trait that a subject implements, and the words in it.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::{Publisher, Transport};
use occamy_core::{BoxFuture, Headers};

use super::client::Client;
use super::control;
use super::proxy::Mode;

/// Any error of a [`Subject`]. It ends up in the reason why a check failed.
pub type SubjectError = Box<dyn std::error::Error + Send + Sync>;

/// What a [`Subject`] is asked for, in time.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, SubjectError>>;

/// A transport under test, with its broker: everything that the kit has to be able to do with them.
///
/// Checks run side by side, so all of this is called from several threads at a time. Each check has a service of its own,
/// whose name is used once and consists of lower-case letters, digits and `-`.
pub trait Subject: Send + Sync + 'static {
    /// The name of the transport, for the headline: `nats`.
    fn name(&self) -> &str;

    /// The name of the broker, for the command that restarts it: that of the transport by default.
    fn broker(&self) -> &str {
        self.name()
    }

    /// Connects a server, as a program that serves this service would: the queues and streams of the service are created
    /// if they aren't there. The kit calls this on a tokio runtime, and drops the transport before the runtime.
    fn connect<'a>(&'a self, connection: &'a Connection) -> Answer<'a, Box<dyn Transport>>;

    /// Connects a client that is no server, and isn't disturbed when servers are.
    ///
    /// By default it is a transport of its own, of which only the publisher is used: right where a control message isn't
    /// kept for a transport whose streams nobody has asked for.
    fn client<'a>(&'a self, service: &'a str) -> Answer<'a, Box<dyn Publisher>> {
        Box::pin(async move {
            let connection = Connection::new(service, "client", self.lease(), self.address());
            Ok(Box::new(Client::new(self.connect(&connection).await?)) as Box<dyn Publisher>)
        })
    }

    /// The dead letters of this service so far, taken away: the next call gives what came since.
    fn take_dead_letters<'a>(&'a self, service: &'a str) -> Answer<'a, Vec<DeadLetter>>;

    /// Sends a message as a client would that knows nothing of us, with headers as bad as the broker takes: in the
    /// broker's own words, past the publisher of the transport. The body is to be sent as it is.
    ///
    /// True if the broker has taken it; false if no client can send such a thing to this broker.
    fn send_hostile<'a>(
        &'a self,
        service: &'a str,
        channel: Channel,
        hostility: Hostility,
        body: Bytes,
    ) -> Answer<'a, bool>;

    /// Removes what belongs to this service from the broker. Called when its check is over, whatever came of it.
    fn clean_up<'a>(&'a self, service: &'a str) -> Answer<'a, ()>;

    /// Where the real broker listens. The kit puts a [`Proxy`](super::Proxy) of its own before it for each server, and
    /// tells [`connect`](Self::connect) the proxy's address.
    ///
    /// `None`, which is the default, for a transport that doesn't speak over TCP, or whose servers can't be told another
    /// address: then the kit calls [`disturb`](Self::disturb).
    fn address(&self) -> Option<SocketAddr> {
        None
    }

    /// What the broker says of its own address, and what a server is to read instead, for one that is connected through the
    /// proxy at this address. Both are of as many bytes. `None` by default: few brokers tell their clients where to go.
    fn advertised(&self, proxy: SocketAddr) -> Option<(Vec<u8>, Vec<u8>)> {
        let _ = proxy;
        None
    }

    /// Does to the connection of this one server what a [`Proxy`](super::Proxy) in this mode would. Called only if there
    /// is no [`address`](Self::address).
    fn disturb(&self, connection: &Connection, mode: Mode) {
        let _ = (connection, mode);
    }

    /// True for a broker that lives in this process, so that a server in another one can't reach it. Then the kit calls
    /// [`vanish`](Self::vanish) instead of killing a process.
    fn in_process(&self) -> bool {
        false
    }

    /// Makes the broker see what it would if the process of this server was killed. Called only if the broker is
    /// [in this process](Self::in_process).
    fn vanish(&self, connection: &Connection) {
        let _ = connection;
    }

    /// Stops the broker of this service and starts it again, with what it had stored. Resolves when it answers again. No
    /// other check runs meanwhile.
    ///
    /// By default it runs what the environment variable `OCCAMY_BROKER_CONTROL` says, in a shell, with the word `restart`
    /// and the name of the [`broker`](Self::broker) behind it.
    fn restart_broker<'a>(&'a self, service: &'a str) -> Answer<'a, ()> {
        let _ = service;
        Box::pin(control::restart(self.broker()))
    }

    /// Tries to connect in a way that must be refused, until it is, or until it is clear that it isn't.
    fn connect_wrongly<'a>(&'a self, service: &'a str, misuse: &'a Misuse) -> Answer<'a, Refusal>;

    /// The largest body that the publisher takes, in bytes, if there are no headers.
    fn max_body(&self) -> usize;

    /// A lease as short as can be kept reliably on a busy machine: how long a request stays with a server that doesn't
    /// answer. 2 s by default. For brokers without leases: after what time they give up on a server.
    fn lease(&self) -> Duration {
        Duration::from_secs(2)
    }

    /// The clock by which transport and broker go. Real time by default.
    fn clock(&self) -> Clock {
        Clock::Real
    }

    /// How many requests the great check sends, in which everything goes wrong: 10,000 by default.
    fn requests(&self) -> usize {
        10_000
    }

    /// Why the check of this name can't be applied to this transport, if so. It is printed, and a reader will ask.
    fn not_applicable(&self, check: &str) -> Option<String> {
        let _ = check;
        None
    }
}

/// How a server is to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// The name of the service.
    pub service: String,
    /// The name of the server within the service.
    pub server: String,
    /// The lease to set, where that can be set for a service or a server.
    pub lease: Duration,
    /// The address to use, which is that of a proxy, if the subject has an [`address`](Subject::address).
    pub address: Option<SocketAddr>,
}

impl Connection {
    pub(super) fn new(
        service: impl Into<String>,
        server: impl Into<String>,
        lease: Duration,
        address: Option<SocketAddr>,
    ) -> Self {
        Self { service: service.into(), server: server.into(), lease, address }
    }
}

/// The two kinds of message that a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A request.
    Request,
    /// A control message.
    Control,
}

/// Headers that do harm to who isn't prepared. What they look like in its own words knows only the broker's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hostility {
    /// The names that have a meaning (`task-id`, `handler-id`, `X-Request-ID`, `occamy-attempt`) with values of other
    /// types, or that look like an encoded value and aren't one.
    WrongTypes,
    /// One value as long as the broker takes.
    LongValue,
    /// A name, if that can be, and a value that aren't UTF-8.
    InvalidUtf8,
    /// Lists or tables nested 500 deep.
    Nesting,
    /// 5,000 different names, or as many as the broker takes.
    ManyKeys,
    /// A value with a lone carriage return in it.
    BareCr,
}

impl Hostility {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::WrongTypes, Self::LongValue, Self::InvalidUtf8, Self::Nesting, Self::ManyKeys, Self::BareCr];
}

/// A request that failed for good, as it lies at the broker.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The headers, decoded, those of the [transport](occamy_core::transport::header) included.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

/// A way to connect that must be refused.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// With the right user, or none, and a password or token that is wrong. It must be seen nowhere.
    WrongPassword {
        /// The password.
        password: String,
    },
    /// By TLS, to a broker whose certificate is good, but for another host.
    WrongHostName,
    /// By TLS, to a broker whose certificate has expired.
    Expired,
    /// By TLS, to a broker whose certificate nobody has signed that is trusted.
    SelfSigned,
}

/// Hides the password.
impl std::fmt::Debug for Misuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::WrongPassword { .. } => "WrongPassword",
            Self::WrongHostName => "WrongHostName",
            Self::Expired => "Expired",
            Self::SelfSigned => "SelfSigned",
        })
    }
}

/// What came of a connection that had to be refused.
#[derive(Debug)]
pub struct Refusal {
    /// The error that the program was given. `None` if it was connected all the same.
    pub error: Option<SubjectError>,
    /// What a program might print: the `Debug` of the builder, of the URL, of the transport.
    pub shown: Vec<String>,
}

/// By which clock a transport and its broker go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// That of the system.
    Real,
    /// Tokio's, of the runtime on which they are used, so that it can be paused: for brokers within this process that
    /// use no threads.
    Tokio,
}
