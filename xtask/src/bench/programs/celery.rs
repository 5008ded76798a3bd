//! Celery: a program in Python, `xtask/bench/celery`, with its packages from PyPI beside it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::Shell;

use crate::brokers::pypi;

const REQUIREMENTS: &str = include_str!("../../../bench/celery/requirements.txt");
const PROGRAM: &str = include_str!("../../../bench/celery/through.py");

/// Puts the program where its packages are, which is where Python looks first.
pub(super) fn build(sh: &Shell, target: &Path) -> Result<PathBuf> {
    let program = pypi::requirements(target, REQUIREMENTS)?.join("through.py");
    sh.write_file(&program, PROGRAM)?;
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&program, executable).context("make Celery's program executable")?;
    Ok(program)
}
