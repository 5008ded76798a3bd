//! The conformance suites: one a transport, each the test target `conformance` of the crate that has the transport.

use std::path::Path;

use crate::brokers::Broker;

/// A suite that there is or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    /// Where its crate lies.
    folder: &'static str,
    /// What its crate's tests need.
    pub(crate) broker: Option<Broker>,
}

/// The name of the test target.
pub(crate) const TARGET: &str = "conformance";

pub(crate) const SUITES: [Suite; 5] = [
    Suite { name: "memory", package: "occamy-runtime", folder: "occamy-runtime", broker: None },
    Suite { name: "nats", package: "occamy-nats", folder: "occamy-nats", broker: Some(Broker::Nats) },
    Suite { name: "amqp", package: "occamy-amqp", folder: "occamy-amqp", broker: Some(Broker::RabbitMq) },
    Suite { name: "kafka", package: "occamy-kafka", folder: "occamy-kafka", broker: Some(Broker::Kafka) },
    Suite { name: "redis", package: "occamy-examples", folder: "examples", broker: Some(Broker::Redis) },
];

/// Those whose crate has such a target.
pub(crate) fn existing(root: &Path) -> impl Iterator<Item = Suite> {
    let exists = |suite: &Suite| {
        let tests = root.join(suite.folder).join("tests");
        tests.join(TARGET).with_extension("rs").exists() || tests.join(TARGET).join("main.rs").exists()
    };
    SUITES.into_iter().filter(exists)
}

/// The brokers that these packages of the workspace need for their tests.
pub(crate) fn brokers<'a>(packages: impl Iterator<Item = &'a str>) -> Vec<Broker> {
    let needs = |package| SUITES.iter().find(|suite| suite.package == package)?.broker;
    packages.filter_map(needs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_needed_once_its_adapter_is_there() {
        assert_eq!(brokers(["occamy-core", "occamy-runtime", "xtask"].into_iter()), []);
        assert_eq!(brokers(["occamy-nats", "occamy-core"].into_iter()), [Broker::Nats]);
    }

    #[test]
    fn a_suite_exists_once_its_file_does() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(existing(root.path()).count(), 0);
        for (folder, file) in [("occamy-nats", "conformance.rs"), ("examples", "conformance/main.rs")] {
            let file = root.path().join(folder).join("tests").join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let names: Vec<_> = existing(root.path()).map(|suite| suite.name).collect();
        assert_eq!(names, ["nats", "redis"]);
    }
}
