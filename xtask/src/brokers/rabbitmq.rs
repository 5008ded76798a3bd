//! RabbitMQ: where its server comes from, and how it is started, beside any other on the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Options;
use super::install::installed;
use super::process::Program;
use super::source::{Source, installed_or_apt};

/// For clients, between nodes, and for the daemon that knows where the nodes are.
pub(super) const PORTS: usize = 3;

pub(super) fn program(source: Source, options: &Options) -> Result<PathBuf> {
    installed_or_apt(source, options, server_script, "rabbitmq-server")
}

/// Not Debian's wrapper, if it can be helped: that one insists on the user rabbitmq, who can't read our folder.
fn server_script() -> Result<PathBuf> {
    let debian = Path::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
    if debian.exists() { Ok(debian.to_owned()) } else { installed("rabbitmq-server") }
}

/// The daemon first: a node that finds none starts one that outlives it.
pub(super) fn servers(program: &Path, folder: &Path, ports: &[u16]) -> Result<Vec<Program>> {
    let &[port, between, epmd] = ports else { anyhow::bail!("RabbitMQ needs {PORTS} ports") };

    let plugins = folder.join("plugins");
    std::fs::write(&plugins, "[].").context("write RabbitMQ's list of plugins")?;
    let config = folder.join("rabbitmq.conf");
    // A test's data is small, and a full disk is not what it is about.
    let settings = format!("listeners.tcp.1 = 127.0.0.1:{port}\ndisk_free_limit.absolute = 50MB\n");
    std::fs::write(&config, settings).context("write RabbitMQ's configuration")?;

    let inside = |name: &str| folder.join(name).display().to_string();
    let variables = BTreeMap::from([
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("ERL_EPMD_PORT", epmd.to_string()),
        // The secret that nodes share lies there: not the user's own.
        ("HOME", folder.display().to_string()),
        // With these two the script becomes the server itself, instead of its keeper.
        ("RABBITMQ_ALLOW_INPUT", "1".to_owned()),
        ("RABBITMQ_SERVER_START_ARGS", "-noinput".to_owned()),
        ("RABBITMQ_CONF_ENV_FILE", inside("rabbitmq-env.conf")),
        ("RABBITMQ_CONFIG_FILE", config.display().to_string()),
        ("RABBITMQ_DIST_PORT", between.to_string()),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", plugins.display().to_string()),
        ("RABBITMQ_LOG_BASE", inside("log")),
        // Where the server's own log goes besides what it writes to its standard output.
        ("RABBITMQ_LOGS", "-".to_owned()),
        ("RABBITMQ_MNESIA_BASE", inside("data")),
        // The port makes the name differ from every other node's on this machine.
        ("RABBITMQ_NODENAME", format!("occamy{port}@localhost")),
        ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODE_PORT", port.to_string()),
        ("RABBITMQ_PID_FILE", inside("pid")),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}".to_owned()),
    ]);
    let epmd = Program { path: epmd_program()?, variables: variables.clone(), ..Program::default() };
    let server = Program { path: program.to_owned(), variables, ..Program::default() };
    Ok(vec![epmd, server])
}

fn epmd_program() -> Result<PathBuf> {
    installed("epmd").context("it comes with Erlang")
}

/// From the first lines of the log, for asking the server itself takes a second.
pub(super) fn version(log: &str) -> String {
    let after = log.split_once("Starting RabbitMQ ").map_or("", |(_, after)| after);
    after.split_whitespace().next().unwrap_or("of unknown version").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stands_in_the_log() {
        assert_eq!(
            version("x [info] <0.222.0>  Starting RabbitMQ 3.10.8 on Erlang 25.2.3 [jit]\n"),
            "3.10.8"
        );
        assert_eq!(version(""), "of unknown version");
    }
}
