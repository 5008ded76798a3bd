//! Leftover and wedged threads run at idle priority, and never for anybody else, with and without privilege, and
//! where the system refuses.
//!
//! The program runs itself once for each of these systems.

mod common;

#[cfg(target_os = "linux")]
#[path = "priority/linux.rs"]
mod linux;

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
}
