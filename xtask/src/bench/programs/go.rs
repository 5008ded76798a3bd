//! The driver of the original Go library: built from `xtask/bench/go`, with the library from the Go module proxy.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

/// Builds it below the target folder, or says why it can't be.
pub(super) fn build(sh: &Shell, target: &Path) -> Result<PathBuf> {
    let go = which::which("go").context("Go is not installed")?;
    let program = target.join("bench").join("occamy-peer");
    // A copy, so that Go can note the sums of what it fetches without changing the checkout.
    let copy = target.join("bench").join("go");
    sh.remove_path(&copy)?;
    sh.create_dir(&copy)?;
    for file in sh.read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("bench").join("go"))? {
        sh.copy_file(file, &copy)?;
    }
    let _folder = sh.push_dir(&copy);
    let output = cmd!(sh, "{go} build -mod=mod -o {program} .").ignore_status().quiet().output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("go build failed: {}", said.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    Ok(program)
}
