//! The program of the tests once more, in a process of its own, for what no process may do that others share.

use std::process::Command;

/// Tells the program what to be.
const ROLE: &str = "OCCAMY_TEST_ROLE";

/// Runs this one test and no other, in this role.
pub fn command(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ROLE, role);
    command
}

/// The role of this process. `None` if it just runs the tests.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}
