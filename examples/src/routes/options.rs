//! The options of the program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;

use crate::tsp::Instance;

/// Solves travelling-salesman instances on servers that fill every spare slot with assistants.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Options {
    /// An instance in TSPLIB's format; may be given several times. Requests take turns [default: the three shipped]
    #[arg(long, value_name = "FILE")]
    pub instance: Vec<PathBuf>,
    /// How many servers share the broker
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub servers: u16,
    /// How many tasks run side by side on each server
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub slots: u16,
    /// How many requests are sent
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub requests: u16,
    /// The pause between two requests, in seconds
    #[arg(long, default_value = "3", value_parser = seconds)]
    pub interval: Duration,
    /// For how long each request is worked on, in seconds; it ends sooner if it finds a known optimum
    #[arg(long, default_value = "4", value_parser = seconds)]
    pub seconds: Duration,
    /// What the random choices follow from. Threads still race, so two runs differ a little
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Run without assistants and offers
    #[arg(long, conflicts_with = "compare")]
    pub no_expansion: bool,
    /// Run with and without assistants for three seeds each, and print the difference
    #[arg(long)]
    pub compare: bool,
    /// Print the results as JSON, and nothing else
    #[arg(long)]
    pub json: bool,
    /// The folder for the pictures
    #[arg(long, value_name = "FOLDER", default_value = "target/routes")]
    pub out: PathBuf,
}

/// An instance as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) text: Bytes,
    pub(super) instance: Instance,
}

impl Options {
    /// Reads the instances.
    pub(super) fn sources(&self) -> anyhow::Result<Vec<Source>> {
        let shipped = ["gr666", "att532", "pcb442"].map(|name| data().join(name).with_extension("tsp"));
        let paths = if self.instance.is_empty() { &shipped[..] } else { &self.instance };
        paths.iter().map(|path| read(path)).collect()
    }
}

fn read(path: &Path) -> anyhow::Result<Source> {
    let text = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    let instance = Instance::read(path).with_context(|| format!("{} can't be solved", path.display()))?;
    Ok(Source { text: text.into(), instance })
}

/// The folder of the shipped instances.
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err("expected 0 to 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}
