//! Lowering the priority of a program for whose end nobody waits.

use std::sync::Arc;

use rustix::process::{Pid, setpriority_pgrp};

use crate::sync::{Mutex, lock};

/// The least that the system gives.
const NICEST: i32 = 19;

/// The priority of a process group, from launch to end. A clone is for the same group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Priority(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// While it is sure to be this group's id.
    group: Option<Pid>,
    lowered: bool,
}

impl Priority {
    /// Has the whole group run where others leave the system idle, now or as soon as there is one.
    pub(crate) fn lower(&self) {
        let mut state = lock(&self.0);
        state.lowered = true;
        state.apply();
    }

    /// From here on the group has this id.
    pub(super) fn begin(&self, group: Pid) {
        let mut state = lock(&self.0);
        state.group = Some(group);
        state.apply();
    }

    /// From here on the id may become another group's.
    pub(super) fn end(&self) {
        lock(&self.0).group = None;
    }
}

impl State {
    fn apply(&self) {
        let Some(group) = self.group.filter(|_| self.lowered) else { return };
        if let Err(error) = setpriority_pgrp(Some(group), NICEST) {
            tracing::debug!(%error, "the priority of a program can't be lowered");
        }
    }
}
