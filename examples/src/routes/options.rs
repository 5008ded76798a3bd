//! The options of the program.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};

use crate::arguments;
use crate::broker::{Broker, BrokerError};
use crate::tsp::Instance;

/// Solves travelling-salesman instances on servers that fill every spare slot with assistants
///
/// Servers and client are in one process, or with a broker that others reach, in as many as you like: some with --role
/// server, which serve until a signal, and some with --role client, which send requests and collect the results. Each process
/// takes only the options that concern its role. Instances go with the requests.
#[derive(Clone, Debug, Parser)]
#[command(name = "routes", version, after_long_help = EXIT)]
pub struct Options {
    /// Where messages go: a URL, whose scheme picks the transport, such as nats://127.0.0.1:4222,
    /// amqp://127.0.0.1:5672 or kafka://127.0.0.1:9092. memory: is a broker within this process
    #[arg(long, value_name = "URL", default_value = "memory:")]
    pub broker: Broker,
    /// What this process is
    #[arg(long, value_enum, default_value_t = Role::Both)]
    pub role: Role,
    /// The name of the service, which its servers and clients share
    #[arg(long, value_name = "NAME", default_value = "routes", value_parser = arguments::name)]
    pub service: String,
    /// An instance in TSPLIB's format; may be given several times. Requests take turns [default: the three shipped]
    #[arg(long, value_name = "FILE")]
    pub instance: Vec<PathBuf>,
    /// How many servers this process has [default: 3, and 1 with --role server]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub servers: Option<u16>,
    /// How many tasks run side by side on each server
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub slots: u16,
    /// How many requests are sent
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub requests: u16,
    /// The pause between two requests, in seconds
    #[arg(long, default_value = "3", value_parser = seconds)]
    pub interval: Duration,
    /// For how long each request is worked on, in seconds; it ends sooner if it finds a known optimum
    #[arg(long, default_value = "4", value_parser = seconds)]
    pub seconds: Duration,
    /// How long the client goes without any news before it ends without the results that are missing, in seconds
    #[arg(long, default_value = "60", value_parser = seconds)]
    pub patience: Duration,
    /// What the random choices follow from. Threads still race, so two runs differ a little
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Run without assistants and offers
    #[arg(long, conflicts_with = "compare")]
    pub no_expansion: bool,
    /// Run with and without assistants for three seeds each, and print the difference
    #[arg(long)]
    pub compare: bool,
    /// Print the results as JSON, and nothing else
    #[arg(long)]
    pub json: bool,
    /// Show metrics, health and the live page of the servers at this address, such as 127.0.0.1:9464. Whoever reaches it may
    /// look [default: nowhere]
    #[arg(long, value_name = "ADDR", conflicts_with = "compare")]
    pub http: Option<SocketAddr>,
    /// The folder for the pictures
    #[arg(long, value_name = "FOLDER", default_value = "target/routes")]
    pub out: PathBuf,
}

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Role {
    /// Servers, until a signal
    Server,
    /// A client, until it has its results
    Client,
    /// Servers and a client, until it has its results
    Both,
}

const EXIT: &str = "\
Exit status: 0 when every request has its result, or when a signal ended servers that have no client here; 1 if a result is
missing, or if something else failed; 2 for wrong options; 130 when SIGTERM or Ctrl-C ended the client.";

/// An instance as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) text: Bytes,
    pub(super) instance: Instance,
}

impl Options {
    /// Reads the arguments of the program, its own name first.
    ///
    /// # Errors
    ///
    /// If they make no sense, or ask for help. The error shows no password.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let options: Self = arguments::read(arguments)?;
        match options.contradiction() {
            Some(contradiction) => Err(Self::command().error(ErrorKind::ArgumentConflict, contradiction)),
            None => Ok(options),
        }
    }

    fn contradiction(&self) -> Option<String> {
        let alone = self.role != Role::Both;
        if alone && self.broker == Broker::Memory {
            return Some(format!(
                "--role server and --role client need a --broker: {}",
                BrokerError::NotShared
            ));
        }
        if alone && self.compare {
            return Some("--compare needs --role both, since it compares what servers and client do".into());
        }
        let idle = self.role == Role::Client;
        let of_servers = [("--servers", self.servers.is_some()), ("--http", self.http.is_some())];
        let (option, _) = of_servers.into_iter().find(|(_, given)| idle && *given)?;
        Some(format!("{option}: there are no servers with --role client"))
    }

    /// How many servers this process is to have.
    pub(super) fn servers(&self) -> u16 {
        self.servers.unwrap_or(match self.role {
            Role::Both => 3,
            // Others are started as processes of their own.
            Role::Server => 1,
            Role::Client => 0,
        })
    }

    /// Reads the instances.
    pub(super) fn sources(&self) -> anyhow::Result<Vec<Source>> {
        let shipped = ["gr666", "att532", "pcb442"].map(|name| data().join(name).with_extension("tsp"));
        let paths = if self.instance.is_empty() { &shipped[..] } else { &self.instance };
        paths.iter().map(|path| read(path)).collect()
    }
}

fn read(path: &Path) -> anyhow::Result<Source> {
    let text = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    let instance = Instance::read(path).with_context(|| format!("{} can't be solved", path.display()))?;
    Ok(Source { text: text.into(), instance })
}

/// The folder of the shipped instances.
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err("expected 0 to 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Options, String> {
        let read = Options::read(["routes"].iter().chain(arguments).map(OsString::from));
        read.map_err(|error| {
            assert_eq!(error.exit_code(), 2, "{error}");
            format!("{error} {error:?}")
        })
    }

    #[test]
    fn the_options_are_sound() {
        Options::command().debug_assert();
        assert_eq!(read(&[]).unwrap().servers(), 3);
    }

    #[test]
    fn a_role_alone_needs_a_broker_that_others_reach() {
        for role in ["server", "client"] {
            let error = read(&["--role", role]).unwrap_err();
            assert!(error.contains("--broker") && error.contains("within one process"), "{error}");
        }
    }

    #[test]
    fn no_error_shows_a_password() {
        for url in ["pigeon://user:secret@coop", "memory://user:secret@host", "user:secret@host"] {
            let error = read(&["--broker", url]).unwrap_err();
            assert!(
                error.contains("the schemes are memory:") || error.contains("nothing may follow"),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
