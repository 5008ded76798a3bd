//! librdkafka's mock of a cluster, for a quick run where no node is.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use rdkafka::mocking::MockCluster;

/// A cluster of one node, in this process.
pub(crate) struct Mock {
    pub(crate) address: SocketAddr,
    topics: Sender<Topic>,
}

struct Topic {
    name: String,
    partitions: i32,
    created: Sender<()>,
}

impl Mock {
    pub(crate) fn start() -> Self {
        let ((topics, wanted), (sender, address)) = (channel(), channel());
        // It can't be given to another thread.
        thread::spawn(move || run(&sender, &wanted));
        let address: String = address.recv().expect("the mock cluster has an address");
        Self { address: address.parse().expect("the address is one of numbers and a port"), topics }
    }

    /// Creates the topics of a service, where they are missing: it can't be asked to as a node can.
    pub(crate) fn create_topics(&self, service: &str) {
        for (name, partitions) in [("request", 8), ("control", 1), ("dead", 1)] {
            let (created, done) = channel();
            let topic = Topic { name: format!("{service}-{name}"), partitions, created };
            self.topics.send(topic).expect("the mock cluster lives as long as the process");
            done.recv().expect("the mock cluster creates topics");
        }
    }
}

fn run(address: &Sender<String>, wanted: &Receiver<Topic>) {
    let cluster = MockCluster::new(1).expect("sockets for the mock cluster");
    let _ = address.send(cluster.bootstrap_servers());
    while let Ok(Topic { name, partitions, created }) = wanted.recv() {
        // The only error is that it is there.
        let _ = cluster.create_topic(&name, partitions, 1);
        let _ = created.send(());
    }
}

/// Why a check asks for more than the mock can do, if it does.
pub(crate) fn cannot(check: &str) -> Option<&'static str> {
    match check {
        "broker_restarted" => Some("the mock keeps everything in memory"),
        "wrong_password" => Some("the mock knows no passwords"),
        _ => None,
    }
}
