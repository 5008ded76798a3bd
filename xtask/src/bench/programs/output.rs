//! What a program prints, and the figures in it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::Deserialize;

use crate::bench::spec::Of;

/// One line of JSON.
#[derive(Debug, Deserialize)]
pub(in crate::bench) struct Output {
    figures: BTreeMap<String, f64>,
    /// In nanoseconds.
    samples: BTreeMap<String, Vec<u64>>,
    /// Requests that were handed back.
    pub(in crate::bench) refused: usize,
}

impl Output {
    pub(super) fn of_figure(name: &str, value: f64) -> Self {
        Self { figures: [(name.to_owned(), value)].into(), samples: BTreeMap::new(), refused: 0 }
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        Ok(serde_json::from_str(text)?)
    }

    /// The same code makes percentiles of ours and of the peers' samples.
    pub(in crate::bench) fn read(&self, of: Of) -> Result<f64> {
        match of {
            Of::Figure(name) => {
                self.figures.get(name).copied().with_context(|| format!("no figure {name} was printed"))
            }
            Of::Percentile(name, percent) => {
                let samples = self.samples.get(name).with_context(|| format!("no {name} was printed"))?;
                percentile(samples, percent)
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are kept anyway")]
fn percentile(samples: &[u64], percent: f64) -> Result<f64> {
    let mut histogram = Histogram::<u64>::new(3)?;
    for &sample in samples {
        histogram.record(sample)?;
    }
    Ok(histogram.value_at_quantile(percent / 100.0) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_percentiles_are_read_off_what_a_program_prints() {
        let text = r#"{"figures": {"each": 1.5}, "samples": {"start": [1, 2, 3, 100]}, "refused": 1}"#;
        let output = Output::parse(text).unwrap();
        assert_eq!(output.read(Of::Figure("each")).unwrap(), 1.5);
        assert_eq!(output.read(Of::Percentile("start", 50.0)).unwrap(), 2.0);
        assert_eq!(output.read(Of::Percentile("start", 99.0)).unwrap(), 100.0);
        assert_eq!(output.refused, 1);
        assert!(output.read(Of::Figure("start")).is_err());
        assert!(output.read(Of::Percentile("each", 50.0)).is_err());
    }
}
