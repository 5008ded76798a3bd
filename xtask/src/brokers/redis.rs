//! Redis: where its server comes from, and how it is started.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Options;
use super::install::installed;
use super::process::Program;
use super::source::{Source, installed_or_apt};

/// Debian's package also starts a server of its own, at the usual port, where the machine has a running init system.
/// Ours have nothing to do with it.
pub(super) fn program(source: Source, options: &Options) -> Result<PathBuf> {
    installed_or_apt(source, options, || installed("redis-server"), "redis-server")
}

/// What has been answered is on the disk: nothing is lost when the server is stopped, however.
const DURABLE: [&str; 6] = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];

pub(super) fn server(program: &Path, folder: &Path, ports: &[u16]) -> Result<Program> {
    let data = folder.join("data");
    // It makes none itself.
    std::fs::create_dir_all(&data).with_context(|| format!("make {}", data.display()))?;
    let (data, port) = (data.display().to_string(), ports[0].to_string());
    let mut args = vec!["--bind", "127.0.0.1", "--port", &port, "--dir", &data];
    args.extend(DURABLE);
    let args = args.into_iter().map(str::to_owned).collect();
    Ok(Program { path: program.to_owned(), args, ..Program::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compose_file_starts_the_same() {
        let durable = DURABLE.map(|arg| format!("{arg:?}")).join(", ");
        assert!(include_str!("compose.yaml").contains(&format!("[\"redis-server\", {durable}]")));
    }
}
