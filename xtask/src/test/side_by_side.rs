//! The conformance suites of the workspace, all at once: each mostly waits for its broker.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Message, Metadata, Package, Target, TargetKind};

use super::Surroundings;
use crate::{interrupt, suites};

/// Builds the suites there are, and runs them.
pub(super) fn run(workspace: &Metadata, surroundings: &Surroundings<'_>, harness: &[String]) -> Result<()> {
    let packages = workspace.workspace_packages();
    let is_suite = |target: &Target| target.name == suites::TARGET && target.kind.contains(&TargetKind::Test);
    if !packages.iter().any(|package| package.targets.iter().any(is_suite)) {
        return Ok(());
    }

    let mut suites: Vec<(&Package, Utf8PathBuf)> = Vec::new();
    let mut build = surroundings.cargo_test(&["--test", suites::TARGET, "--no-run"]);
    build.args(["--message-format", "json-render-diagnostics"]).stdout(Stdio::piped());
    let built = interrupt::follow(&mut build, |child| {
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        for message in Message::parse_stream(output).map_while(Result::ok) {
            let Message::CompilerArtifact(artifact) = message else { continue };
            let package = packages.iter().find(|package| package.id == artifact.package_id);
            if let (Some(package), true, Some(program)) =
                (package, is_suite(&artifact.target), artifact.executable)
            {
                suites.push((package, program));
            }
        }
    })?;
    if !built.success() {
        bail!("the conformance suites do not build");
    }

    let run = |suite| one(suite, surroundings, harness);
    let passed: Vec<Result<bool>> = std::thread::scope(|scope| {
        let threads: Vec<_> = suites.iter().map(|suite| scope.spawn(move || run(suite))).collect();
        threads.into_iter().map(|thread| thread.join().expect("running a suite does not panic")).collect()
    });
    let mut failed = Vec::new();
    for ((package, _), passed) in suites.iter().zip(passed) {
        if !passed? {
            failed.push(package.name.as_str());
        }
    }
    if !failed.is_empty() {
        bail!("does not conform: {}", failed.join(", "));
    }
    Ok(())
}

/// Whether this suite passed. It finds what a test finds that Cargo runs.
fn one(
    (package, program): &(&Package, Utf8PathBuf),
    surroundings: &Surroundings<'_>,
    harness: &[String],
) -> Result<bool> {
    let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
    let mut suite = Command::new(program);
    suite.args(harness).env("CARGO_MANIFEST_DIR", folder).current_dir(folder);
    surroundings.tell(&mut suite);
    suite.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let status = interrupt::follow(&mut suite, |child| {
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            scope.spawn(|| retell(&package.name, output));
            scope.spawn(|| retell(&package.name, errors));
        });
    })?;
    Ok(status.success())
}

/// Each line as it comes, after the name of the crate that it is of.
fn retell(name: &str, from: Option<impl Read>) {
    let Some(from) = from else { return };
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        println!("{name} | {}", String::from_utf8_lossy(&line));
    }
}
