//! Commands made of shell scripts, whose output can be waited for.

use occamy_core::{CommandTask, OutputStream, TaskDetails};

use crate::common::{Log, World};

/// A script, with id and group of this name.
pub fn sh(name: &str, script: &str) -> CommandTask {
    CommandTask::new("sh").args(["-c", script]).details(TaskDetails::new(name).group(name))
}

/// Runs until it is killed, and says on stdout when it is deaf to everything else, by its id.
pub const DEAF: &str = "trap '' TERM HUP INT; echo $$; while :; do sleep 1000; done";

/// What a command has written to its stdout.
#[derive(Clone)]
pub struct Said(Log<String>);

impl Said {
    pub fn by(world: &World, command: CommandTask) -> (Self, CommandTask) {
        let said = Self(Log::new(&world.bell));
        let command = command.on_output({
            let said = said.clone();
            move |_, line| {
                if line.stream == OutputStream::Stdout {
                    said.0.add(line.text().into_owned());
                }
            }
        });
        (said, command)
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.get()
    }

    /// Waits for this many lines, which are the ids of processes.
    pub async fn ids(&self, world: &World, count: usize) -> Vec<i32> {
        world.until("ids", || self.lines().len() >= count).await;
        self.lines().iter().map(|line| line.trim().parse().unwrap()).collect()
    }

    /// Waits for the id of the program, which is that of its group.
    pub async fn id(&self, world: &World) -> i32 {
        self.ids(world, 1).await[0]
    }
}
