//! Packages of PyPI, each in a folder below target/: the system's Python and the user's stay as they are.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::install::{apt, fetched, run};
use super::{Broker, Options};

/// A client by which a test speaks with a broker as somebody who knows nothing of us.
pub(super) struct Client {
    pub(super) broker: Broker,
    pub(super) package: Package,
    /// Points tests at the folder in which it is.
    pub(super) variable: &'static str,
}

pub(super) const CLIENTS: [Client; 2] = [
    Client {
        broker: Broker::RabbitMq,
        package: Package { name: "pika", version: "1.4.4" },
        variable: "OCCAMY_PIKA",
    },
    Client {
        broker: Broker::Kafka,
        package: Package { name: "confluent-kafka", version: "2.16.1" },
        variable: "OCCAMY_CONFLUENT_KAFKA",
    },
];

/// A package that needs no other.
pub(super) struct Package {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

impl Package {
    /// The folder in which it is, for Python's search path.
    pub(super) fn folder(&self, options: &Options, downloads: &Path) -> Result<PathBuf> {
        let Self { name, version } = self;
        fetched(&downloads.join(format!("{name}-{version}-pypi")), |folder| {
            run(install(folder, options)?.arg(format!("{name}=={version}")))
        })
    }
}

/// The folder of what a file of requirements lists, for Python's search path. Other requirements have another folder.
pub(crate) fn requirements(target: &Path, requirements: &str) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    requirements.hash(&mut hasher);
    fetched(&target.join(format!("python-{:016x}", hasher.finish())), |folder| {
        let mut install = install(folder, &Options::default())?;
        let file = folder.join("requirements.txt");
        std::fs::write(&file, requirements).context("write the requirements")?;
        run(install.arg("--requirement").arg(file))
    })
}

/// What installs into this folder the packages that are still to be said, and no others.
fn install(folder: &Path, options: &Options) -> Result<Command> {
    let pip = || {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "--disable-pip-version-check"]);
        pip
    };
    let found = pip().arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        apt(&["python3-pip"], options).context("Python 3 with pip fetches it")?;
    }
    let mut install = pip();
    install.args(["install", "--quiet", "--root-user-action=ignore", "--no-deps"]);
    install.args(["--only-binary", ":all:", "--target"]).arg(folder);
    Ok(install)
}
