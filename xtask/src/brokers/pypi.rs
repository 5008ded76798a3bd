//! Packages of PyPI, each in a folder below target/: the system's Python and the user's stay as they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Options;
use super::install::{apt, fetched, run};

/// The client by which a test speaks with RabbitMQ as somebody who knows nothing of us.
pub(super) const PIKA: Package = Package { name: "pika", version: "1.4.4" };

/// Points tests at the folder in which [`PIKA`] is.
pub(super) const PIKA_VARIABLE: &str = "OCCAMY_PIKA";

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
            install
                .args(["--only-binary", ":all:", "--target"])
                .arg(folder)
                .arg(format!("{name}=={version}"));
            run(&mut install)
        })
    }
}
