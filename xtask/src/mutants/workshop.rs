//! A copy of occamy-core in a workspace of its own, where it can be broken, built and simulated.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;

use super::table::Mutant;
use crate::workspace_root;

/// The copy.
pub(super) struct Workshop {
    folder: PathBuf,
}

/// What the simulation made of the copy.
pub(super) enum Trial {
    /// It failed, like this.
    Caught(String),
    /// All seeds passed.
    Survived,
    /// It could not be tried.
    Spoilt(String),
}

/// The crate that is copied.
const CRATE: &str = "occamy-core";

/// The test that simulates.
const TEST: &str = "simulation";

/// A mutant that makes the simulation run in circles is caught as well.
const TIME_LIMIT: Duration = Duration::from_secs(180);

impl Workshop {
    /// Makes a fresh copy. What an earlier one has compiled stays.
    pub(super) fn open(number: usize) -> Result<Self> {
        let workspace = workspace_root();
        let folder = workspace.join("target/mutants").join(number.to_string());
        let copy = folder.join(CRATE);
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        copy_folder(&workspace.join(CRATE), &copy)?;
        fs::write(folder.join("Cargo.toml"), manifest(workspace)?)?;
        fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        Ok(Self { folder })
    }

    /// Does something while the copy is broken.
    pub(super) fn with<T>(&self, mutant: &Mutant, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let file = self.folder.join(CRATE).join("src").join(&mutant.file);
        let sound = fs::read_to_string(&file).with_context(|| format!("can't read {}", mutant.file))?;
        fs::write(&file, mutant.apply(&sound)?)?;
        let done = act();
        fs::write(&file, sound)?;
        done
    }

    /// Simulates the copy as it is now.
    pub(super) fn simulate(&self, seeds: u64, steps: u64) -> Result<Trial> {
        let program = self.build()?;
        let log = self.folder.join("simulation.log");
        let mut simulation = Command::new(program);
        simulation
            .args(["no_seed_breaks_a_rule", "--exact", "--nocapture"])
            .env("OCCAMY_SIM_SEEDS", seeds.to_string())
            .env("OCCAMY_SIM_STEPS", steps.to_string())
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        match run_for(&mut simulation, TIME_LIMIT)? {
            None => Ok(Trial::Caught(format!("does not end within {} s", TIME_LIMIT.as_secs()))),
            Some(status) if status.success() => Ok(Trial::Survived),
            Some(_) => {
                let log = fs::read_to_string(&log)?;
                let how = log.lines().rfind(|line| line.starts_with("seed "));
                Ok(Trial::Caught(how.context("the simulation failed without naming a seed")?.to_owned()))
            }
        }
    }

    /// Compiles the test that simulates, and tells where it is.
    fn build(&self) -> Result<PathBuf> {
        let mut cargo = Command::new("cargo")
            .args(["test", "--quiet", "--offline", "--no-run", "--features", "sim", "--test", TEST])
            .arg("--message-format=json-render-diagnostics")
            .current_dir(&self.folder)
            // Copies that are built side by side would wait for each other's lock.
            .env_remove("CARGO_TARGET_DIR")
            // Warnings are no news: what is broken often leaves something unused.
            .env("RUSTFLAGS", "--cap-lints=allow")
            .stdout(Stdio::piped())
            .spawn()
            .context("can't run cargo")?;
        let messages = cargo.stdout.take().context("cargo's output is piped")?;
        let mut program = None;
        for message in Message::parse_stream(BufReader::new(messages)) {
            if let Message::CompilerArtifact(compiled) = message?
                && compiled.target.name == TEST
            {
                program = compiled.executable;
            }
        }
        ensure!(cargo.wait()?.success(), "it does not compile");
        let program = program.context("cargo did not say where it put the test")?;
        Ok(program.into_std_path_buf())
    }
}

/// The workspace's manifest with this crate as its only member.
fn manifest(workspace: &Path) -> Result<String> {
    let mut manifest: toml::Table = fs::read_to_string(workspace.join("Cargo.toml"))?.parse()?;
    let workspace = manifest.get_mut("workspace").and_then(toml::Value::as_table_mut);
    let workspace = workspace.context("Cargo.toml has no [workspace]")?;
    workspace.insert("members".to_owned(), vec![CRATE].into());
    let profiles = manifest.get_mut("profile").and_then(|profiles| profiles.get_mut("dev"));
    let profile = profiles.and_then(toml::Value::as_table_mut).context("Cargo.toml has no [profile.dev]")?;
    profile.insert("debug".to_owned(), false.into());
    Ok(manifest.to_string())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Runs a program, but no longer than this. `None` if it had to be killed.
fn run_for(program: &mut Command, limit: Duration) -> Result<Option<ExitStatus>> {
    let mut running = program.spawn().context("can't start the simulation")?;
    let began = Instant::now();
    loop {
        if let Some(status) = running.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() > limit {
            running.kill()?;
            running.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
