//! Kafka: how its jars get here, and how a single node of it is started.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Options;
use super::install::{apt, fetched, installed, run};
use super::process::Program;

/// All of Kafka's jars have it.
pub(super) const VERSION: &str = "4.3.1";

/// For clients, for the node's vote for itself, and for clients that have to say who they are.
pub(super) const PORTS: usize = 3;

const POM: &str = include_str!("kafka.pom.xml");

/// The folder of the jars.
pub(super) fn jars(options: &Options, downloads: &Path) -> Result<PathBuf> {
    if installed("java").is_err() {
        apt(&["default-jre-headless"], options).context("Kafka needs Java 17 or later")?;
    }
    fetched(&downloads.join(format!("kafka-{VERSION}")), |folder| {
        if installed("mvn").is_err() {
            apt(&["maven"], options).context("Maven fetches Kafka's jars")?;
        }
        let pom = folder.join("pom.xml");
        std::fs::write(&pom, POM.replace("KAFKA_VERSION", VERSION)).context("write a pom")?;
        let mut maven = Command::new("mvn");
        maven.args(["-q", "-B", "-f"]).arg(pom).arg("dependency:copy-dependencies");
        maven.args(["-DincludeScope=runtime", "-Dmdep.useBaseVersion=true"]);
        run(maven.arg(format!("-DoutputDirectory={}", folder.display())))
    })
}

/// Makes the data's folder ready, if this is the first start, and says what to start.
pub(super) fn server(jars: &Path, folder: &Path, ports: &[u16], log: &Path) -> Result<Program> {
    let &[port, controller, sasl] = ports else { bail!("Kafka needs {PORTS} ports") };
    let data = folder.join("data");
    let config = folder.join("server.properties");
    std::fs::write(&config, properties(port, controller, sasl, &data))
        .context("write Kafka's configuration")?;

    let java = installed("java")?;
    let jars = format!("{}/*", jars.display());
    if !data.join("meta.properties").exists() {
        let log = File::options().create(true).append(true).open(log).context("open the server's log")?;
        let mut format = Command::new(&java);
        format.args(["-cp", &jars, "kafka.tools.StorageTool", "format", "--standalone"]);
        // Any identifier of 16 bytes in base64: this cluster has one member for all its life.
        format.args(["-t", "T2NjYW15IGZvciB0ZXN0cw", "-c"]).arg(&config);
        let status = format.stdout(log.try_clone().context("the server's log")?).stderr(log).status();
        if !status.context("run java")?.success() {
            bail!("the folder for Kafka's data could not be made ready");
        }
    }

    // Without a configuration log4j writes errors only, and the line that tells of the start is none.
    let args = ["-Xmx512m", "-XX:+UseSerialGC", "-Dlog4j2.level=INFO", "-cp", &jars, "kafka.Kafka"];
    let mut args = args.map(str::to_owned).to_vec();
    args.push(config.display().to_string());
    Ok(Program { path: java, args, ..Program::default() })
}

fn properties(port: u16, controller: u16, sasl: u16, data: &Path) -> String {
    let listeners = format!(
        "PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SASL_PLAINTEXT://127.0.0.1:{sasl}"
    );
    // New servers join a group together within the two seconds, so that nothing of what runs moves.
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         listeners={listeners}\n\
         advertised.listeners={listeners}\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=PLAINTEXT\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT\n\
         sasl.enabled.mechanisms=PLAIN\n\
         listener.name.sasl_plaintext.plain.sasl.jaas.config=\
         org.apache.kafka.common.security.plain.PlainLoginModule required user_occamy=\"occamy\";\n\
         log.dirs={}\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=4\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=2000\n",
        data.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compose_file_starts_the_same() {
        let compose = include_str!("compose.yaml");
        assert!(compose.contains(&format!("image: apache/kafka:{VERSION}\n")));
    }
}
