//! What the rules look at: our crates as their manifests declare them, and the graph of everything they resolve to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::semver::Version;
use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, Node, Package, PackageId};

/// The workspace with all features on, for all targets.
pub(super) struct Workspace {
    pub(super) members: Vec<Member>,
    /// Every package of the resolved graph, ours included.
    pub(super) packages: BTreeMap<PackageId, Resolved>,
    /// What the root manifest says of `unsafe_code`, if anything.
    pub(super) unsafe_code: Option<String>,
}

/// One of our crates, as its manifest declares it.
pub(super) struct Member {
    pub(super) id: PackageId,
    pub(super) name: String,
    /// Its folder, relative to the workspace's.
    pub(super) folder: String,
    pub(super) edition: String,
    pub(super) license: Option<String>,
    pub(super) rust_version: Option<Version>,
    pub(super) description: Option<String>,
    pub(super) published: bool,
    pub(super) inherits_lints: bool,
    pub(super) dependencies: Vec<Declared>,
    pub(super) features: BTreeMap<String, Vec<String>>,
}

/// A dependency as a manifest declares it, whether or not a feature turns it on.
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) kind: DependencyKind,
    pub(super) optional: bool,
}

/// A package somewhere in the resolved graph.
pub(super) struct Resolved {
    pub(super) name: String,
    pub(super) rust_version: Option<Version>,
    pub(super) uses: Vec<(PackageId, DependencyKind)>,
}

impl Workspace {
    pub(super) fn load(root: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .features(CargoOpt::AllFeatures)
            .exec()
            .context("cargo metadata")?;

        let members = metadata
            .workspace_packages()
            .into_iter()
            .map(|package| Member::load(package, &metadata))
            .collect::<Result<_>>()?;
        let root_manifest = read_manifest(&root.join("Cargo.toml"))?;
        let unsafe_code = root_manifest
            .get("workspace")
            .and_then(|workspace| workspace.get("lints")?.get("rust")?.get("unsafe_code")?.as_str())
            .map(str::to_owned);

        Ok(Self { members, packages: resolved(&metadata)?, unsafe_code })
    }

    /// Everything that `from` is built from by dependencies of these kinds, nearest first; each with the names on the
    /// shortest way to it, itself last. `from` is not among them.
    pub(super) fn reach(&self, from: &PackageId, kinds: &[DependencyKind]) -> Vec<Reached<'_>> {
        let mut reached: Vec<Reached<'_>> = Vec::new();
        let mut seen = BTreeSet::from([from]);
        let mut queue = VecDeque::from([(from, Vec::new())]);
        while let Some((id, way)) = queue.pop_front() {
            for (next, kind) in &self.packages[id].uses {
                if !kinds.contains(kind) || !seen.insert(next) {
                    continue;
                }
                let package = &self.packages[next];
                let mut way: Vec<&str> = way.clone();
                way.push(&package.name);
                reached.push(Reached { package, way: way.join(" > ") });
                queue.push_back((next, way));
            }
        }
        reached
    }
}

/// A package and the shortest way to it.
pub(super) struct Reached<'a> {
    pub(super) package: &'a Resolved,
    pub(super) way: String,
}

impl Member {
    fn load(package: &Package, metadata: &Metadata) -> Result<Self> {
        let manifest = read_manifest(package.manifest_path.as_std_path())?;
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
        let folder = folder.strip_prefix(&metadata.workspace_root).unwrap_or(folder);

        Ok(Self {
            id: package.id.clone(),
            name: package.name.to_string(),
            folder: folder.to_string(),
            edition: package.edition.to_string(),
            license: package.license.clone(),
            rust_version: package.rust_version.clone(),
            description: package.description.clone(),
            published: is_published(package),
            inherits_lints: lints == Some(true),
            dependencies: package.dependencies.iter().map(Declared::from).collect(),
            features: package.features.clone(),
        })
    }
}

impl From<&cargo_metadata::Dependency> for Declared {
    fn from(dependency: &cargo_metadata::Dependency) -> Self {
        Self { name: dependency.name.clone(), kind: dependency.kind, optional: dependency.optional }
    }
}

/// Cargo's word for `publish = false` is an empty list of registries.
pub(crate) fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

fn resolved(metadata: &Metadata) -> Result<BTreeMap<PackageId, Resolved>> {
    let graph = metadata.resolve.as_ref().context("cargo metadata resolved no dependencies")?;
    let nodes: BTreeMap<&PackageId, &Node> = graph.nodes.iter().map(|node| (&node.id, node)).collect();

    let packages = metadata.packages.iter().map(|package| {
        let node = nodes[&package.id];
        let uses = node.deps.iter().flat_map(|dependency| {
            dependency.dep_kinds.iter().map(|info| (dependency.pkg.clone(), info.kind))
        });
        let resolved = Resolved {
            name: package.name.to_string(),
            rust_version: package.rust_version.clone(),
            uses: uses.collect(),
        };
        (package.id.clone(), resolved)
    });
    Ok(packages.collect())
}

/// For what `cargo metadata` leaves out: the lints.
fn read_manifest(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    text.parse().with_context(|| format!("parse {}", path.display()))
}
