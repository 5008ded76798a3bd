//! Getting programs onto this machine: by apt, or into a folder below target/.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use super::Options;
use crate::tools;

/// Installs Debian's packages, if that is wanted: it changes the machine.
pub(crate) fn apt(packages: &[&str], options: &Options) -> Result<()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    let packages_are = packages.join(" ");
    if !(options.install || tools::in_ci()) || !rustix::process::geteuid().is_root() {
        bail!("`apt-get install {packages_are}` as root gets it, and so does --install for root");
    }
    if which::which("apt-get").is_err() {
        bail!("there is no apt-get here; install {packages_are} in this system's way");
    }

    let _turn = ONE_AT_A_TIME.lock().expect("no thread panics");
    let install = || {
        let mut apt = Command::new("apt-get");
        apt.args(["-q", "-y", "-o", "DPkg::Lock::Timeout=120", "install", "--no-install-recommends"]);
        apt.args(packages).env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    // A fresh machine has no lists of packages, another's may have aged; most have good ones.
    run(&mut install()).or_else(|_| {
        run(Command::new("apt-get").args(["-q", "update"]))?;
        run(&mut install())
    })
}

/// A folder below target/ that holds what `fill` put there, now or in an earlier run. One that was filled by half is
/// filled anew.
pub(crate) fn fetched(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    if !folder.exists() {
        // Next to it with another extension, which does not cut a version's last number off.
        let mut part = folder.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        if part.exists() {
            std::fs::remove_dir_all(&part).with_context(|| format!("remove {}", part.display()))?;
        }
        std::fs::create_dir_all(&part).with_context(|| format!("make {}", part.display()))?;
        fill(&part)?;
        std::fs::rename(&part, folder).with_context(|| format!("make {}", folder.display()))?;
    }
    Ok(folder.to_owned())
}

/// An installed program. Servers lie in folders that only root's PATH has.
pub(crate) fn installed(program: &str) -> Result<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders.extend(["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from));
    let path = std::env::join_paths(folders).context("PATH")?;
    which::which_in(program, Some(path), "/").with_context(|| format!("{program} is not installed"))
}

/// Runs a command to its end. Our standard output is for the shell that evaluates it: all it says goes to the other.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let status = status.with_context(|| format!("run {program}"))?;
    if !status.success() {
        bail!("{program} failed: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_filled_once_and_again_only_after_a_failure() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("nats-1.2.3");
        let fail = fetched(&folder, |part| {
            std::fs::write(part.join("half"), "").unwrap();
            bail!("cut")
        });
        assert!(fail.is_err());
        fetched(&folder, |part| {
            std::fs::write(part.join("whole"), "").unwrap();
            Ok(())
        })
        .unwrap();
        fetched(&folder, |_| panic!("it is there")).unwrap();
        assert!(folder.join("whole").exists());
        assert!(!folder.join("half").exists());
    }
}
