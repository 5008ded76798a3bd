//! The brokers of one command: found or started when it begins, and ended with it if nobody else wants them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::broker::Broker;
use super::install::installed;
use super::process::ProcessId;
use super::pypi::CLIENTS;
use super::record::Record;
use super::shelf::{For, Shelf};
use super::{Options, answer};

/// Servers that are there as long as this value is.
pub(crate) struct Session {
    shelf: Shelf,
    user: ProcessId,
    held: Vec<Broker>,
    /// What tests and examples find the brokers by.
    pub(crate) variables: BTreeMap<&'static str, String>,
}

impl Session {
    pub(crate) fn begin(brokers: &[Broker], options: &Options) -> Result<Self> {
        let user = ProcessId::current()?;
        let shelf = Shelf::open()?;
        let mut session = Self { shelf, user, held: Vec::new(), variables: BTreeMap::new() };
        // Held before they are up: what fails halfway is put in order as well.
        session.held = brokers.to_vec();
        session.variables = bring_up(&session.shelf, brokers, options, &For::User(&session.user))?;
        Ok(session)
    }

    /// Adds what the tests at these brokers need besides, and says what can't be had.
    pub(crate) fn add_clients(&mut self, options: &Options) -> Result<()> {
        for client in clients(&self.shelf, &self.held, options) {
            let (variable, folder) = client?;
            self.variables.insert(variable, folder);
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for &broker in &self.held {
            if let Err(error) = self.shelf.leave(broker, &self.user) {
                eprintln!("{} could not be ended: {error:#}", broker.name());
            }
        }
    }
}

/// Brings these up side by side, and says which variables point at them. A URL in the environment comes before
/// everything else: then nothing is started.
pub(super) fn bring_up(
    shelf: &Shelf,
    brokers: &[Broker],
    options: &Options,
    whom: &For<'_>,
) -> Result<BTreeMap<&'static str, String>> {
    let up = |broker| match given(shelf, broker)? {
        Some(url) => {
            eprintln!("{}: the one that {} names", broker.name(), broker.variable());
            Ok((broker, Reached::Given(url)))
        }
        None => shelf.up(broker, options, whom).map(|record| {
            eprintln!("{}: {} answers at {}", broker.name(), record.version, record.url());
            (broker, Reached::Ours(Box::new(record)))
        }),
    };
    let reached: Vec<Result<(Broker, Reached)>> = std::thread::scope(|scope| {
        let threads: Vec<_> = brokers.iter().map(|&broker| scope.spawn(move || up(broker))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("panicked")))).collect()
    });

    let (reached, failed): (Vec<_>, Vec<_>) = reached.into_iter().partition(Result::is_ok);
    let failed: Vec<String> = failed.into_iter().filter_map(Result::err).map(|e| format!("{e:#}")).collect();
    if !failed.is_empty() {
        return Err(anyhow!("{}", failed.join("\n")));
    }
    variables(reached.into_iter().flatten())
}

/// The variables that point at clients which are not ours, by which tests speak with these brokers.
pub(super) fn clients(
    shelf: &Shelf,
    brokers: &[Broker],
    options: &Options,
) -> impl Iterator<Item = Result<(&'static str, String)>> {
    CLIENTS.iter().filter(|client| brokers.contains(&client.broker)).map(|client| {
        let given = std::env::var(client.variable).ok().filter(|folder| Path::new(folder).is_dir());
        let folder = match given {
            Some(folder) => folder,
            None => path(shelf.client(client, options).with_context(|| {
                let (package, broker) = (client.package.name, client.broker.name());
                format!("{package}, a client of {broker} in Python, can't be had")
            })?)?,
        };
        Ok((client.variable, folder))
    })
}

enum Reached {
    Given(String),
    Ours(Box<Record>),
}

fn variables(reached: impl Iterator<Item = (Broker, Reached)>) -> Result<BTreeMap<&'static str, String>> {
    let mut variables = BTreeMap::new();
    for (broker, reached) in reached {
        let (url, program) = match reached {
            Reached::Given(url) => (url, server_program(broker).and_then(|(_, name)| installed(name).ok())),
            Reached::Ours(record) => {
                variables.insert("OCCAMY_BROKER_CONTROL", control()?);
                if let (Broker::Kafka, Some(address)) = (broker, record.sasl()) {
                    variables.insert("OCCAMY_KAFKA_SASL", address);
                }
                (record.url(), Some(record.program))
            }
        };
        variables.insert(broker.variable(), url);
        if let (Some((variable, _)), Some(program)) = (server_program(broker), program) {
            variables.insert(variable, path(program)?);
        }
    }
    Ok(variables)
}

/// For tests that start a server of their own, with other settings: the variable that names the program, and what it is
/// called where it is installed.
fn server_program(broker: Broker) -> Option<(&'static str, &'static str)> {
    match broker {
        Broker::Nats => Some(("OCCAMY_NATS_SERVER", "nats-server")),
        Broker::Redis => Some(("OCCAMY_REDIS_SERVER", "redis-server")),
        Broker::RabbitMq | Broker::Kafka => None,
    }
}

/// The start of a shell command, to which `stop`, `start` or `restart` and a broker's name are added.
fn control() -> Result<String> {
    let this = path(std::env::current_exe().context("find this program")?)?;
    // So Linux says when a build has put another one in its place, which does as well.
    let this = this.strip_suffix(" (deleted)").unwrap_or(&this);
    Ok(shell_words::join([this, "brokers"]))
}

fn path(path: PathBuf) -> Result<String> {
    path.into_os_string().into_string().map_err(|it| anyhow!("{} is not valid UTF-8", it.display()))
}

/// A URL from the environment that is not of a server of ours: those stay ours though a shell has evaluated what `up`
/// printed.
fn given(shelf: &Shelf, broker: Broker) -> Result<Option<String>> {
    let Ok(url) = std::env::var(broker.variable()) else { return Ok(None) };
    let ours = shelf.record(broker)?.is_some_and(|record| record.url() == url);
    if ours || url.is_empty() {
        return Ok(None);
    }
    if let Some(port) = broker.port(&url)
        && !answer::accepts(port)
    {
        // As `up` printed it before a `down`, most likely.
        bail!(
            "{}: nobody answers at {url}: start that broker, or unset {}",
            broker.name(),
            broker.variable()
        );
    }
    Ok(Some(url))
}
