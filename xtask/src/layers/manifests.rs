//! What every manifest of the workspace must say.

use super::workspace::{Member, Workspace};

const EDITION: &str = "2024";

pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    let mut problems: Vec<_> = workspace.members.iter().flat_map(manifest).collect();
    if workspace.unsafe_code.as_deref() != Some("forbid") {
        problems.push("Cargo.toml: [workspace.lints.rust] must say unsafe_code = \"forbid\"".to_owned());
    }
    problems
}

fn manifest(member: &Member) -> impl Iterator<Item = String> {
    let rules = [
        (member.inherits_lints, "must inherit the lints: [lints] workspace = true"),
        (member.edition == EDITION, "must have the workspace's edition: edition.workspace = true"),
        (member.license.is_some(), "must have a licence: license.workspace = true"),
        (member.rust_version.is_some(), "must have a rust-version"),
        (member.description.is_some() || !member.published, "must have a description, for it is published"),
    ];
    rules
        .into_iter()
        .filter(|(kept, _)| !kept)
        .map(|(_, rule)| format!("{}/Cargo.toml: {} {rule}", member.folder, member.name))
}
