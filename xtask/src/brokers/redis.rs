//! Redis: where its server comes from, and how it is started.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Options;
use super::install::{fetched, installed};
use super::process::Program;
use super::source::{Source, installed_or_apt};

/// By apt it comes with Redis's tools. The package that is called after the server has no more of it than a name, and on
/// a machine that is run by systemd it starts a server of its own, which goes on for good.
pub(super) fn program(source: Source, options: &Options, downloads: &Path) -> Result<PathBuf> {
    let find = || {
        installed("redis-server").or_else(|missing| match installed("redis-check-rdb") {
            Ok(tool) => renamed(&tool, downloads),
            Err(_) => Err(missing),
        })
    };
    installed_or_apt(source, options, find, "redis-tools")
}

/// The tool that checks a dump is the server, which does that if it is called so.
fn renamed(tool: &Path, downloads: &Path) -> Result<PathBuf> {
    let folder = fetched(&downloads.join("redis"), |folder| {
        let server = folder.join("redis-server");
        symlink(tool, &server).with_context(|| format!("link {}", server.display()))
    })?;
    Ok(folder.join("redis-server"))
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
    fn the_tool_is_found_under_the_name_of_the_server() {
        let downloads = tempfile::tempdir().unwrap();
        let tool = downloads.path().join("redis-check-rdb");
        std::fs::write(&tool, "both").unwrap();
        for _ in 0..2 {
            let server = renamed(&tool, downloads.path()).unwrap();
            assert!(server.ends_with("redis-server"));
            assert_eq!(std::fs::read_to_string(server).unwrap(), "both");
        }
    }

    #[test]
    fn the_compose_file_starts_the_same() {
        let durable = DURABLE.map(|arg| format!("{arg:?}")).join(", ");
        assert!(include_str!("compose.yaml").contains(&format!("[\"redis-server\", {durable}]")));
    }
}
