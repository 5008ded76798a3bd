//! What is written down of a private server, so that a later command finds it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::broker::Broker;
use super::process::ProcessId;
use super::source::Source;

/// A server of ours. It is written before the server is started, and again when it is known which processes it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) broker: Broker,
    pub(super) source: Source,
    pub(super) program: PathBuf,
    pub(super) version: String,
    /// The one that clients use, then those that the broker needs besides.
    pub(super) ports: Vec<u16>,
    pub(super) since: SystemTime,
    /// The server, then what it needs: ended in this order.
    pub(super) processes: Vec<ProcessId>,
    /// Stopped by word of command: its data is kept, and it can be started again.
    pub(super) stopped: bool,
    /// It goes on until `down`. Otherwise it ends with the last of its users.
    pub(super) until_down: bool,
    /// Commands that need it now.
    pub(super) users: Vec<ProcessId>,
}

/// What a record is worth now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Runs,
    Stopped,
    /// The server is gone by itself, or was never known to be up: killed, a reboot, a command that died on the way.
    Stale,
}

impl Record {
    pub(super) fn standing(&self) -> Standing {
        if self.stopped {
            Standing::Stopped
        } else if !self.processes.is_empty() && self.processes.iter().all(ProcessId::is_alive) {
            Standing::Runs
        } else {
            Standing::Stale
        }
    }

    pub(super) fn url(&self) -> String {
        self.broker.url(self.port())
    }

    pub(super) fn port(&self) -> u16 {
        self.ports[0]
    }

    /// Where a node of Kafka listens for clients that have to say who they are.
    pub(super) fn sasl(&self) -> Option<String> {
        self.ports.get(2).map(|port| format!("127.0.0.1:{port}"))
    }

    /// Whether nobody needs the server any more once `leaving` is gone. Users that died are gone, too.
    pub(super) fn leave(&mut self, leaving: &ProcessId) -> bool {
        self.users.retain(|user| user != leaving && user.is_alive());
        self.users.is_empty() && !self.until_down
    }

    /// None also for a file that is not what we write: it can only be a leftover of another version, and what runs for
    /// its folder is found without it.
    pub(super) fn read(file: &Path) -> Result<Option<Self>> {
        match std::fs::read(file) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok().filter(|it: &Self| !it.ports.is_empty())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", file.display())),
        }
    }

    /// All of it or nothing, also if the machine dies halfway.
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).context("write a server down")?;
        let draft = file.with_extension("new");
        std::fs::write(&draft, text).with_context(|| format!("write {}", draft.display()))?;
        std::fs::rename(&draft, file).with_context(|| format!("write {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            broker: Broker::RabbitMq,
            source: Source::Installed,
            program: "/usr/sbin/rabbitmq-server".into(),
            version: "3.10.8".to_owned(),
            ports: vec![20_001, 20_002],
            since: SystemTime::UNIX_EPOCH,
            processes: vec![ProcessId::current().unwrap()],
            stopped: false,
            until_down: false,
            users: Vec::new(),
        }
    }

    /// Such a process was, and is not.
    fn dead() -> ProcessId {
        serde_json::from_str(r#"{"pid": 1, "started": 1, "boot": "before"}"#).unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.json");
        assert_eq!(Record::read(&file).unwrap(), None);
        record().write(&file).unwrap();
        assert_eq!(Record::read(&file).unwrap(), Some(record()));
    }

    #[test]
    fn half_a_file_is_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.json");
        std::fs::write(&file, r#"{"broker": "nats", "por"#).unwrap();
        assert_eq!(Record::read(&file).unwrap(), None);
    }

    #[test]
    fn a_record_is_stale_if_any_process_is_gone_or_none_was_written() {
        assert_eq!(record().standing(), Standing::Runs);
        assert_eq!(Record { stopped: true, ..record() }.standing(), Standing::Stopped);
        assert_eq!(Record { processes: Vec::new(), ..record() }.standing(), Standing::Stale);
        let mut half = record();
        half.processes.push(dead());
        assert_eq!(half.standing(), Standing::Stale);
    }

    #[test]
    fn the_last_user_ends_a_server_that_nobody_brought_up_to_stay() {
        let us = ProcessId::current().unwrap();
        let users = vec![us.clone(), dead()];
        assert!(Record { users: users.clone(), ..record() }.leave(&us));
        assert!(!Record { users: users.clone(), until_down: true, ..record() }.leave(&us));
        assert!(!Record { users, ..record() }.leave(&dead()));
    }
}
