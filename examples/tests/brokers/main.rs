//! The programs with real brokers, each in processes of its own. Without a URL in the environment, as in `OCCAMY_NATS_URL`,
//! the tests at that broker say that they are skipped.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

#[macro_use]
mod service;
mod amqp_server;
mod handler_mux;
mod kafka;
mod kafka_server;
mod nats;
mod nats_server;
#[path = "../support/process.rs"]
mod process;
mod python;
mod rabbitmq;
mod routes;
mod worker;
