//! The page with the last figures: each benchmark's stand between two marks, which are all that is touched.

use anyhow::{Context, Result};
use xshell::Shell;

use super::report::Report;

const PAGE: &str = "bench/README.md";

/// Puts the report's figures into the page.
pub(super) fn refresh(sh: &Shell, report: &Report) -> Result<()> {
    let mut page = sh.read_file(PAGE)?;
    for entry in &report.benchmarks {
        page = replace(&page, &entry.name.as_str(), &report.figures(entry))?;
    }
    sh.write_file(PAGE, page)?;
    eprintln!("{PAGE} has the new figures");
    Ok(())
}

fn replace(page: &str, name: &str, figures: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- figures: {name} -->\n"), "<!-- end -->");
    let missing = || format!("{PAGE} has no place for the figures of {name}: {}", begin.trim_end());
    let (before, rest) = page.split_once(&begin).with_context(missing)?;
    let (_, after) = rest.split_once(end).with_context(missing)?;
    Ok(format!("{before}{begin}\n{figures}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::bench::catalogue::Name;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = "a\n<!-- figures: x -->\nold\n<!-- end -->\nb\n<!-- figures: y -->\nkept\n<!-- end -->\n";
        let new = replace(page, "x", "new\n").unwrap();
        assert_eq!(new, page.replace("old\n", "\nnew\n\n"));
        assert_eq!(replace(&new, "x", "new\n").unwrap(), new, "and again");
        assert!(replace(page, "z", "new").unwrap_err().to_string().contains("no place for the figures of z"));
    }

    #[test]
    fn the_page_has_a_place_for_each_benchmark() {
        let page = include_str!("../../../bench/README.md");
        for name in Name::value_variants() {
            replace(page, &name.as_str(), "").unwrap();
        }
    }
}
