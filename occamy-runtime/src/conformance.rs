//! The conformance kit: one suite that every transport is run against, the project's own and yours.
//!
//! [`occamy_core::transport`] says what a transport promises. This finds out whether it keeps that, with real servers on
//! a real broker, each promise as a check of its own name. Whoever writes a transport implements [`Subject`] for it, and
//! makes a test without a harness whose `main` is the kit's:
//!
//! ```toml
//! [dev-dependencies]
//! occamy-runtime = { version = "0.1.0", features = ["conformance"] }
//!
//! [[test]]
//! name = "conformance"
//! harness = false
//! ```
//!
//! Then `cargo test --test conformance` runs all checks and prints a line for each; behind `--` it takes names of checks,
//! `--list`, and `--seed` with the number that an earlier run has printed.
//!
//! The feature belongs into `dev-dependencies`: it gives the kit the means to pause tokio's clock.
//!
//! # The checks
//!
//! | check | what is promised |
//! | --- | --- |
//! | `request_to_one_server` | A request goes to exactly one server. |
//! | `in_flight_within_slots` | A server has no more requests unsettled than it has slots, settlements under way included. |
//! | `long_task_keeps_its_lease` | A task may run longer than the lease, and is delivered once. |
//! | `settle_in_any_order` | Requests can be settled in any order; what isn't settled comes again. |
//! | `requeue_reaches_another_server` | What is handed back reaches another server. |
//! | `requeue_does_not_spin` | What a lone server hands back comes again, at most every 50 ms. |
//! | `handing_back_uses_up_no_attempts` | Only a retry counts as an attempt. |
//! | `dead_letter_after_max_attempts` | A failing request becomes a dead letter, with body, headers and reason. |
//! | `bad_request_dies_at_once` | A request that the handler refuses becomes a dead letter at once. |
//! | `typed_headers_round_trip` | Headers keep their types and values. |
//! | `hostile_headers_do_no_harm` | After headers that were made to do harm both servers work as before. |
//! | `empty_and_maximal_bodies` | Both come through, the largest also as a dead letter. A larger one is refused by name. |
//! | `control_to_every_server` | A control message goes to every server, the sender's own included, once. |
//! | `control_flood_delays_no_request` | A request comes past 5,000 unread control messages. |
//! | `killed_server_loses_nothing` | What a server was working on whose process was killed runs elsewhere. |
//! | `broker_away` | For 30 s nothing can be reached: servers stay, with few errors, little CPU time, bounded memory and a bounded outbox; 10 s later they work. |
//! | `half_open_connection` | A connection whose other side is silent is given up within 35 s. |
//! | `broker_restarted` | A task goes on meanwhile. It is settled once, or its stale settlement is dropped and counted. |
//! | `shutdown_under_load` | Every request is settled, or goes to another server. |
//! | `nothing_runs_twice_without_faults` | Of 10,000 requests each runs once. |
//! | `nothing_is_lost_whatever_happens` | 10,000 requests, of which some fail, on servers that die: sent = done + dead letters. |
//! | `wrong_password` | It is a clear error, and in no log, error or `Debug`. |
//! | `tls_wrong_host_name`, `tls_expired`, `tls_self_signed` | Such a certificate is refused with a clear error. |
//!
//! Checks run side by side. Each has a service of its own on the broker, each of its servers a connection of its own,
//! through a [`Proxy`] that cuts, refuses or swallows; only `broker_restarted` touches the broker itself, last and alone.
//! Each is limited in time. One that fails says what was expected, and lists what was seen.
//!
//! A check can be [not applicable](Subject::not_applicable), because a broker has no such thing as passwords. Its reason
//! is printed.
//!
//! # What the kit relies on
//!
//! - After [`connect`](Subject::connect), and once both streams have been asked for a first message, nothing that is sent
//!   passes the server by: subscribe by then.
//! - The connection's monitor is told of `Connected`, `Disconnected`, `Reconnected` and `StaleSettlement`.
//! - A server is found dead, and its requests are delivered elsewhere, within the [`lease`](Subject::lease) and 20 s.
//! - The program can be started again: `killed_server_loses_nothing` and `broker_away` need servers in processes of their
//!   own, which connect by the same [`Subject`], made anew.
//!
//! # Example
//!
//! All of `tests/conformance.rs` for the embedded broker, which lives in this process and knows neither passwords nor
//! TLS:
//!
//! ```
//! use std::collections::HashMap;
//! use std::process::ExitCode;
//! use std::sync::Mutex;
//!
//! use bytes::Bytes;
//! use occamy_core::transport::Transport;
//! use occamy_core::{Headers, Value};
//! use occamy_runtime::conformance::{
//!     Answer, Channel, Clock, Connection, DeadLetter, Hostility, Misuse, Mode, Refusal, Subject, run,
//! };
//! use occamy_runtime::memory::MemoryBroker;
//!
//! /// A broker for each service.
//! #[derive(Default)]
//! struct Memory(Mutex<HashMap<String, MemoryBroker>>);
//!
//! impl Memory {
//!     fn broker(&self, service: &str) -> MemoryBroker {
//!         let mut brokers = self.0.lock().expect("nothing panics while it is locked");
//!         let new = || MemoryBroker::builder().lease(Subject::lease(self)).build();
//!         brokers.entry(service.to_owned()).or_insert_with(new).clone()
//!     }
//! }
//!
//! impl Subject for Memory {
//!     fn name(&self) -> &str {
//!         "memory"
//!     }
//!
//!     fn connect<'a>(&'a self, connection: &'a Connection) -> Answer<'a, Box<dyn Transport>> {
//!         Box::pin(async {
//!             let transport = self.broker(&connection.service).connect(&*connection.server);
//!             Ok(Box::new(transport) as Box<dyn Transport>)
//!         })
//!     }
//!
//!     fn take_dead_letters<'a>(&'a self, service: &'a str) -> Answer<'a, Vec<DeadLetter>> {
//!         Box::pin(async {
//!             let letters = self.broker(service).take_dead_letters().into_iter();
//!             Ok(letters.map(|letter| DeadLetter { headers: letter.headers, body: letter.body }).collect())
//!         })
//!     }
//!
//!     fn send_hostile<'a>(
//!         &'a self,
//!         service: &'a str,
//!         channel: Channel,
//!         hostility: Hostility,
//!         body: Bytes,
//!     ) -> Answer<'a, bool> {
//!         Box::pin(async move {
//!             let mut headers = Headers::new();
//!             match hostility {
//!                 Hostility::WrongTypes => {
//!                     headers.extend([("task-id", Value::from(7)), ("occamy-attempt", Value::from("x"))]);
//!                 }
//!                 Hostility::LongValue => headers.append("long", "x".repeat(500_000)),
//!                 Hostility::InvalidUtf8 => headers.append("bytes", Bytes::from_static(b"\xff\xfe")),
//!                 Hostility::Nesting => {
//!                     let mut value = Value::Null;
//!                     for _ in 0..500 {
//!                         value = Value::list([value])?;
//!                     }
//!                     headers.append("deep", value);
//!                 }
//!                 Hostility::ManyKeys => headers.extend((0..5_000).map(|key| (key.to_string(), key))),
//!                 Hostility::BareCr => headers.append("line", "a\rb"),
//!                 _ => return Ok(false),
//!             }
//!             let publisher = self.broker(service).publisher();
//!             match channel {
//!                 Channel::Request => publisher.request(headers, body).await?,
//!                 Channel::Control => publisher.control(headers, body).await?,
//!             }
//!             Ok(true)
//!         })
//!     }
//!
//!     fn clean_up<'a>(&'a self, service: &'a str) -> Answer<'a, ()> {
//!         self.0.lock().expect("nothing panics while it is locked").remove(service);
//!         Box::pin(async { Ok(()) })
//!     }
//!
//!     fn disturb(&self, connection: &Connection, mode: Mode) {
//!         let faults = self.broker(&connection.service).faults();
//!         match mode {
//!             Mode::Pass => faults.restore(&connection.server),
//!             Mode::Refuse | Mode::Swallow => faults.cut(&connection.server),
//!             Mode::Cut => {
//!                 faults.cut(&connection.server);
//!                 faults.restore(&connection.server);
//!             }
//!         }
//!     }
//!
//!     fn in_process(&self) -> bool {
//!         true
//!     }
//!
//!     fn vanish(&self, connection: &Connection) {
//!         self.broker(&connection.service).faults().cut(&connection.server);
//!     }
//!
//!     fn restart_broker<'a>(&'a self, service: &'a str) -> Answer<'a, ()> {
//!         Box::pin(async {
//!             let faults = self.broker(service).faults();
//!             faults.stop();
//!             tokio::time::sleep(std::time::Duration::from_secs(1)).await;
//!             faults.start();
//!             Ok(())
//!         })
//!     }
//!
//!     fn connect_wrongly<'a>(&'a self, _: &'a str, _: &'a Misuse) -> Answer<'a, Refusal> {
//!         Box::pin(async { Err("it knows neither passwords nor TLS".into()) })
//!     }
//!
//!     fn max_body(&self) -> usize {
//!         1 << 20 // The broker's default.
//!     }
//!
//!     fn clock(&self) -> Clock {
//!         Clock::Tokio
//!     }
//!
//!     fn not_applicable(&self, check: &str) -> Option<String> {
//!         let secured = check.starts_with("tls_") || check == "wrong_password";
//!         secured.then(|| "the broker lives in the process of its servers: nobody logs in".to_owned())
//!     }
//! }
//!
//! # fn real_main() -> ExitCode {
//! // fn main() -> ExitCode {
//! occamy_runtime::conformance::main(Memory::default())
//! // }
//! # }
//! # let subject: std::sync::Arc<dyn Subject> = std::sync::Arc::new(Memory::default());
//! # let report = run(&subject, 1, |check| check == "request_to_one_server", |_| ());
//! # assert!(report.is_passed(), "{report:?}");
//! # assert_eq!(report.outcomes.len(), 1);
//! ```

mod checks;
mod client;
mod control;
mod failure;
mod log;
mod main;
mod proxy;
mod report;
mod runner;
mod secrets;
mod serving;
mod subject;
mod witness;
mod worker;
mod world;

pub use main::main;
pub use proxy::{Mode, Proxy};
pub use report::{CheckOutcome, CheckVerdict, Report};
pub use runner::{checks, run};
pub use subject::{
    Answer, Channel, Clock, Connection, DeadLetter, Hostility, Misuse, Refusal, Subject, SubjectError,
};
