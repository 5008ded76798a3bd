//! The oldest Rust a published crate promises must do for everything it is built from too. This, and clippy's
//! `incompatible_msrv` for our own code, stand in for a build with that old toolchain, which CI does not have.

use cargo_metadata::DependencyKind;

use super::workspace::{Member, Workspace};

/// All that a user compiles: build scripts need the same compiler.
const COMPILED: &[DependencyKind] = &[DependencyKind::Normal, DependencyKind::Build];

pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    workspace.members.iter().filter(|member| member.published).flat_map(|it| too_new(workspace, it)).collect()
}

fn too_new(workspace: &Workspace, member: &Member) -> Vec<String> {
    // Without a promise there is none to break, and the manifest rules complain.
    let Some(promised) = &member.rust_version else { return Vec::new() };
    workspace
        .reach(&member.id, COMPILED)
        .into_iter()
        .filter_map(|reached| {
            let needed = reached.package.rust_version.as_ref().filter(|needed| *needed > promised)?;
            let Member { name, .. } = member;
            Some(format!("{name} > {}: needs Rust {needed}, {name} promises {promised}", reached.way))
        })
        .collect()
}
