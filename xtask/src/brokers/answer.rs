//! Whether a server answers: a connection, and one read of what it says first.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

/// The version of the NATS server at this port, which is the first thing that it tells every client.
pub(super) fn nats(port: u16) -> Option<String> {
    let mut line = String::new();
    BufReader::new(connect(port)?).take(64 * 1024).read_line(&mut line).ok()?;
    nats_version(&line)
}

fn nats_version(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Info {
        version: String,
        #[serde(default)]
        jetstream: bool,
    }
    let info: Info = serde_json::from_str(line.strip_prefix("INFO ")?).ok()?;
    info.jetstream.then_some(info.version)
}

/// Whether something at this port answers the header of AMQP 0-9-1 with a method frame on channel 0.
pub(super) fn amqp(port: u16) -> bool {
    let answer = || {
        let mut stream = connect(port)?;
        stream.write_all(b"AMQP\0\0\x09\x01").ok()?;
        let mut first = [0; 3];
        stream.read_exact(&mut first).ok()?;
        Some(first == [1, 0, 0])
    };
    answer().unwrap_or(false)
}

/// Whether the log has the line by which Kafka says that it is ready, and something accepts at the port.
pub(super) fn kafka(port: u16, log: &Path) -> bool {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    log.contains("Kafka Server started") && accepts(port)
}

/// The version of the Redis server at this port, once it has read its data and answers.
pub(super) fn redis(port: u16) -> Option<String> {
    let mut stream = connect(port)?;
    stream.write_all(b"PING\r\nINFO server\r\nQUIT\r\n").ok()?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer).ok()?;
    redis_version(&answer)
}

fn redis_version(answer: &str) -> Option<String> {
    let info = answer.strip_prefix("+PONG\r\n")?;
    info.lines().find_map(|line| line.strip_prefix("redis_version:")).map(str::to_owned)
}

/// Whether something accepts at this port.
pub(super) fn accepts(port: u16) -> bool {
    connect(port).is_some()
}

fn connect(port: u16) -> Option<TcpStream> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    Some(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nats_server_without_jetstream_is_not_what_we_wait_for() {
        let with = r#"INFO {"server_id":"A","version":"2.9.10","jetstream":true}"#;
        assert_eq!(nats_version(with).as_deref(), Some("2.9.10"));
        assert_eq!(nats_version(r#"INFO {"server_id":"A","version":"2.9.10"}"#), None);
        assert_eq!(nats_version("SSH-2.0-OpenSSH"), None);
    }

    #[test]
    fn a_redis_server_that_still_loads_its_data_is_waited_for() {
        let info = "$46\r\n# Server\r\nredis_version:7.0.15\r\nredis_mode:x\r\n\r\n+OK\r\n";
        assert_eq!(redis_version(&format!("+PONG\r\n{info}")).as_deref(), Some("7.0.15"));
        let loading = "-LOADING Redis is loading the dataset in memory\r\n";
        assert_eq!(redis_version(&format!("{loading}{info}")), None);
        assert_eq!(redis_version("SSH-2.0-OpenSSH"), None);
    }
}
