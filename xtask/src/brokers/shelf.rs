//! The private servers of this checkout: one of each broker at most, each in a folder of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

use super::broker::Broker;
use super::process::{ProcessId, end_all};
use super::pypi::Client;
use super::record::{Record, Standing};
use super::source::{self, Found};
use super::{Options, answer, kafka, nats, ports, rabbitmq, redis};
use crate::interrupt;

/// How long a server may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a server may take until it answers, on a machine that is busy with other things.
const UP_WITHIN: Duration = Duration::from_secs(120);

/// For whom a server is brought up.
pub(super) enum For<'a> {
    /// Whoever will call `down`.
    Good,
    /// This command, until it ends.
    User(&'a ProcessId),
}

pub(super) struct Shelf {
    root: PathBuf,
}

impl Shelf {
    /// In the folder that Cargo builds in.
    pub(super) fn open() -> Result<Self> {
        let manifest = crate::workspace_root().join("Cargo.toml");
        let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec();
        let root = metadata.context("cargo metadata")?.target_directory.join("brokers").into_std_path_buf();
        std::fs::create_dir_all(&root).with_context(|| format!("make {}", root.display()))?;
        Ok(Self { root })
    }

    /// Finds the server running, or starts it.
    pub(super) fn up(&self, broker: Broker, options: &Options, whom: &For<'_>) -> Result<Record> {
        let _lock = self.lock(broker)?;
        let mut record = match self.record(broker)? {
            Some(record) if record.standing() != Standing::Stale => {
                if options.from.is_some_and(|from| from != record.source) {
                    bail!(
                        "{} is there from another source, {}: `cargo xtask brokers down {0}` first",
                        broker.name(),
                        record.source
                    );
                }
                self.started(record)?
            }
            _ => {
                self.clear(broker)?;
                self.fresh(broker, &source::find(broker, options, &self.downloads())?)?
            }
        };
        match whom {
            For::Good => record.until_down = true,
            For::User(user) => record.users.push((*user).clone()),
        }
        self.write(&record)?;
        Ok(record)
    }

    /// Says that this command needs the server no more. Ends it, if nobody else does.
    pub(super) fn leave(&self, broker: Broker, user: &ProcessId) -> Result<()> {
        let _lock = self.lock(broker)?;
        let Some(mut record) = self.record(broker)? else { return Ok(()) };
        if record.leave(user) { self.clear(broker) } else { self.write(&record) }
    }

    /// Ends the server and removes its data. Whether there was any.
    pub(super) fn down(&self, broker: Broker) -> Result<bool> {
        let _lock = self.lock(broker)?;
        let was = self.folder(broker).exists();
        self.clear(broker)?;
        Ok(was)
    }

    /// Stops a server that runs, keeping port and data. Returns when it is gone.
    pub(super) fn stop(&self, broker: Broker) -> Result<()> {
        let _lock = self.lock(broker)?;
        let mut record = self.present(broker)?;
        // Before it is done: a crash in between leaves a server that the next start ends and replaces.
        record.stopped = true;
        self.write(&record)?;
        end_all(&self.folder(broker), &record.processes, PATIENCE)?;
        record.processes.clear();
        self.write(&record)
    }

    /// Starts a server that was stopped, on the same port and data. Returns when it answers.
    pub(super) fn start(&self, broker: Broker) -> Result<()> {
        let _lock = self.lock(broker)?;
        self.started(self.present(broker)?)?;
        Ok(())
    }

    pub(super) fn record(&self, broker: Broker) -> Result<Option<Record>> {
        Record::read(&self.file(broker))
    }

    pub(super) fn log(&self, broker: Broker) -> PathBuf {
        self.folder(broker).join("server.log")
    }

    fn present(&self, broker: Broker) -> Result<Record> {
        let record = self.record(broker)?;
        record.with_context(|| format!("no {0} is up: `cargo xtask brokers up {0}`", broker.name()))
    }

    /// A server on ports and in a folder that nobody used before.
    fn fresh(&self, broker: Broker, found: &Found) -> Result<Record> {
        eprintln!("{}: starting {} ({})", broker.name(), found.program.display(), found.source);
        let count = match broker {
            Broker::Nats | Broker::Redis => 1,
            Broker::RabbitMq => rabbitmq::PORTS,
            Broker::Kafka => kafka::PORTS,
        };
        let record = |ports| Record {
            broker,
            source: found.source,
            program: found.program.clone(),
            version: String::new(),
            ports,
            since: SystemTime::now(),
            processes: Vec::new(),
            stopped: false,
            until_down: false,
            users: Vec::new(),
        };
        let mut launched = self.launch(record(ports::free(count)?));
        // Between finding a port free and using it, somebody else may: other ports, then.
        if launched.is_err() && self.found_a_port_taken(broker) {
            self.clear(broker)?;
            launched = self.launch(record(ports::free(count)?));
        }
        launched.inspect_err(|_| {
            // What failed says why already; its leftovers are found by the next command, too.
            let _ = self.clear(broker);
        })
    }

    fn found_a_port_taken(&self, broker: Broker) -> bool {
        let log = std::fs::read(self.log(broker)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).to_lowercase();
        ["address already in use", "eaddrinuse"].iter().any(|words| log.contains(words))
    }

    /// The server of the record, running: started if it is stopped, or gone though it should not be.
    fn started(&self, mut record: Record) -> Result<Record> {
        if record.standing() == Standing::Runs {
            return Ok(record);
        }
        end_all(&self.folder(record.broker), &record.processes, PATIENCE)?;
        record.processes.clear();
        record.stopped = false;
        record.since = SystemTime::now();
        self.launch(record)
    }

    fn launch(&self, mut record: Record) -> Result<Record> {
        let broker = record.broker;
        let folder = self.folder(broker);
        let log = self.log(broker);
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        // What an earlier server of this record wrote would say that this one is ready.
        std::fs::write(&log, "").context("empty the log")?;
        self.write(&record)?;

        let programs = match broker {
            Broker::Nats => vec![nats::server(&record.program, &folder, &record.ports)],
            Broker::RabbitMq => rabbitmq::servers(&record.program, &folder, &record.ports)?,
            Broker::Kafka => vec![kafka::server(&record.program, &folder, &record.ports, &log)?],
            Broker::Redis => vec![redis::server(&record.program, &folder, &record.ports)?],
        };
        let answered = programs.iter().try_for_each(|program| {
            record.processes.insert(0, program.start(&folder, &log)?);
            self.write(&record)
        });
        match answered.and_then(|()| answering(&record, &log)) {
            Ok(version) => record.version = version,
            Err(error) => {
                let said = last_lines(&log);
                end_all(&folder, &record.processes, PATIENCE)?;
                return Err(error.context(format!("{} does not start; it wrote:\n{said}", broker.name())));
            }
        }
        self.write(&record)?;
        Ok(record)
    }

    fn clear(&self, broker: Broker) -> Result<()> {
        let folder = self.folder(broker);
        let known = self.record(broker)?.map(|record| record.processes).unwrap_or_default();
        end_all(&folder, &known, PATIENCE)?;
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
        }
        Ok(())
    }

    /// Held while a server is brought up or down, so that two commands at once do not both do it.
    fn lock(&self, broker: Broker) -> Result<File> {
        let path = self.root.join(format!("{}.lock", broker.name()));
        let file = File::create(&path).with_context(|| format!("open {}", path.display()))?;
        file.lock().with_context(|| format!("lock {}", path.display()))?;
        Ok(file)
    }

    fn write(&self, record: &Record) -> Result<()> {
        record.write(&self.file(record.broker))
    }

    /// The folder of a client in Python.
    pub(super) fn client(&self, client: &Client, options: &Options) -> Result<PathBuf> {
        let _lock = self.lock(client.broker)?;
        client.package.folder(options, &self.downloads())
    }

    fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    fn folder(&self, broker: Broker) -> PathBuf {
        self.root.join(broker.name())
    }

    fn file(&self, broker: Broker) -> PathBuf {
        self.folder(broker).join("server.json")
    }
}

/// Waits until the server answers, and tells its version.
fn answering(record: &Record, log: &Path) -> Result<String> {
    let port = record.port();
    let version = || match record.broker {
        Broker::Nats => answer::nats(port),
        Broker::RabbitMq => {
            answer::amqp(port).then(|| rabbitmq::version(&std::fs::read_to_string(log).unwrap_or_default()))
        }
        Broker::Kafka => answer::kafka(port, log).then(|| kafka::VERSION.to_owned()),
        Broker::Redis => answer::redis(port),
    };
    let began = Instant::now();
    loop {
        // Only while all of it runs: another's server may answer at the port.
        if record.standing() != Standing::Runs {
            bail!("it ended");
        }
        if let Some(version) = version() {
            return Ok(version);
        }
        if interrupt::was_asked() {
            bail!("interrupted");
        }
        if began.elapsed() > UP_WITHIN {
            bail!("no answer on port {port} for {} s", UP_WITHIN.as_secs());
        }
        std::thread::sleep(Duration::from_millis(25));
    }
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
