//! Which crate may use which. Tests are exempt: an adapter's own may run the runtime's conformance kit.

use cargo_metadata::DependencyKind;

use super::workspace::{Declared, Member, Workspace};

/// A crate of this workspace and the crates of this workspace it may use.
pub(super) struct Crate {
    pub(super) name: &'static str,
    may_use: MayUse,
}

enum MayUse {
    These(&'static [&'static str]),
    Everything,
}

use MayUse::{Everything, These};

/// Every crate there is, from the lowest layer up.
pub(super) const CRATES: &[Crate] = &[
    Crate { name: CORE, may_use: These(&[]) },
    Crate { name: "occamy-runtime", may_use: These(&[CORE]) },
    Crate { name: TRANSPORT, may_use: These(&[CORE]) },
    Crate { name: "occamy-nats", may_use: These(ADAPTER) },
    Crate { name: "occamy-amqp", may_use: These(ADAPTER) },
    Crate { name: "occamy-kafka", may_use: These(ADAPTER) },
    Crate { name: "occamy-metrics", may_use: These(&[CORE]) },
    Crate { name: "occamy-examples", may_use: Everything },
    Crate { name: "occamy-example-opentelemetry", may_use: Everything },
    Crate { name: "occamy-bench", may_use: Everything },
    Crate { name: XTASK, may_use: Everything },
];

const CORE: &str = "occamy-core";
const TRANSPORT: &str = "occamy-transport";
/// What an adapter for a broker may use: not the runtime, and not another adapter.
const ADAPTER: &[&str] = &[CORE, TRANSPORT];
const XTASK: &str = "xtask";

/// All that core may depend on outside the standard library.
const CORE_DEPENDENCIES: &[&str] = &["bytes", "thiserror"];

/// Core's feature for the simulation, off by default, and the one dependency that it adds to the list.
const SIMULATION: (&str, &str) = ("sim", "fastrand");

/// Core is a state machine: nothing below it may bring a runtime, a reactor or an executor.
const ASYNC: &[&str] = &[
    "async-executor",
    "async-io",
    "async-std",
    "futures",
    "futures-executor",
    "futures-util",
    "mio",
    "smol",
    "tokio",
    "tokio-util",
];

/// The project's commands must build in seconds on a machine that has no broker.
const BROKER_CLIENTS: &[&str] = &["async-nats", "lapin", "rdkafka", "rdkafka-sys"];

/// What is linked into a crate. A build script's dependencies are not.
const LINKED: &[DependencyKind] = &[DependencyKind::Normal];

pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    let mut problems = Vec::new();
    for member in &workspace.members {
        match CRATES.iter().find(|known| known.name == member.name) {
            Some(known) => problems.extend(own_crates(member, known)),
            None => problems.push(format!(
                "{} is not a known crate: add it to CRATES in xtask/src/layers/arrows.rs, with the crates it may use",
                member.name
            )),
        }
        if member.name == CORE {
            problems.extend(core_dependencies(member));
            problems.extend(not_linked(workspace, member, ASYNC, "nothing async but std::future"));
        }
        if member.name == XTASK {
            problems.extend(not_linked(workspace, member, BROKER_CLIENTS, "no broker client"));
        }
    }
    problems
}

fn own_crates(member: &Member, known: &Crate) -> Vec<String> {
    let These(allowed) = known.may_use else { return Vec::new() };

    built_from(member)
        .filter(|dependency| is_ours(&dependency.name) && !allowed.contains(&dependency.name.as_str()))
        .map(|dependency| match allowed {
            [] => format!("{} may not use {}: it is the lowest layer", member.name, dependency.name),
            _ => format!("{} may not use {}: only {}", member.name, dependency.name, allowed.join(", ")),
        })
        .collect()
}

fn core_dependencies(core: &Member) -> Vec<String> {
    let (sim, random) = SIMULATION;
    let mut problems = Vec::new();

    for Declared { name, optional, .. } in built_from(core) {
        if name == random {
            if !optional {
                problems.push(format!(
                    "{CORE} may use {random} only behind its feature `{sim}`: make it optional"
                ));
            }
        } else if !CORE_DEPENDENCIES.contains(&name.as_str()) && !is_ours(name) {
            problems
                .push(format!("{CORE} may not depend on {name}: only on {}", CORE_DEPENDENCIES.join(", ")));
        }
    }
    for (feature, turns_on) in core.features.iter().filter(|(feature, _)| *feature != sim) {
        if turns_on.iter().any(|it| it == sim || it.contains(random)) {
            problems.push(format!("{CORE}'s feature `{feature}` turns the simulation on: only `{sim}` may"));
        }
    }
    problems
}

fn is_ours(name: &str) -> bool {
    CRATES.iter().any(|known| known.name == name)
}

fn built_from(member: &Member) -> impl Iterator<Item = &Declared> {
    member.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development)
}

fn not_linked(workspace: &Workspace, member: &Member, banned: &[&str], why: &str) -> Vec<String> {
    workspace
        .reach(&member.id, LINKED)
        .into_iter()
        .filter(|reached| banned.contains(&reached.package.name.as_str()))
        .map(|reached| format!("{} > {}: {} links {why}", member.name, reached.way, member.name))
        .collect()
}
