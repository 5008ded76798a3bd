//! What the embedded broker promises, one test a promise. Time is paused: no test sleeps for real.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod chaos;
mod controls;
mod leases;
mod outages;
mod publishing;
mod requests;
mod runtimes;
mod verdicts;
mod world;
