//! Each rule is shown a workspace that breaks it, made from one that breaks none.

use std::collections::BTreeMap;

use cargo_metadata::semver::Version;
use cargo_metadata::{DependencyKind, PackageId};

use super::workspace::{Declared, Member, Resolved, Workspace};
use super::{arrows, manifests, msrv, top_folder};

#[test]
fn a_workspace_in_order_breaks_no_rule() {
    let workspace = in_order();
    assert_eq!(arrows::check(&workspace), [""; 0]);
    assert_eq!(manifests::check(&workspace), [""; 0]);
    assert_eq!(msrv::check(&workspace), [""; 0]);
    let tracked = ["README.md", "occamy-core/src/lib.rs", ".ci/run"].map(str::to_owned);
    assert_eq!(top_folder::check(&workspace, &tracked), [""; 0]);
}

#[test]
fn arrows_point_down_only() {
    for (from, to) in [
        ("occamy-core", "occamy-runtime"),
        ("occamy-runtime", "occamy-nats"),
        ("occamy-nats", "occamy-runtime"),
        ("occamy-nats", "occamy-amqp"),
        ("occamy-metrics", "occamy-runtime"),
        ("occamy-kafka", "xtask"),
    ] {
        let mut workspace = in_order();
        workspace.depend(from, to, DependencyKind::Normal);
        let expected = format!("{from} may not use {to}: ");
        assert_one(&arrows::check(&workspace), &expected);

        let mut workspace = in_order();
        workspace.depend(from, to, DependencyKind::Build);
        assert_one(&arrows::check(&workspace), &expected);
    }
}

#[test]
fn tests_may_use_what_the_code_may_not() {
    let mut workspace = in_order();
    workspace.depend("occamy-nats", "occamy-runtime", DependencyKind::Development);
    assert_eq!(arrows::check(&workspace), [""; 0]);
}

#[test]
fn an_unknown_crate_is_told_where_to_go() {
    let mut workspace = in_order();
    workspace.add_member("occamy-zeromq");
    assert_one(&arrows::check(&workspace), "occamy-zeromq is not a known crate: add it to CRATES in ");
}

#[test]
fn core_depends_on_its_list_only() {
    let mut workspace = in_order();
    workspace.depend("occamy-core", "serde", DependencyKind::Normal);
    assert_one(&arrows::check(&workspace), "occamy-core may not depend on serde: only on bytes, thiserror");
}

#[test]
fn core_has_its_simulation_behind_a_feature() {
    let mut workspace = in_order();
    workspace.member("occamy-core").dependencies.iter_mut().for_each(|it| it.optional = false);
    assert_one(&arrows::check(&workspace), "occamy-core may use fastrand only behind its feature `sim`");

    for (feature, turns_on) in [("default", "sim"), ("random", "dep:fastrand")] {
        let mut workspace = in_order();
        workspace.member("occamy-core").features.insert(feature.to_owned(), vec![turns_on.to_owned()]);
        let expected = format!("occamy-core's feature `{feature}` turns the simulation on: only `sim` may");
        assert_one(&arrows::check(&workspace), &expected);
    }
}

#[test]
fn core_links_nothing_async_however_deep() {
    let mut workspace = in_order();
    workspace.depend("bytes", "polite", DependencyKind::Normal);
    workspace.depend("polite", "tokio", DependencyKind::Normal);
    assert_one(&arrows::check(&workspace), "occamy-core > bytes > polite > tokio: ");
}

#[test]
fn xtask_links_no_broker_client() {
    let mut workspace = in_order();
    workspace.depend("xtask", "occamy-amqp", DependencyKind::Normal);
    assert_one(&arrows::check(&workspace), "xtask > occamy-amqp > lapin: xtask links no broker client");
}

#[test]
fn manifests_say_what_they_must() {
    type Break = fn(&mut Member);
    let breaks: [(Break, &str); 5] = [
        (|it| it.inherits_lints = false, "must inherit the lints"),
        (|it| it.edition = "2021".to_owned(), "must have the workspace's edition"),
        (|it| it.license = None, "must have a licence"),
        (|it| it.rust_version = None, "must have a rust-version"),
        (|it| it.description = None, "must have a description"),
    ];
    for (break_it, expected) in breaks {
        let mut workspace = in_order();
        break_it(workspace.member("occamy-nats"));
        let expected = format!("occamy-nats/Cargo.toml: occamy-nats {expected}");
        assert_one(&manifests::check(&workspace), &expected);
    }
}

#[test]
fn only_what_is_published_needs_a_description() {
    let mut workspace = in_order();
    workspace.member("xtask").description = None;
    assert_eq!(manifests::check(&workspace), [""; 0]);
}

#[test]
fn unsafe_code_stays_forbidden() {
    let mut workspace = in_order();
    workspace.unsafe_code = Some("deny".to_owned());
    assert_one(&manifests::check(&workspace), "Cargo.toml: [workspace.lints.rust] must say");
}

#[test]
fn a_dependency_may_not_need_a_newer_rust_than_is_promised() {
    for kind in [DependencyKind::Normal, DependencyKind::Build] {
        let mut workspace = in_order();
        workspace.depend("lapin", "hasty", kind);
        workspace.packages.get_mut(&id("hasty")).unwrap().rust_version = Some(Version::new(1, 95, 0));
        let expected = "occamy-amqp > lapin > hasty: needs Rust 1.95.0, occamy-amqp promises 1.88.0";
        assert_one(&msrv::check(&workspace), expected);
    }
}

#[test]
fn what_tests_need_may_be_newer() {
    let mut workspace = in_order();
    workspace.depend("occamy-amqp", "hasty", DependencyKind::Development);
    workspace.packages.get_mut(&id("hasty")).unwrap().rust_version = Some(Version::new(1, 95, 0));
    assert_eq!(msrv::check(&workspace), [""; 0]);
}

#[test]
fn nothing_unknown_lies_at_the_top() {
    let tracked = ["notes.txt", "scratch/a.rs", "scratch/b.rs"].map(str::to_owned);
    let problems = top_folder::check(&in_order(), &tracked);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("notes.txt: ") && problems[1].starts_with("scratch: "), "{problems:?}");
}

/// Every crate there is, each as it ought to be.
fn in_order() -> Workspace {
    let mut workspace =
        Workspace { members: Vec::new(), packages: BTreeMap::new(), unsafe_code: Some("forbid".to_owned()) };
    for known in arrows::CRATES {
        workspace.add_member(known.name);
    }

    for name in ["bytes", "thiserror", "fastrand"] {
        workspace.depend("occamy-core", name, DependencyKind::Normal);
    }
    let core = workspace.member("occamy-core");
    core.dependencies.iter_mut().filter(|it| it.name == "fastrand").for_each(|it| it.optional = true);
    core.features.insert("sim".to_owned(), vec!["dep:fastrand".to_owned()]);

    for name in ["occamy-runtime", "occamy-nats", "occamy-amqp", "occamy-kafka", "occamy-metrics", "xtask"] {
        workspace.depend(name, "occamy-core", DependencyKind::Normal);
    }
    workspace.depend("occamy-amqp", "lapin", DependencyKind::Normal);
    workspace.depend("occamy-examples", "occamy-amqp", DependencyKind::Normal);
    workspace
}

impl Workspace {
    fn add_member(&mut self, name: &str) {
        self.add_package(name);
        self.members.push(Member {
            id: id(name),
            name: name.to_owned(),
            folder: name.to_owned(),
            edition: "2024".to_owned(),
            license: Some("MIT OR Apache-2.0".to_owned()),
            rust_version: Some(Version::new(1, 88, 0)),
            description: Some("A crate".to_owned()),
            published: !["occamy-examples", "xtask"].contains(&name),
            inherits_lints: true,
            dependencies: Vec::new(),
            features: BTreeMap::new(),
        });
    }

    fn add_package(&mut self, name: &str) {
        let package = Resolved { name: name.to_owned(), rust_version: None, uses: Vec::new() };
        self.packages.entry(id(name)).or_insert(package);
    }

    /// Declares the dependency, if `from` is one of ours, and resolves it.
    fn depend(&mut self, from: &str, to: &str, kind: DependencyKind) {
        self.add_package(to);
        self.packages.get_mut(&id(from)).unwrap().uses.push((id(to), kind));
        if let Some(member) = self.members.iter_mut().find(|member| member.name == from) {
            member.dependencies.push(Declared { name: to.to_owned(), kind, optional: false });
        }
    }

    fn member(&mut self, name: &str) -> &mut Member {
        self.members.iter_mut().find(|member| member.name == name).unwrap()
    }
}

fn id(name: &str) -> PackageId {
    PackageId { repr: name.to_owned() }
}

#[track_caller]
fn assert_one(problems: &[String], start: &str) {
    assert!(
        matches!(problems, [problem] if problem.starts_with(start)),
        "expected one problem that starts with {start:?}, got {problems:#?}"
    );
}
