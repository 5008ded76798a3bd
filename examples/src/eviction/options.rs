//! The options of the program.

use std::time::Duration;

use clap::Parser;

/// Measures how quickly a request starts on a server whose slots are all held by assistants that burn the CPU.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Options {
    /// How many tasks run side by side on the server, however many cores there are
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub slots: u16,
    /// How many victims may wind down beside the requests that took their slots, where any may
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub overlap: u16,
    /// How long an assistant computes from one look at its stop to the next, in milliseconds of a core of its own
    #[arg(long, default_value = "20", value_parser = milliseconds)]
    pub check: Duration,
    /// The kill timeout where assistants never look, in milliseconds. Without overlap each request there waits for this
    /// once for every slot
    #[arg(long, default_value = "200", value_parser = milliseconds)]
    pub kill_timeout: Duration,
    /// How often every situation has its turn, each time with a fresh server
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub rounds: u16,
    /// How many requests a server gets in a round. Where assistants never look it is one, or as many as the overlap allows
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub requests: u16,
    /// Print the results as JSON, and nothing else
    #[arg(long)]
    pub json: bool,
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let milliseconds: f64 = text.parse().map_err(|_| "expected a number of milliseconds".to_owned())?;
    if !(0.001..=60_000.0).contains(&milliseconds) {
        return Err("expected 0.001 to 60000 milliseconds".to_owned());
    }
    Ok(Duration::from_secs_f64(milliseconds / 1000.0))
}
