//! The route-optimisation service of the program `routes`: requests become masters, which grow into spare slots.

mod assistant;
mod board;
mod climb;
mod job;
mod master;
mod timeline;

pub use board::{Board, Row};
pub use job::{ASSIST, Job, SOLVE, handler};
pub use timeline::{SlotTime, Timeline};
