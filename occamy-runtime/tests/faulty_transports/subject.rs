//! The embedded broker as a subject whose transport breaks a promise, with passwords and certificates that are played.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::{Publisher, Transport, header};
use occamy_core::{Headers, Verdict};
use occamy_runtime::conformance::{
    Answer, Channel, Clock, Connection, DeadLetter, Hostility, Misuse, Mode, Refusal, Subject,
};
use occamy_runtime::memory::MemoryBroker;

use crate::Fault;
use crate::memory::Memory;
use crate::messages::Held;
use crate::transport::{FaultyPublisher, FaultyTransport};

pub(crate) struct Faulty {
    memory: Memory,
    fault: Fault,
    services: Mutex<HashMap<String, Arc<Service>>>,
}

/// What the faulty transports of one service share.
pub(crate) struct Service {
    pub(crate) fault: Fault,
    pub(crate) broker: MemoryBroker,
    pub(crate) lease: Duration,
    /// Servers that ask for requests.
    pub(crate) connected: AtomicUsize,
    pub(crate) requests_sent: AtomicUsize,
    pub(crate) controls_sent: AtomicUsize,
    pub(crate) retries: AtomicUsize,
    pub(crate) restarted: AtomicBool,
    names: Mutex<BTreeSet<String>>,
    refused: Mutex<BTreeSet<String>>,
    pub(crate) held: Mutex<Vec<Held>>,
}

impl Service {
    /// True while the broker is away for this server.
    pub(crate) fn refuses(&self, server: &str) -> bool {
        self.refused.lock().unwrap().contains(server)
    }
}

impl Faulty {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { memory: Memory::default(), fault, services: Mutex::default() }
    }

    fn service(&self, name: &str) -> Arc<Service> {
        let new = || {
            Arc::new(Service {
                fault: self.fault,
                broker: self.memory.broker(name),
                lease: self.lease(),
                connected: AtomicUsize::new(0),
                requests_sent: AtomicUsize::new(0),
                controls_sent: AtomicUsize::new(0),
                retries: AtomicUsize::new(0),
                restarted: AtomicBool::new(false),
                names: Mutex::default(),
                refused: Mutex::default(),
                held: Mutex::default(),
            })
        };
        Arc::clone(self.services().entry(name.to_owned()).or_insert_with(new))
    }

    fn services(&self) -> MutexGuard<'_, HashMap<String, Arc<Service>>> {
        self.services.lock().unwrap()
    }
}

impl Subject for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }

    fn connect<'a>(&'a self, connection: &'a Connection) -> Answer<'a, Box<dyn Transport>> {
        let service = self.service(&connection.service);
        service.names.lock().unwrap().insert(connection.server.clone());
        Box::pin(async move {
            let inner = self.memory.connect(connection).await?;
            Ok(Box::new(FaultyTransport::new(inner, service, &connection.server)) as Box<dyn Transport>)
        })
    }

    fn client<'a>(&'a self, service: &'a str) -> Answer<'a, Box<dyn Publisher>> {
        let service = self.service(service);
        Box::pin(async move {
            let inner = service.broker.publisher();
            Ok(Box::new(FaultyPublisher { inner, service }) as Box<dyn Publisher>)
        })
    }

    fn take_dead_letters<'a>(&'a self, service: &'a str) -> Answer<'a, Vec<DeadLetter>> {
        Box::pin(async {
            let mut letters = self.memory.take_dead_letters(service).await?;
            for letter in &mut letters {
                if letter.headers.integer(header::ATTEMPT).is_ok_and(|attempt| attempt > 1) {
                    match self.fault {
                        Fault::DeadLettersLoseHeaders => {
                            let ours = letter.headers.iter().filter(|(name, _)| name.starts_with("occamy-"));
                            letter.headers = ours.map(|(name, value)| (name, value.clone())).collect();
                        }
                        Fault::DeadLettersLoseReason => drop(letter.headers.remove(header::REASON)),
                        Fault::DeadLettersLoseBody => letter.body = Bytes::new(),
                        _ => {}
                    }
                }
            }
            Ok(letters)
        })
    }

    fn send_hostile<'a>(
        &'a self,
        service: &'a str,
        channel: Channel,
        hostility: Hostility,
        body: Bytes,
    ) -> Answer<'a, bool> {
        self.memory.send_hostile(service, channel, hostility, body)
    }

    fn clean_up<'a>(&'a self, service: &'a str) -> Answer<'a, ()> {
        self.services().remove(service);
        self.memory.clean_up(service)
    }

    fn disturb(&self, connection: &Connection, mode: Mode) {
        let service = self.service(&connection.service);
        match mode {
            Mode::Swallow if self.fault == Fault::TrustsSilence => return,
            Mode::Pass if self.fault == Fault::StaysAway && service.refuses(&connection.server) => return,
            Mode::Refuse => drop(service.refused.lock().unwrap().insert(connection.server.clone())),
            _ => drop(service.refused.lock().unwrap().remove(&connection.server)),
        }
        self.memory.disturb(connection, mode);
    }

    fn in_process(&self) -> bool {
        true
    }

    fn vanish(&self, connection: &Connection) {
        let service = self.service(&connection.service);
        if self.fault == Fault::LosesWithTheServer {
            for held in service.held.lock().unwrap().drain(..) {
                if held.server == connection.server
                    && held.since.elapsed() > service.lease
                    && let Some(message) = held.take()
                {
                    // The embedded broker settles at the first poll.
                    futures_util::FutureExt::now_or_never(message.settle(Verdict::Done));
                }
            }
        }
        self.memory.vanish(connection);
    }

    fn restart_broker<'a>(&'a self, name: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let service = self.service(name);
            self.memory.restart_broker(name).await?;
            service.restarted.store(true, std::sync::atomic::Ordering::SeqCst);
            if self.fault == Fault::SettlesTwiceAfterRestarts {
                for server in &*service.names.lock().unwrap() {
                    service.broker.faults().redeliver(server);
                }
            }
            Ok(())
        })
    }

    fn connect_wrongly<'a>(&'a self, _: &'a str, misuse: &'a Misuse) -> Answer<'a, Refusal> {
        let mut shown = vec![format!("{:?}", self.fault)];
        let error = match (misuse, self.fault) {
            (Misuse::WrongPassword { .. }, Fault::TakesAnyPassword)
            | (Misuse::WrongHostName, Fault::TakesAnyHostName)
            | (Misuse::Expired, Fault::TakesExpired)
            | (Misuse::SelfSigned, Fault::TakesSelfSigned) => None,
            (Misuse::WrongPassword { .. }, Fault::IsUnclear) => Some("no".to_owned()),
            (Misuse::WrongPassword { password }, fault) => {
                match fault {
                    Fault::LogsThePassword => tracing::debug!(password, "connecting"),
                    Fault::ShowsThePassword => shown.push(password.clone()),
                    _ => {}
                }
                let told = if fault == Fault::TellsThePassword { password } else { "***" };
                Some(format!("authentication failed for user:{told}"))
            }
            _ => Some("invalid peer certificate".to_owned()),
        };
        Box::pin(async { Ok(Refusal { error: error.map(Into::into), shown }) })
    }

    fn max_body(&self) -> usize {
        self.memory.max_body()
    }

    fn clock(&self) -> Clock {
        Clock::Tokio
    }

    fn requests(&self) -> usize {
        400
    }
}

/// What a faulty transport makes of headers.
pub(crate) fn spoil(fault: Fault, headers: &Headers) -> Headers {
    use occamy_core::Value;

    let spoilt = headers.iter().map(|(name, value)| {
        let value = match (fault, value) {
            (Fault::FloatsBecomeStrings, Value::Float(number)) => number.to_string().into(),
            (Fault::TrimsStrings, Value::String(text)) => text.trim().into(),
            _ => value.clone(),
        };
        (name.to_owned(), value)
    });
    spoilt.collect()
}
