//! `cargo xtask ci ops`: whether Prometheus, Grafana, Kubernetes and KEDA would take the files of occamy-metrics/ops.
//!
//! That the metrics they name are emitted is a test of occamy-metrics, which knows the names.

mod tools;

use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use xshell::{Shell, cmd};

const FOLDER: &str = "occamy-metrics/ops";

pub(crate) fn check(sh: &Shell) -> Result<()> {
    let target = MetadataCommand::new().no_deps().exec()?.target_directory.join("ops").into_std_path_buf();
    sh.create_dir(&target)?;
    // One run tells all there is to mend.
    let results = [("alerts", rules(sh, &target)), ("dashboard and manifests", schemas(sh, &target))];
    let failed =
        results.into_iter().filter_map(|(what, result)| Some(format!("{what}: {:#}", result.err()?)));
    let failed: Vec<_> = failed.collect();
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    Ok(())
}

/// The alerts, and their unit tests.
fn rules(sh: &Shell, target: &Path) -> Result<()> {
    let promtool = tools::promtool(target)?;
    cmd!(sh, "{promtool} check rules {FOLDER}/prometheus/alerts.yaml").run()?;
    cmd!(sh, "{promtool} test rules {FOLDER}/prometheus/alerts.test.yaml").run()?;
    Ok(())
}

/// The dashboard and the manifests, against the schemas of Grafana, Kubernetes and KEDA, and all of their queries.
fn schemas(sh: &Shell, target: &Path) -> Result<()> {
    let (kustomize, build) = tools::kustomize(target)?;
    let mut built = Vec::new();
    for overlay in sh.read_dir(format!("{FOLDER}/kubernetes/overlays"))? {
        let name = overlay.file_name().context("a folder has a name")?.display().to_string();
        let manifests =
            cmd!(sh, "{kustomize} {build} {overlay}").read().with_context(|| format!("build {name}"))?;
        let path = target.join(format!("{name}.yaml"));
        sh.write_file(&path, manifests)?;
        built.push(path);
    }
    let (keda, queries) = (tools::keda(target)?, target.join("queries.yaml"));
    let _packages = sh.push_env("PYTHONPATH", tools::python(target)?);
    // Nothing beside the sources.
    let _cache = sh.push_env("PYTHONDONTWRITEBYTECODE", "1");
    cmd!(sh, "python3 xtask/src/ops/validate.py {keda} {queries} {FOLDER}/grafana/occamy.json {built...}")
        .run()?;
    let promtool = tools::promtool(target)?;
    cmd!(sh, "{promtool} check rules {queries}").run().context("a query of the dashboard or of KEDA")?;
    Ok(())
}
