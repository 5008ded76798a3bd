//! Restarting a real broker, by the command that the environment names.

use tokio::process::Command;

use super::subject::SubjectError;

const VARIABLE: &str = "OCCAMY_BROKER_CONTROL";

pub(super) async fn restart(broker: &str) -> Result<(), SubjectError> {
    let command = std::env::var(VARIABLE).map_err(|_| {
        format!("set {VARIABLE} to a command that restarts the broker with `restart {broker}` behind it")
    })?;
    let command = format!("{command} restart {broker}");
    let output = Command::new("sh").arg("-c").arg(&command).kill_on_drop(true).output().await?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("`{command}` failed with {}: {}", output.status, said.trim()).into())
    }
}
