//! Where a run takes place: its broker and service, and names that nobody else has there.

use occamy_core::transport::Transport;
use occamy_runtime::memory::MemoryBroker;

use super::Options;
use crate::broker::Broker;

/// The broker and service of one run.
#[derive(Clone, Debug)]
pub(super) struct Site {
    broker: Broker,
    service: String,
    embedded: Option<MemoryBroker>,
    /// What our names end with, unless we are alone at the broker.
    tag: Option<String>,
}

impl Site {
    pub(super) fn new(options: &Options) -> Self {
        // The embedded one is of this run, as its servers and its client are.
        let embedded = (options.broker == Broker::Memory).then(MemoryBroker::new);
        let tag = embedded.is_none().then(fresh_tag);
        Self { broker: options.broker.clone(), service: options.service.clone(), embedded, tag }
    }

    /// Connects under this name.
    pub(super) async fn connect(&self, name: &str) -> anyhow::Result<Box<dyn Transport>> {
        self.broker.connect(&self.service, name, self.embedded.as_ref()).await
    }

    /// This name, and what makes it different from those of other runs at the same broker.
    pub(super) fn own(&self, name: &str) -> String {
        match &self.tag {
            Some(tag) => format!("{name}-{tag}"),
            None => name.to_owned(),
        }
    }

    /// Why requests became dead letters, where that is known: an embedded broker tells.
    pub(super) fn failures(&self) -> Vec<String> {
        let letters = self.embedded.iter().flat_map(MemoryBroker::dead_letters);
        letters.map(|letter| letter.error.to_string()).collect()
    }
}

fn fresh_tag() -> String {
    format!("{:06x}", fastrand::u32(..1 << 24))
}

#[cfg(test)]
impl Site {
    /// At an embedded broker that others use, too.
    pub(super) fn shared(broker: &MemoryBroker) -> Self {
        let (service, embedded) = ("routes".into(), Some(broker.clone()));
        Self { broker: Broker::Memory, service, embedded, tag: Some(fresh_tag()) }
    }
}
