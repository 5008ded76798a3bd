//! Lowering the priority of a thread, as the operating system has it.

use std::io;

use crate::IdlePriority;

/// A thread, by the names that the system has for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsThread {
    #[cfg(target_os = "linux")]
    tid: rustix::thread::Pid,
    /// A `pthread_t`, which is a number with some C libraries and a pointer with others.
    #[cfg(target_os = "linux")]
    pthread: usize,
}

#[cfg(target_os = "linux")]
impl OsThread {
    /// The calling thread.
    pub(crate) fn current() -> Self {
        #[allow(clippy::unnecessary_cast, reason = "with musl it is a pointer")]
        let pthread = thread_priority::thread_native_id() as usize;
        Self { tid: rustix::thread::gettid(), pthread }
    }

    /// Lowers the thread as far as the system lets us. It has to be alive: its names are given to others after its end.
    ///
    /// To be called on a thread that does nothing after: its own nice value may have changed, see below.
    pub(crate) fn lower(self) -> io::Result<IdlePriority> {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
            thread_schedule_policy_param,
        };

        const IDLE: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        const NICEST: i32 = 19;

        #[allow(clippy::unnecessary_cast, reason = "with musl it is a pointer")]
        let pthread = self.pthread as thread_priority::ThreadId;
        // After the policy of that thread this sets the nice value of the calling one, and fails if it may not. So its
        // word is worth nothing, and the policy is read back.
        let _ = set_thread_priority_and_policy(pthread, ThreadPriority::Min, IDLE);
        if thread_schedule_policy_param(pthread).is_ok_and(|(policy, _)| policy == IDLE) {
            return Ok(IdlePriority::Idle);
        }
        rustix::process::setpriority_process(Some(self.tid), NICEST)?;
        Ok(IdlePriority::Nice)
    }
}

#[cfg(not(target_os = "linux"))]
impl OsThread {
    pub(crate) fn current() -> Self {
        Self {}
    }

    pub(crate) fn lower(self) -> io::Result<IdlePriority> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
