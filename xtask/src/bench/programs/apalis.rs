//! apalis with its back ends: a crate of its own in `xtask/bench/apalis`, so that the workspace has none of what it depends on.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

/// Builds it below the target folder.
pub(super) fn build(sh: &Shell, target: &Path) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench").join("apalis");
    let (manifest, target) = (folder.join("Cargo.toml"), target.join("bench").join("apalis"));
    cmd!(sh, "cargo build --release --locked --manifest-path {manifest} --target-dir {target}").run()?;
    Ok(target.join("release").join("occamy-peer-apalis"))
}
