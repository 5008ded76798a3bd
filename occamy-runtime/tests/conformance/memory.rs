//! The embedded broker as a subject of the kit.

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use occamy_core::transport::Transport;
use occamy_core::{Headers, Value};
use occamy_runtime::conformance::{
    Answer, Channel, Clock, Connection, DeadLetter, Hostility, Misuse, Mode, Refusal, Subject,
};
use occamy_runtime::memory::MemoryBroker;

/// A broker for each service.
#[derive(Default)]
pub(crate) struct Memory(Mutex<HashMap<String, MemoryBroker>>);

impl Memory {
    pub(crate) fn broker(&self, service: &str) -> MemoryBroker {
        let mut brokers = self.0.lock().expect("nothing panics while it is locked");
        let new = || MemoryBroker::builder().lease(Subject::lease(self)).build();
        brokers.entry(service.to_owned()).or_insert_with(new).clone()
    }
}

impl Subject for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    fn connect<'a>(&'a self, connection: &'a Connection) -> Answer<'a, Box<dyn Transport>> {
        Box::pin(async {
            let transport = self.broker(&connection.service).connect(&*connection.server);
            Ok(Box::new(transport) as Box<dyn Transport>)
        })
    }

    fn take_dead_letters<'a>(&'a self, service: &'a str) -> Answer<'a, Vec<DeadLetter>> {
        Box::pin(async {
            let letters = self.broker(service).take_dead_letters().into_iter();
            Ok(letters.map(|letter| DeadLetter { headers: letter.headers, body: letter.body }).collect())
        })
    }

    fn send_hostile<'a>(
        &'a self,
        service: &'a str,
        channel: Channel,
        hostility: Hostility,
        body: Bytes,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut headers = Headers::new();
            match hostility {
                Hostility::WrongTypes => {
                    headers.extend([("task-id", Value::from(7)), ("occamy-attempt", Value::from("x"))]);
                }
                Hostility::LongValue => headers.append("long", "x".repeat(500_000)),
                Hostility::InvalidUtf8 => headers.append("bytes", Bytes::from_static(b"\xff\xfe")),
                Hostility::Nesting => {
                    let mut value = Value::Null;
                    for _ in 0..500 {
                        value = Value::list([value])?;
                    }
                    headers.append("deep", value);
                }
                Hostility::ManyKeys => headers.extend((0..5_000).map(|key| (key.to_string(), key))),
                Hostility::BareCr => headers.append("line", "a\rb"),
                _ => return Ok(false),
            }
            let publisher = self.broker(service).publisher();
            match channel {
                Channel::Request => publisher.request(headers, body).await?,
                Channel::Control => publisher.control(headers, body).await?,
            }
            Ok(true)
        })
    }

    fn clean_up<'a>(&'a self, service: &'a str) -> Answer<'a, ()> {
        self.0.lock().expect("nothing panics while it is locked").remove(service);
        Box::pin(async { Ok(()) })
    }

    fn disturb(&self, connection: &Connection, mode: Mode) {
        let faults = self.broker(&connection.service).faults();
        match mode {
            Mode::Pass => faults.restore(&connection.server),
            Mode::Refuse | Mode::Swallow => faults.cut(&connection.server),
            Mode::Cut => {
                faults.cut(&connection.server);
                faults.restore(&connection.server);
            }
        }
    }

    fn in_process(&self) -> bool {
        true
    }

    fn vanish(&self, connection: &Connection) {
        self.broker(&connection.service).faults().cut(&connection.server);
    }

    fn restart_broker<'a>(&'a self, service: &'a str) -> Answer<'a, ()> {
        Box::pin(async {
            let faults = self.broker(service).faults();
            faults.stop();
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            faults.start();
            Ok(())
        })
    }

    fn connect_wrongly<'a>(&'a self, _: &'a str, _: &'a Misuse) -> Answer<'a, Refusal> {
        Box::pin(async { Err("it knows neither passwords nor TLS".into()) })
    }

    fn max_body(&self) -> usize {
        1 << 20 // The broker's default.
    }

    fn clock(&self) -> Clock {
        Clock::Tokio
    }

    fn not_applicable(&self, check: &str) -> Option<String> {
        let secured = check.starts_with("tls_") || check == "wrong_password";
        secured.then(|| "the broker lives in the process of its servers: nobody logs in".to_owned())
    }
}
