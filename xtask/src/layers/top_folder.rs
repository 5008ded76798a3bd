//! What may lie at the top of the repository, so that a newcomer sees the project and not its litter.

use std::collections::BTreeSet;

use anyhow::Result;
use xshell::{Shell, cmd};

use super::workspace::Workspace;

/// Beside the crates' own folders.
const KNOWN: &[&str] = &[
    ".cargo",
    ".ci",
    ".editorconfig",
    ".gitattributes",
    ".github",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "_typos.toml",
    "clippy.toml",
    "deny.toml",
    "rustfmt.toml",
];

pub(super) fn tracked_files(sh: &Shell) -> Result<Vec<String>> {
    // NUL between the names: git quotes unusual ones otherwise.
    let output = cmd!(sh, "git ls-files -z").quiet().read()?;
    Ok(output.split_terminator('\0').map(str::to_owned).collect())
}

pub(super) fn check(workspace: &Workspace, tracked: &[String]) -> Vec<String> {
    let at_the_top: BTreeSet<&str> = tracked.iter().filter_map(|file| file.split('/').next()).collect();
    at_the_top
        .into_iter()
        .filter(|name| !KNOWN.contains(name))
        .filter(|name| !workspace.members.iter().any(|member| member.folder.split('/').next() == Some(*name)))
        .map(|name| {
            format!("{name}: not known at the top of the repository; if it belongs there, add it to KNOWN in xtask/src/layers/top_folder.rs")
        })
        .collect()
}
