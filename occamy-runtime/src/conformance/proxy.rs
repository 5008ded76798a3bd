//! A TCP proxy that can be told to do harm.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
        Self::open_with(broker, |_| None).await
    }

    /// Does the same, and puts something else in the place of some bytes wherever the broker says them: for brokers that
    /// tell their clients where to go. The function is told where this listens, and says what to replace, and by what.
    ///
    /// # Errors
    ///
    /// If there is no port to be had, or if the two aren't of the same length.
    pub async fn open_with(
        broker: SocketAddr,
        replace: impl FnOnce(SocketAddr) -> Option<(Vec<u8>, Vec<u8>)>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let replace = replace(address).map(Arc::new);
        if replace.as_deref().is_some_and(|(what, by)| what.len() != by.len() || what.is_empty()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the replacement is of another length"));
        }
        let (orders, heard) = watch::channel(Orders { mode: Mode::Pass, cuts: 0, swallows: 0 });
        let accepting = tokio::spawn(async move {
            // Connections end with the set.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                match listener.accept().await {
                    Ok((client, _)) => {
                        connections.spawn(serve(client, broker, replace.clone(), heard.clone()));
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
async fn serve(
    mut client: TcpStream,
    broker: SocketAddr,
    replace: Option<Arc<(Vec<u8>, Vec<u8>)>>,
    mut heard: watch::Receiver<Orders>,
) {
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
            () = pass(&mut client, stream, replace.as_deref()) => return,
        }
    }
}

/// Passes on what either side says, until both have ended or one of them breaks.
///
/// It may be dropped at any time: what was said half is lost, which is what the caller does with the connection then.
async fn pass(client: &mut TcpStream, broker: &mut TcpStream, replace: Option<&(Vec<u8>, Vec<u8>)>) {
    let Some(replace) = replace else {
        let _ = tokio::io::copy_bidirectional(client, broker).await;
        return;
    };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_broker, mut to_broker) = broker.split();
    let there = async {
        tokio::io::copy(&mut from_client, &mut to_broker).await?;
        to_broker.shutdown().await
    };
    let back = async {
        copy_replacing(&mut from_broker, &mut to_client, replace).await?;
        to_client.shutdown().await
    };
    let _ = tokio::try_join!(there, back);
}

/// Copies, with one run of bytes in the place of another.
async fn copy_replacing(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    (what, by): &(Vec<u8>, Vec<u8>),
) -> io::Result<()> {
    let mut held = Vec::new();
    while from.read_buf(&mut held).await? > 0 {
        let mut at = 0;
        while let Some(found) = held[at..].windows(what.len()).position(|window| window == what) {
            held[at + found..][..by.len()].copy_from_slice(by);
            at += found + by.len();
        }
        // The rest may begin with what is said to its end later.
        let begins = |length: &usize| held[at..].ends_with(&what[..*length]);
        let begun = (1..what.len()).rev().find(begins).unwrap_or(0);
        to.write_all(&held[..held.len() - begun]).await?;
        held.drain(..held.len() - begun);
    }
    to.write_all(&held).await
}

/// Reads and forgets, until the client gives up; and then leaves it without an answer all the same.
async fn swallow(client: &mut TcpStream) {
    let mut buffer = vec![0; 16 * 1024];
    while client.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

#[cfg(test)]
mod tests {
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
    async fn what_the_broker_says_of_itself_is_replaced_wherever_it_is_cut() {
        let (what, by) = (b"old!".to_vec(), b"new!".to_vec());
        for chunk in 1..8 {
            let said = b"old!old!ol-old-oold!old".as_slice();
            // What is written waits until what was before has been read.
            let (mut writer, mut reader) = tokio::io::duplex(chunk);
            let writing = tokio::spawn(async move { writer.write_all(said).await });
            let mut heard = Vec::new();
            copy_replacing(&mut reader, &mut heard, &(what.clone(), by.clone())).await.unwrap();
            writing.await.unwrap().unwrap();
            assert_eq!(heard, b"new!new!ol-old-onew!old", "{chunk}");
        }

        let replacing = |to: &'static str| move |_| Some((b"ping".to_vec(), to.as_bytes().to_vec()));
        let proxy = Proxy::open_with(echo().await, replacing("pong")).await.unwrap();
        let (mut stream, mut buffer) = (connect(&proxy).await, [0; 4]);
        stream.write_all(b"ping").await.unwrap();
        stream.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"pong");
        assert!(Proxy::open_with(proxy.address(), replacing("longer")).await.is_err());
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
