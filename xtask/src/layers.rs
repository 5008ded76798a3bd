//! `cargo xtask ci layers`: which crate may use which, and what every crate and the top folder must look like.
//!
//! The rules are data and short functions over [`Workspace`], so that the tests can show each of them a workspace that
//! breaks it. To add a crate, add it to [`arrows::CRATES`].

mod arrows;
mod manifests;
mod msrv;
mod top_folder;
mod workspace;

#[cfg(test)]
mod tests;

use anyhow::{Result, bail};
use xshell::Shell;

use workspace::Workspace;
pub(crate) use workspace::is_published;

pub(crate) fn check(sh: &Shell) -> Result<()> {
    let workspace = Workspace::load(&sh.current_dir())?;

    let mut problems = arrows::check(&workspace);
    problems.extend(manifests::check(&workspace));
    problems.extend(msrv::check(&workspace));
    problems.extend(top_folder::check(&workspace, &top_folder::tracked_files(sh)?));

    if problems.is_empty() {
        println!("{} crates, every arrow points down", workspace.members.len());
        return Ok(());
    }
    for problem in &problems {
        println!("- {problem}");
    }
    bail!("broken rules of the workspace: {}", problems.len());
}
