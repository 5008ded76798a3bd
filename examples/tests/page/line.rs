//! The page when its line goes dead and nobody says so, as when a laptop has slept.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use occamy_metrics::HttpServer;

use crate::browser::Window;

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_line_is_given_up_and_servers_that_went_meanwhile_are_not_shown() {
    let http = HttpServer::builder().listen(([127, 0, 0, 1], 0)).start().unwrap();
    let (first, second) = (http.monitor("first"), http.monitor("second"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (dead, to) = (Arc::new(AtomicBool::new(false)), http.address());
    let line = Arc::clone(&dead);
    thread::spawn(move || forward(&listener, to, &line));
    let Some(window) = Window::open(&url).await else { return };

    window.until("document.querySelectorAll('#servers button').length === 2").await;
    window.page.find_element("#servers button:nth-child(2)").await.unwrap().click().await.unwrap();
    drop(first);
    window.until("document.querySelectorAll('#servers button').length === 0").await;
    assert_eq!(window.value::<String>("document.title").await, "second – Occamy");

    dead.store(true, Ordering::SeqCst);
    window.until("document.querySelector('#badges').textContent.includes('stale')").await;
    // Whoever asks anew is heard.
    dead.store(false, Ordering::SeqCst);
    window.until("!document.querySelector('#badges').textContent.includes('stale')").await;
    drop(second);
    window.until("document.querySelector('#notice').textContent.includes('No server')").await;
    assert_eq!(window.complaints(), [""; 0]);
    window.close().await;
}

/// Passes on what comes, until it is dead for good to those that are connected by then.
fn forward(listener: &TcpListener, to: SocketAddr, dead: &Arc<AtomicBool>) {
    for browser in listener.incoming() {
        let (browser, server) = (browser.unwrap(), TcpStream::connect(to).unwrap());
        let (asked, answer) = (server.try_clone().unwrap(), browser.try_clone().unwrap());
        for (from, to) in [(browser, asked), (server, answer)] {
            let dead = Arc::clone(dead);
            thread::spawn(move || pass(from, to, &dead));
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, dead: &AtomicBool) {
    let mut bytes = [0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if dead.load(Ordering::SeqCst) {
            // Neither side hears that it is over.
            loop {
                thread::park();
            }
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
