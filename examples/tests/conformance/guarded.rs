//! A Redis that wants a password, for the check that gives it a wrong one.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use occamy_core::transport::Transport;
use occamy_examples::custom_transport::{ConnectError, RedisOptions, RedisTransport};
use occamy_runtime::conformance::{Refusal, SubjectError};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// Names the server's program.
pub(crate) const PROGRAM: &str = "OCCAMY_REDIS_SERVER";

const RIGHT: &str = "the-right-one";

/// What comes of connecting with this password, after the right one was taken.
pub(crate) async fn refusal(service: &str, password: &str) -> Result<Refusal, SubjectError> {
    let folder = tempfile::tempdir()?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let _server = start(folder.path(), port)?;
    let options =
        |password| RedisOptions::new(format!("redis://:{password}@127.0.0.1:{port}"), service, "server");
    wait(|| RedisTransport::connect(options(RIGHT))).await?.close().await?;

    let wrong = options(password);
    let mut shown = vec![format!("{wrong:?}"), format!("{wrong:#?}")];
    let error = match RedisTransport::connect(wrong).await {
        Ok(transport) => {
            shown.push(format!("{transport:?}"));
            None
        }
        Err(error) => Some(error.into()),
    };
    Ok(Refusal { error, shown })
}

/// It ends when this is dropped.
fn start(folder: &std::path::Path, port: u16) -> Result<Child, SubjectError> {
    let mut server = Command::new(std::env::var_os(PROGRAM).ok_or("there is no program")?);
    server.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--requirepass", RIGHT, "--save", ""]);
    server.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    Ok(server.spawn()?)
}

/// Tries until the server answers.
async fn wait<F>(connect: impl Fn() -> F) -> Result<RedisTransport, ConnectError>
where
    F: Future<Output = Result<RedisTransport, ConnectError>>,
{
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match connect().await {
            Err(ConnectError::Redis(_)) if Instant::now() < deadline => {
                sleep(Duration::from_millis(50)).await;
            }
            connected => return connected,
        }
    }
}
