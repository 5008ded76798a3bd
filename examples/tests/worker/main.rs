//! The real program `worker`: lines in, processes started, lines out.

#![cfg(target_os = "linux")]

mod ending;
mod messages;
mod options;
mod processes;
mod support;
