//! What the system knows of processes: read from `/proc`.

use std::time::{Duration, Instant};

/// In real time. Only a test that fails takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// One process.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub id: i32,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    pub nice: i32,
    /// It has ended, and its parent hasn't waited for it.
    pub zombie: bool,
}

/// All processes of the machine.
pub fn all() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter_map(read).collect()
}

/// `None` if there is no such process.
fn read(id: i32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name stands in parentheses and may hold anything.
    let fields = stat[stat.rfind(')')? + 1..].split_whitespace().collect::<Vec<_>>();
    let number = |index: usize| fields[index].parse().ok();
    Some(Process {
        id,
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        nice: number(16)?,
        zombie: matches!(fields[0], "Z" | "X"),
    })
}

/// The processes of a group, zombies included.
pub fn of_group(group: i32) -> Vec<Process> {
    all().into_iter().filter(|process| process.group == group).collect()
}

/// Waits until nothing of these groups runs. What has ended may have no parent that waits for it.
pub async fn until_gone(groups: &[i32]) {
    until_none(|| any_runs(groups)).await;
}

/// Waits until no process has this among its arguments.
pub async fn until_unmarked(mark: &str) {
    let marked = |process: &Process| {
        let arguments = std::fs::read(format!("/proc/{}/cmdline", process.id)).unwrap_or_default();
        arguments.split(|&byte| byte == 0).any(|argument| argument == mark.as_bytes())
    };
    until_none(|| all().iter().any(marked)).await;
}

/// Waits until there is none of what the test looks for.
pub async fn until_none(any: impl Fn() -> bool) {
    let begin = Instant::now();
    while any() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain: no such process runs");
        tokio::time::sleep(PAUSE).await;
    }
}

/// True if a process of these groups runs.
pub fn any_runs(groups: &[i32]) -> bool {
    all().iter().any(|process| groups.contains(&process.group) && !process.zombie)
}

/// Waits for a condition that nobody reports. Blocks the thread.
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(PAUSE);
    }
}
