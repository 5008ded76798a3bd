//! A TCP proxy that can be told to do harm.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a [`Proxy`] does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Ends the connections that there are, and passes new ones on: as a broker that loses its clients.
    Cut,
    /// Ends the connections that there are, and new ones as soon as they come: as a broker that is away.
    Refuse,
    /// Keeps the connections open, takes new ones, and passes nothing on: as a host that has vanished from the network.
    Swallow,
}

/// A TCP proxy on loopback between one server and a broker. It ends with its connections when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<(Mode, u64)>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port, and passes on to this address.
    ///
    /// # Errors
    ///
    /// If there is no port to be had.
    pub async fn open(broker: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (mode, modes) = watch::channel((Mode::Pass, 0));
        let accepting = tokio::spawn(async move {
            // Connections end with the set.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                match listener.accept().await {
                    Ok((client, _)) => {
                        connections.spawn(serve(client, broker, modes.clone()));
                    }
                    // Out of file descriptors, as a rule: others may be free soon.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, mode, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From here on it does this. [`Mode::Cut`] happens once, and again at each call.
    pub fn set(&self, mode: Mode) {
        self.mode.send_if_modified(|(current, cuts)| {
            let before = (*current, *cuts);
            *current = if mode == Mode::Cut { Mode::Pass } else { mode };
            *cuts += u64::from(matches!(mode, Mode::Cut | Mode::Refuse));
            (*current, *cuts) != before
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection, until either side ends it or it is cut.
async fn serve(mut client: TcpStream, broker: SocketAddr, mut modes: watch::Receiver<(Mode, u64)>) {
    let (_, cuts) = *modes.borrow();
    let mut to_broker: Option<TcpStream> = None;
    loop {
        let (mode, now) = *modes.borrow_and_update();
        if mode == Mode::Refuse || now != cuts {
            return;
        }
        if mode == Mode::Swallow {
            // What is read is gone, so the connection is of no use when others pass again.
            tokio::select! {
                _ = modes.changed() => {}
                () = swallow(&mut client) => {}
            }
            return;
        }
        if to_broker.is_none() {
            let Ok(stream) = TcpStream::connect(broker).await else { return };
            // Small messages are not to wait for each other.
            if stream.set_nodelay(true).is_err() || client.set_nodelay(true).is_err() {
                return;
            }
            to_broker = Some(stream);
        }
        let Some(stream) = to_broker.as_mut() else { return };
        tokio::select! {
            biased;
            changed = modes.changed() => if changed.is_err() { return },
            _ = tokio::io::copy_bidirectional(&mut client, stream) => return,
        }
    }
}

/// Reads and forgets, until the client gives up; and then leaves it without an answer all the same.
async fn swallow(client: &mut TcpStream) {
    let mut buffer = vec![0; 16 * 1024];
    while client.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}
