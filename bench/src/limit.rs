//! The time limit of the whole process: a benchmark that hangs ends, and says so.

use std::process::exit;
use std::thread;
use std::time::Duration;

/// How long this process may take.
#[derive(clap::Args)]
pub(crate) struct Limit {
    /// End with an error after so many seconds
    #[arg(long = "limit", default_value_t = 120)]
    seconds: u64,
}

impl Limit {
    /// Ends the process when the time is over. By a thread, for tokio may be what hangs.
    pub(crate) fn watch(&self) {
        let seconds = self.seconds;
        thread::spawn(move || {
            thread::sleep(Duration::from_secs(seconds));
            eprintln!("not done within {seconds} s");
            exit(3);
        });
    }
}
