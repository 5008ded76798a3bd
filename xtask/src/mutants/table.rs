//! The table of mutants, and how one is made.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::workspace_root;

/// Where the table is, in the workspace.
const TABLE: &str = "xtask/mutants/scheduler.toml";

/// One way to break the scheduler.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    /// What to call it.
    pub(super) name: String,
    /// The rule that it breaks.
    pub(super) breaks: String,
    /// A file of occamy-core/src.
    pub(super) file: String,
    /// A text that is in the file exactly once.
    find: String,
    /// What to put in its place.
    replace: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    mutant: Vec<Mutant>,
}

/// Reads the table.
pub(super) fn read() -> Result<Vec<Mutant>> {
    let text = std::fs::read_to_string(workspace_root().join(TABLE))
        .with_context(|| format!("can't read {TABLE}"))?;
    let table: Table = toml::from_str(&text).with_context(|| format!("can't make sense of {TABLE}"))?;
    Ok(table.mutant)
}

impl Mutant {
    /// The file's text with the break in it.
    pub(super) fn apply(&self, sound: &str) -> Result<String> {
        let found = sound.matches(&self.find).count();
        ensure!(
            found == 1,
            "the text to find is in {} {found} times: bring {TABLE} up to date with the code",
            self.file
        );
        Ok(sound.replacen(&self.find, &self.replace, 1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_mutant_fits_the_code_as_it_is() {
        let mutants = read().unwrap();
        let names: BTreeSet<_> = mutants.iter().map(|mutant| &mutant.name).collect();
        assert_eq!(names.len(), mutants.len(), "two mutants have the same name");
        for mutant in &mutants {
            let file = workspace_root().join("occamy-core/src").join(&mutant.file);
            let broken = mutant.apply(&std::fs::read_to_string(file).unwrap());
            assert!(broken.is_ok(), "{}: {broken:?}", mutant.name);
        }
    }
}
