//! The measurement of the program `eviction`: how long a request takes to start when assistants hold every slot.

mod burner;
mod measure;
mod options;
mod probe;
mod report;
mod situation;
mod spread;
mod stage;
mod witness;

pub use options::Options;

use report::Report;

use crate::output::print;

/// The program: measures what the options ask for, and prints the results on standard output.
///
/// # Errors
///
/// If a server can't be built, or does not get to where it can be measured.
pub async fn main(options: &Options) -> anyhow::Result<()> {
    let report = Report::new(options, &measure::measure(options).await?);
    print(options.json, &report, &report.text())
}

#[cfg(test)]
mod tests;
