//! `cargo xtask brokers`: private real brokers on this machine, for tests and local work.

mod answer;
mod broker;
pub(crate) mod install;
mod kafka;
mod nats;
mod ports;
mod process;
pub(crate) mod pypi;
mod rabbitmq;
mod record;
mod redis;
mod session;
mod shelf;
mod source;

use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};

pub(crate) use broker::Broker;
pub(crate) use install::{apt, installed};
use record::Standing;
pub(crate) use session::Session;
use shelf::{For, Shelf};
pub(crate) use source::Source;

use crate::interrupt;

/// Start and stop private real brokers, for tests and local work.
///
/// They listen on loopback, on ports of their own, keep their data below target/brokers, and know nothing of any other
/// broker on the machine. A URL in OCCAMY_NATS_URL, OCCAMY_AMQP_URL, OCCAMY_KAFKA_URL or OCCAMY_REDIS_URL comes before
/// all: then nothing is started. xtask/src/brokers/compose.yaml has them for Docker.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start them, or find them running. Prints shell lines for `eval` that set the variables which point at them.
    /// They go on until `down`.
    Up {
        /// All, if none is named.
        #[arg(value_name = "BROKER")]
        brokers: Vec<Broker>,
        #[command(flatten)]
        options: Options,
    },
    /// Stop what `up` started, and remove its data.
    Down {
        /// All, if none is named.
        #[arg(value_name = "BROKER")]
        brokers: Vec<Broker>,
    },
    /// Say which run, where and since when. Fails if one of them does not run.
    Status {
        /// All that are up, if none is named; then it fails if there is none.
        #[arg(value_name = "BROKER")]
        brokers: Vec<Broker>,
    },
    /// Stop one with SIGTERM, and wait until it is gone. It keeps its port and its data.
    Stop { broker: Broker },
    /// Start one that was stopped, and wait until it answers.
    Start { broker: Broker },
    /// Stop one, and start it again.
    Restart { broker: Broker },
}

/// How a broker may be had.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Options {
    /// Install by apt what is missing. Needs root. (Where the variable CI is set, root does so without being told.)
    #[arg(long)]
    pub(crate) install: bool,
    /// Take the server from here only, instead of from the first place that has it.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) from: Option<Source>,
}

/// Runs the command.
#[allow(clippy::print_stdout, reason = "the shell lines are for standard output")]
pub(crate) fn run(args: &Args) -> Result<()> {
    let _watch = interrupt::watch()?;
    let shelf = Shelf::open()?;
    match &args.command {
        Command::Up { brokers, options } => {
            let brokers = or_all(brokers);
            let mut variables = session::bring_up(&shelf, &brokers, options, &For::Good)?;
            for client in session::clients(&shelf, &brokers, options) {
                match client {
                    Ok((variable, folder)) => drop(variables.insert(variable, folder)),
                    // Who wants a broker need not want Python.
                    Err(error) => eprintln!("{error:#}; the test that needs it will be skipped"),
                }
            }
            for (name, value) in variables {
                println!("export {name}={}", shell_words::quote(&value));
            }
            Ok(())
        }
        Command::Down { brokers } => {
            for broker in or_all(brokers) {
                if shelf.down(broker)? {
                    eprintln!("{}: ended, and its data removed", broker.name());
                }
            }
            Ok(())
        }
        Command::Status { brokers } => status(&shelf, brokers),
        Command::Stop { broker } => shelf.stop(*broker),
        Command::Start { broker } => shelf.start(*broker),
        Command::Restart { broker } => shelf.stop(*broker).and_then(|()| shelf.start(*broker)),
    }
}

fn or_all(brokers: &[Broker]) -> Vec<Broker> {
    if brokers.is_empty() { Broker::value_variants().to_vec() } else { brokers.to_vec() }
}

fn status(shelf: &Shelf, wanted: &[Broker]) -> Result<()> {
    let mut running = 0;
    let mut lacking = Vec::new();
    for broker in or_all(wanted) {
        let name = broker.name();
        let record = shelf.record(broker)?;
        let standing = record.as_ref().map(record::Record::standing);
        match (&record, standing) {
            (Some(record), Some(Standing::Runs)) => {
                running += 1;
                let time = record.since.elapsed().unwrap_or_default();
                println!(
                    "{name:<8} runs at {} for {}: {} ({}), process {}, log {}",
                    record.url(),
                    humantime::format_duration(Duration::from_secs(time.as_secs())),
                    record.version,
                    record.source,
                    record.processes[0].pid(),
                    shelf.log(broker).display(),
                );
            }
            (Some(_), Some(Standing::Stopped)) => {
                println!("{name:<8} is stopped; `cargo xtask brokers start {name}` starts it again");
                lacking.push(name);
            }
            (Some(_), _) => {
                println!("{name:<8} ended by itself; `down` clears what it left, `up` does so as well");
                lacking.push(name);
            }
            (None, _) => {
                println!("{name:<8} is not up");
                if wanted.contains(&broker) {
                    lacking.push(name);
                }
            }
        }
    }
    match &lacking[..] {
        [] if running > 0 => Ok(()),
        [] => bail!("no broker runs"),
        _ => bail!("not running: {}", lacking.join(", ")),
    }
}
