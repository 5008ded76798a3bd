//! The simulated fleet: servers and the broker between them, from the first arrival to the last end.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::floor::{Due, Floor};
use super::site::Site;
use crate::times::Times;

/// The fleet.
pub(super) struct World {
    floor: Floor,
    servers: Vec<Server>,
    /// Requests that no server has asked for yet, in the order of arrival.
    waiting: VecDeque<usize>,
    /// Those that ask for requests. The broker serves them in turn, the first kind first.
    asking: [BTreeSet<usize>; 2],
    /// Whether those with an empty slot are of the first kind. Otherwise all are of the same.
    empty_first: bool,
    last_served: usize,
    /// Requests that have arrived and not ended, and what they could have used of the fleet's cores up to then.
    open: usize,
    usable: Duration,
    at: Duration,
    slots: usize,
}

struct Server {
    site: Box<dyn Site>,
    requests: usize,
    /// Since it has any.
    since: Duration,
    /// Without the time since then.
    with_work: Duration,
}

/// What became of a trace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) times: Vec<Times>,
    /// When the last request arrived: what comes after is no longer the load that was asked for.
    pub(super) at_last_arrival: CoreTime,
    pub(super) at_end: CoreTime,
}

/// What the time of all cores went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CoreTime {
    pub(super) useful: Duration,
    pub(super) thrown: Duration,
    /// That of servers while they had a request.
    pub(super) of_servers: Duration,
    /// What the requests in the fleet could have used of it, each a server's slots at most.
    pub(super) of_fleet: Duration,
}

impl World {
    /// Servers of so many slots.
    pub(super) fn new(floor: Floor, slots: usize, sites: Vec<Box<dyn Site>>, empty_first: bool) -> Self {
        let asking = [(0..sites.len()).collect(), BTreeSet::new()];
        let servers = sites.into_iter().map(Server::new).collect();
        Self {
            floor,
            servers,
            waiting: VecDeque::new(),
            asking,
            empty_first,
            last_served: 0,
            open: 0,
            usable: Duration::ZERO,
            at: Duration::ZERO,
            slots,
        }
    }

    pub(super) fn run(mut self) -> Result<Outcome> {
        let mut left = self.floor.requests();
        let (mut arrivals, mut at_last_arrival) = (left, None);
        while left > 0 {
            let due = self.floor.next().context("requests are left, and nothing is due")?;
            self.count();
            let server = match due {
                Due::Arrival(request) => {
                    arrivals -= 1;
                    if arrivals == 0 {
                        at_last_arrival = Some(self.core_time());
                    }
                    self.open += 1;
                    self.waiting.push_back(request);
                    None
                }
                Due::Done(request) => {
                    left -= 1;
                    self.open -= 1;
                    let (server, hands) = (self.floor.server(request), self.floor.dismiss(request));
                    self.servers[server].one_less(self.floor.now);
                    self.servers[server].site.done(request, hands, &mut self.floor);
                    Some(server)
                }
                Due::Told(server, note) => {
                    self.servers[server].site.told(note, &mut self.floor);
                    Some(server)
                }
            };
            if let Some(server) = server {
                self.look_at(server);
            }
            self.hand_out();
            if let Some(server) = server {
                self.servers[server].site.rest(&mut self.floor);
                self.look_at(server);
            }
            self.floor.reckon();
        }
        ensure!(self.waiting.is_empty(), "nobody took {} requests", self.waiting.len());
        Ok(Outcome {
            times: self.floor.times().context("a request has ended without a start")?,
            at_last_arrival: at_last_arrival.context("no request has arrived")?,
            at_end: self.core_time(),
        })
    }

    fn core_time(&mut self) -> CoreTime {
        let now = self.floor.now;
        let with_work: Duration = self.servers.iter().map(|server| server.with_work(now)).sum();
        CoreTime {
            useful: self.floor.useful(),
            thrown: self.floor.thrown,
            of_servers: with_work * cores(self.slots),
            of_fleet: self.usable,
        }
    }

    /// Counts the time up to now.
    fn count(&mut self) {
        let usable = self.slots * self.open.min(self.servers.len());
        self.usable += (self.floor.now - self.at) * cores(usable);
        self.at = self.floor.now;
    }

    /// Hands requests to those who ask for them, one server after the other.
    fn hand_out(&mut self) {
        while !self.waiting.is_empty() {
            let in_turn = |kind: &BTreeSet<usize>| {
                kind.range(self.last_served + 1..).next().or_else(|| kind.first()).copied()
            };
            let Some(server) = self.asking.iter().find_map(in_turn) else { return };
            let Some(request) = self.waiting.pop_front() else { return };
            self.last_served = server;
            self.floor.hand_over(request, server);
            self.servers[server].one_more(self.floor.now);
            self.servers[server].site.take(request, &mut self.floor);
            self.look_at(server);
            if self.waiting.is_empty() {
                self.servers[server].site.rest(&mut self.floor);
                self.look_at(server);
            }
        }
    }

    /// Notes whether a server asks for requests.
    fn look_at(&mut self, server: usize) {
        let site = &self.servers[server].site;
        let kind = usize::from(self.empty_first && !site.has_empty_slot());
        let asks = site.room() > 0;
        for (other, asking) in self.asking.iter_mut().enumerate() {
            if asks && other == kind {
                asking.insert(server);
            } else {
                asking.remove(&server);
            }
        }
    }
}

impl Server {
    fn new(site: Box<dyn Site>) -> Self {
        Self { site, requests: 0, since: Duration::ZERO, with_work: Duration::ZERO }
    }

    fn one_more(&mut self, now: Duration) {
        if self.requests == 0 {
            self.since = now;
        }
        self.requests += 1;
    }

    fn one_less(&mut self, now: Duration) {
        self.requests -= 1;
        if self.requests == 0 {
            self.with_work += now - self.since;
        }
    }

    /// How long it has had any request.
    fn with_work(&self, now: Duration) -> Duration {
        self.with_work + if self.requests > 0 { now - self.since } else { Duration::ZERO }
    }
}

/// As a factor.
fn cores(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
