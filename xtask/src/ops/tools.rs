//! What checks the files, and where it comes from: the system, or a folder below target/, never installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::brokers::install::{fetched, installed, run};
use crate::brokers::pypi;
use crate::tools;

/// KEDA's definitions of its kinds, and what each of its scalers reads.
const KEDA: &str = "github.com/kedacore/keda/v2@v2.19.0";

/// For where there is neither kubectl nor kustomize.
const KUSTOMIZE: &str = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1";

/// What validate.py and the files beside it import.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The system's, or what Debian's package would install: installing it would start a Prometheus.
pub(super) fn promtool(target: &Path) -> Result<PathBuf> {
    if let Ok(promtool) = installed("promtool") {
        return Ok(promtool);
    }
    let folder = fetched(&target.join("prometheus-debian"), |folder| {
        let download =
            || run(Command::new("apt-get").args(["-q", "download", "prometheus"]).current_dir(folder));
        if which::which("apt-get").is_err() {
            bail!("there is no promtool here: install Prometheus, which has it");
        }
        // A fresh machine has no lists of packages, another's may have aged.
        if let Err(error) = download() {
            if !tools::in_ci() || !rustix::process::geteuid().is_root() {
                return Err(error
                    .context("there is no promtool here; after `apt-get update` as root it can be fetched"));
            }
            run(Command::new("apt-get").args(["-q", "update"]))?;
            download()?;
        }
        let mut files = std::fs::read_dir(folder).context("the folder of the package")?;
        let package = files.next().context("apt-get brought no package")?.context("the package")?.path();
        run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(folder))?;
        // They are most of it.
        for rest in [package, folder.join("usr/bin/prometheus")] {
            std::fs::remove_file(&rest).with_context(|| format!("remove {}", rest.display()))?;
        }
        Ok(())
    })?;
    Ok(folder.join("usr/bin/promtool"))
}

/// The program that builds an overlay, and what it is to do.
pub(super) fn kustomize(target: &Path) -> Result<(PathBuf, &'static str)> {
    if let Ok(kubectl) = installed("kubectl") {
        return Ok((kubectl, "kustomize"));
    }
    if let Ok(kustomize) = installed("kustomize") {
        return Ok((kustomize, "build"));
    }
    let folder = fetched(&target.join(folder_of(KUSTOMIZE)), |folder| {
        run(Command::new(go("kubectl or kustomize, or Go, which fetches kustomize,")?)
            .args(["install", KUSTOMIZE])
            .env("GOBIN", folder))
    })?;
    Ok((folder.join("kustomize"), "build"))
}

/// The folder of KEDA's module.
pub(super) fn keda(target: &Path) -> Result<PathBuf> {
    let folder = fetched(&target.join(folder_of(KEDA)), |folder| {
        let mut download = Command::new(go("Go, which fetches KEDA's schemas,")?);
        // Away from any module, and in folders that can be removed like others.
        download.args(["mod", "download", KEDA]).current_dir("/");
        run(download.env("GOMODCACHE", folder).env("GOFLAGS", "-modcacherw"))
    })?;
    Ok(folder.join(KEDA))
}

/// The folder of [`REQUIREMENTS`], for Python's search path.
pub(super) fn python(target: &Path) -> Result<PathBuf> {
    pypi::requirements(target, REQUIREMENTS)
}

fn go(what: &str) -> Result<PathBuf> {
    installed("go").with_context(|| format!("{what} has to be installed"))
}

fn folder_of(module: &str) -> String {
    module.replace('/', "-")
}
