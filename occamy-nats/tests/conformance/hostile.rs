//! Messages that no client of ours would send, in the words of the protocol.

use std::net::SocketAddr;

use occamy_runtime::conformance::{Hostility, SubjectError};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// What the server takes of headers and body together.
const LIMIT: usize = 1 << 20;

/// A block of headers, or `None` for a kind that this knows nothing of.
pub(crate) fn headers(hostility: Hostility, body: usize) -> Option<Vec<u8>> {
    let mut block = b"NATS/1.0\r\n".to_vec();
    let mut add = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            block.extend_from_slice(part);
        }
    };
    match hostility {
        Hostility::WrongTypes => {
            add(b"task-id", b"occamy:int:7");
            add(b"handler-id", b"occamy:bool:true");
            add(b"X-Request-ID", b"occamy:list:[int:1]");
            add(b"occamy-attempt", b"first");
            add(b"number", b"occamy:int:seven");
        }
        Hostility::LongValue => add(b"long", &vec![b'x'; LIMIT - body - 64]),
        Hostility::InvalidUtf8 => add(b"bytes", b"\xff\xfe"),
        Hostility::Nesting => {
            let value = format!("occamy:{}null{}", "list:[".repeat(500), "]".repeat(500));
            add(b"deep", value.as_bytes());
        }
        Hostility::ManyKeys => {
            (0..5_000).for_each(|key: u32| add(format!("key-{key}").as_bytes(), b"occamy:int:1"));
        }
        Hostility::BareCr => add(b"line", b"a\rb"),
        _ => return None,
    }
    block.extend_from_slice(b"\r\n");
    Some(block)
}

/// Publishes, and waits until the server has it.
pub(crate) async fn publish(
    address: SocketAddr,
    subject: &str,
    headers: &[u8],
    body: &[u8],
) -> Result<(), SubjectError> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    let connect = "CONNECT {\"headers\":true,\"verbose\":false,\"pedantic\":false}\r\n";
    let publish = format!("HPUB {subject} {} {}\r\n", headers.len(), headers.len() + body.len());
    for part in [connect.as_bytes(), publish.as_bytes(), headers, body, b"\r\nPING\r\n"] {
        stream.write_all(part).await?;
    }
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err("the server has closed the connection".into());
        }
        if line.starts_with("PONG") {
            return Ok(());
        }
        if line.starts_with("-ERR") {
            return Err(line.trim().into());
        }
    }
}
