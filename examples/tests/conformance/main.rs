//! The example `custom_transport` is run against the conformance kit: `cargo xtask conformance redis`.

mod guarded;
mod hostile;
mod redis;

use std::process::ExitCode;

const URL: &str = "OCCAMY_REDIS_URL";

fn main() -> ExitCode {
    match std::env::var(URL) {
        Ok(url) if !url.is_empty() => occamy_runtime::conformance::main(redis::Redis::at(url)),
        _ => {
            eprintln!("skipped: {URL} names no Redis; `cargo xtask conformance redis` starts one");
            ExitCode::SUCCESS
        }
    }
}
