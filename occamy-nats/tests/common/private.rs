//! A server of a test's own, with settings of its own.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A server, which ends when this is dropped.
pub(crate) struct Private {
    folder: TempDir,
    port: u16,
    _process: Child,
}

impl Private {
    /// Starts one on a free port, with JetStream and with these lines of configuration, for which files may be written
    /// to the folder.
    pub(crate) async fn start(
        program: &str,
        settings: impl FnOnce(&TempDir) -> Result<String, Box<dyn Error + Send + Sync>>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let config = format!(
            "host: 127.0.0.1\nport: -1\nports_file_dir: {:?}\njetstream {{ store_dir: {:?} }}\n{}\n",
            folder.path(),
            path("data"),
            settings(&folder)?
        );
        std::fs::write(path("nats.conf"), config)?;
        let mut process = Command::new(program);
        process.arg("-c").arg(path("nats.conf")).arg("-l").arg(path("log")).kill_on_drop(true);
        let mut process = process.spawn()?;
        let port = loop {
            if let Some(port) = port(&folder)? {
                break port;
            }
            if let Some(status) = process.try_wait()? {
                let log = std::fs::read_to_string(path("log")).unwrap_or_default();
                return Err(format!("the server has ended with {status}: {log}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        Ok(Self { folder, port, _process: process })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// From the file that the server writes when it listens.
fn port(folder: &TempDir) -> std::io::Result<Option<u16>> {
    for entry in std::fs::read_dir(folder.path())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ports") {
            // Half written, it can't be understood.
            let Ok(ports) = serde_json::from_slice::<serde_json::Value>(&std::fs::read(path)?) else {
                continue;
            };
            let url = ports["nats"][0].as_str().or(ports["tls"][0].as_str()).unwrap_or_default();
            return Ok(url.rsplit(':').next().and_then(|port| port.parse().ok()));
        }
    }
    Ok(None)
}
