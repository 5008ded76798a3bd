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
    orders: watch::Sender<Orders>,
    accepting: JoinHandle<()>,
}

/// What connections are to do.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Orders {
    mode: Mode,
    /// How often those that there were had to end.
    cuts: u64,
    /// How often those that there were had to swallow: they may sleep through it.
    swallows: u64,
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
        let (orders, heard) = watch::channel(Orders { mode: Mode::Pass, cuts: 0, swallows: 0 });
        let accepting = tokio::spawn(async move {
            // Connections end with the set.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                match listener.accept().await {
                    Ok((client, _)) => {
                        connections.spawn(serve(client, broker, heard.clone()));
                    }
                    // Out of file descriptors, as a rule: others may be free soon.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, orders, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From here on it does this. [`Mode::Cut`] happens once, and again at each call.
    pub fn set(&self, mode: Mode) {
        self.orders.send_if_modified(|orders| {
            let before = *orders;
            orders.mode = if mode == Mode::Cut { Mode::Pass } else { mode };
            orders.cuts += u64::from(mode == Mode::Cut || (mode == Mode::Refuse && before.mode != mode));
            orders.swallows += u64::from(mode == Mode::Swallow && before.mode != mode);
            *orders != before
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection, until either side ends it or it is cut.
async fn serve(mut client: TcpStream, broker: SocketAddr, mut heard: watch::Receiver<Orders>) {
    let begun = *heard.borrow();
    let mut to_broker: Option<TcpStream> = None;
    loop {
        let now = *heard.borrow_and_update();
        if now.mode == Mode::Refuse || now.cuts != begun.cuts {
            return;
        }
        if now.mode == Mode::Swallow {
            tokio::select! {
                changed = heard.changed() => if changed.is_err() { return },
                () = swallow(&mut client) => return,
            }
            continue;
        }
        // What was swallowed is gone, so the connection is of no use when others pass again.
        if now.swallows != begun.swallows || begun.mode == Mode::Swallow {
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
            changed = heard.changed() => if changed.is_err() { return },
            _ = tokio::io::copy_bidirectional(&mut client, stream) => return,
        }
    }
}

/// Reads and forgets, until the client gives up; and then leaves it without an answer all the same.
async fn swallow(client: &mut TcpStream) {
    let mut buffer = vec![0; 16 * 1024];
    while client.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// A broker that says again whatever it hears.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(proxy.address()).await.unwrap()
    }

    /// True if what is said comes back, false if the connection ends.
    async fn answers(stream: &mut TcpStream) -> bool {
        let mut buffer = [0; 4];
        stream.write_all(b"ping").await.is_ok()
            && stream.read_exact(&mut buffer).await.is_ok()
            && &buffer == b"ping"
    }

    #[tokio::test]
    async fn each_mode_does_what_it_is_called() {
        let proxy = Proxy::open(echo().await).await.unwrap();
        let mut first = connect(&proxy).await;
        assert!(answers(&mut first).await);
        proxy.set(Mode::Pass);
        assert!(answers(&mut first).await);

        proxy.set(Mode::Cut);
        assert!(!answers(&mut first).await);
        let mut second = connect(&proxy).await;
        assert!(answers(&mut second).await);

        proxy.set(Mode::Refuse);
        assert!(!answers(&mut second).await);
        assert!(!answers(&mut connect(&proxy).await).await);

        proxy.set(Mode::Pass);
        let mut third = connect(&proxy).await;
        assert!(answers(&mut third).await);
        proxy.set(Mode::Swallow);
        let mut fourth = connect(&proxy).await;
        third.write_all(b"ping").await.unwrap();
        fourth.write_all(b"ping").await.unwrap();
        // What was swallowed is gone, and so is the connection when others pass again.
        proxy.set(Mode::Pass);
        let mut nothing = [0; 4];
        assert!(third.read_exact(&mut nothing).await.is_err());
        assert!(answers(&mut connect(&proxy).await).await);

        let address = proxy.address();
        let mut fifth = connect(&proxy).await;
        assert!(answers(&mut fifth).await);
        drop(proxy);
        assert!(!answers(&mut fifth).await);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
