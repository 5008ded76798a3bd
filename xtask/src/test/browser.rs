//! The browser in which the live page is tested.

use anyhow::{Context, Result};

use crate::brokers::{Options, apt, installed};

/// Tells the tests which program it is.
pub(super) const VARIABLE: &str = "OCCAMY_CHROMIUM";

/// What it is called, here and there.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The path of the browser: the one that the environment names, one that is installed, or Debian's.
pub(super) fn find(options: &Options) -> Result<String> {
    if let Ok(given) = std::env::var(VARIABLE) {
        return Ok(given);
    }
    let found = || PROGRAMS.iter().find_map(|program| installed(program).ok());
    let browser = match found() {
        Some(browser) => browser,
        None => {
            apt(&["chromium"], options).context("the live page is tested in Chromium")?;
            installed(PROGRAMS[0])?
        }
    };
    Ok(browser.display().to_string())
}
