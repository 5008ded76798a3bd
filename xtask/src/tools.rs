//! The tools that `cargo xtask ci` needs and Rust does not bring: which, how new, and how they get here.

use anyhow::{Context, Result, bail};
use cargo_metadata::semver::Version;
use xshell::{Shell, cmd};

/// A program from crates.io. An installed one that is newer than `version` will do.
pub(crate) struct Tool {
    /// The crate it is installed from.
    pub(crate) package: &'static str,
    /// The program that crate installs.
    pub(crate) program: &'static str,
    pub(crate) version: Version,
}

pub(crate) const CARGO_DENY: Tool =
    Tool { package: "cargo-deny", program: "cargo-deny", version: Version::new(0, 20, 2) };

pub(crate) const TYPOS: Tool =
    Tool { package: "typos-cli", program: "typos", version: Version::new(1, 52, 0) };

/// Whether this run is CI's own, by the variable that every CI service sets.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

impl Tool {
    /// Makes sure that the tool can be called. CI installs what is missing; a developer is told how to, for nobody
    /// wants a check to change their machine.
    pub(crate) fn require(&self, sh: &Shell) -> Result<()> {
        let problem = match self.installed(sh) {
            Some(version) if version >= self.version => return Ok(()),
            Some(version) => format!("{} {version} is older than {}", self.program, self.version),
            None => format!("{} is not installed", self.program),
        };
        if !in_ci() {
            bail!("{problem}; get it with `{}`", self.install_command());
        }

        println!("{problem}: installing it");
        self.install(sh)?;
        self.installed(sh).with_context(|| {
            format!("{} was installed, but not into a folder that PATH names", self.program)
        })?;
        Ok(())
    }

    fn installed(&self, sh: &Shell) -> Option<Version> {
        let program = self.program;
        let answer = cmd!(sh, "{program} --version").quiet().ignore_stderr().read().ok()?;
        // "cargo-deny 0.20.2", "typos-cli 1.52.0"
        Version::parse(answer.split_whitespace().last()?).ok()
    }

    fn install(&self, sh: &Shell) -> Result<()> {
        let package = format!("{}@{}", self.package, self.version);
        cmd!(sh, "cargo install --locked --debug {package}").run()?;
        Ok(())
    }

    fn install_command(&self) -> String {
        format!("cargo install --locked {}@{}", self.package, self.version)
    }
}
