//! A way to the server that can be closed, and that takes its time.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// Ends when it is dropped, and every connection with it.
pub(crate) struct Proxy {
    pub(crate) url: String,
    open: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// Each way takes so long.
    pub(crate) async fn start(to: &str, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let open = Arc::new(watch::Sender::new(true));
        let (to, mut gate) = (to.to_owned(), open.subscribe());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if !*gate.borrow_and_update() {
                    continue;
                }
                let far = TcpStream::connect(&to).await.unwrap();
                let mut gate = gate.clone();
                tokio::spawn(async move {
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    tokio::select! {
                        () = pass(near_in, far_out, delay) => {}
                        () = pass(far_in, near_out, delay) => {}
                        // Closed, or dropped.
                        _ = gate.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { url, open }
    }

    /// Closed, it ends all connections and takes no new ones.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut on_its_way) = mpsc::unbounded_channel();
    let read = async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            sender.send((Instant::now() + delay, buffer[..count].to_vec())).ok();
        }
    };
    let write = async move {
        while let Some((when, data)) = on_its_way.recv().await {
            sleep_until(when).await;
            if to.write_all(&data).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}
