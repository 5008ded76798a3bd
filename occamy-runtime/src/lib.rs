//! Runs the scheduler of Occamy with tokio and threads.
