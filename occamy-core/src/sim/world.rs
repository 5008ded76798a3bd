//! A world of servers and one broker, driven by a seed: it lets things happen, and everything is checked.

mod agenda;
mod moves;

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::broker::{Broker, Lease};
use super::coverage::{Coverage, Reached};
use super::host::{Host, Run};
use super::profile::{Ending, Move, Profile, Span, draw_config, draw_unit};
use super::trace::Trace;
use super::violation::{Violation, ensure};
use crate::scheduler::{Action, Event};
use crate::{Error, ErrorKind, Outcome};
use agenda::{Agenda, Plan};

/// The world. One seed makes one world, and always the same.
#[derive(Debug)]
pub(crate) struct World {
    rng: Rng,
    now: Duration,
    /// The time in which things happen here.
    unit: Duration,
    /// Of which all times are multiples.
    grain: Duration,
    hosts: Vec<Host>,
    hosts_so_far: u64,
    broker: Broker,
    agenda: Agenda,
    profile: Profile,
    phase_left: u32,
    burst_left: u32,
    /// Nothing new begins.
    quiet: bool,
    /// Not even a new server.
    over: bool,
    plans: u64,
    actions: Vec<Action>,
    groups: [Arc<str>; 3],
    failure: Error,
    pub(crate) steps: u64,
    pub(crate) coverage: Coverage,
    pub(crate) trace: Trace,
}

impl World {
    pub(crate) fn new(seed: u64, trace: Trace) -> Result<Self, Violation> {
        let mut rng = Rng::with_seed(seed);
        let (unit, grain) = draw_unit(&mut rng);
        let profile = Profile::draw(&mut rng, grain);
        let mut world = Self {
            now: Duration::ZERO,
            unit,
            grain,
            hosts: Vec::new(),
            hosts_so_far: 0,
            broker: Broker::default(),
            agenda: Agenda::default(),
            profile,
            phase_left: 0,
            burst_left: 0,
            quiet: false,
            over: false,
            plans: 0,
            actions: Vec::new(),
            groups: ["", "trucks", "ships"].map(Arc::from),
            failure: Error::new(ErrorKind::UnknownTask, "as scripted"),
            steps: 0,
            coverage: Coverage::default(),
            trace,
            rng,
        };
        for _ in 0..world.rng.usize(1..=3) {
            let host = world.new_host()?;
            world.hosts.push(host);
        }
        Ok(world)
    }

    /// Lets one thing happen.
    pub(crate) fn step(&mut self) -> Result<(), Violation> {
        if self.phase_left == 0 {
            self.phase_left = self.rng.u32(100..1000);
            self.profile = Profile::draw(&mut self.rng, self.grain);
        }
        self.phase_left -= 1;
        let next = match self.burst_left.checked_sub(1) {
            Some(left) => {
                self.burst_left = left;
                Move::Request
            }
            None => self.profile.next_move(&mut self.rng),
        };
        self.make_move(next)
    }

    /// Lets everything come to its end, shuts every server down, and checks that nothing is left.
    pub(crate) fn finish(&mut self) -> Result<(), Violation> {
        const PATIENCE: u32 = 50_000;
        self.quiet = true;
        self.profile = Profile::quiet();
        for at in 0..self.hosts.len() {
            if self.hosts[at].bench.truth.draining {
                self.event(at, Event::ShutDown { grace: Duration::ZERO })?;
            }
        }
        let mut patience = PATIENCE;
        while !self.is_quiet() {
            patience -= 1;
            ensure(patience > 0, "everything comes to its end", || {
                let tasks: Vec<_> = self.hosts.iter().map(|host| &host.bench.truth.tasks).collect();
                format!("{} messages, {} plans, {tasks:?}", self.broker.len(), self.agenda.len())
            })?;
            self.advance()?;
        }
        self.over = true;
        for at in 0..self.hosts.len() {
            self.hosts[at].bench.is_idle()?;
            let grace = self.span(Span::Some);
            self.event(at, Event::ShutDown { grace })?;
            ensure(self.hosts[at].bench.truth.closed, "an idle server closes at once", String::new)?;
        }
        Ok(())
    }

    fn is_quiet(&self) -> bool {
        let busy = |host: &Host| host.bench.truth.closed || !host.bench.truth.tasks.is_empty();
        self.broker.len() == 0 && self.agenda.len() == 0 && !self.hosts.iter().any(busy)
    }

    fn new_host(&mut self) -> Result<Host, Violation> {
        let config = draw_config(&mut self.rng, self.unit);
        self.hosts_so_far += 1;
        self.trace.note(|| format!("server {} starts: {config:?}", self.hosts_so_far));
        Host::new(self.hosts_so_far, config, self.now)
    }

    /// One event at one server, now.
    #[expect(clippy::needless_pass_by_value, reason = "every caller makes the event on the spot")]
    fn event(&mut self, at: usize, event: Event) -> Result<(), Violation> {
        let now = self.hosts[at].time(self.now);
        self.event_at(at, &event, now)
    }

    /// One event at one server, at a time of its own.
    fn event_at(&mut self, at: usize, event: &Event, now: Duration) -> Result<(), Violation> {
        self.steps += 1;
        let host = &mut self.hosts[at];
        let mut actions = std::mem::take(&mut self.actions);
        let result = host.bench.step(event, now, &mut actions, &mut self.coverage);
        self.trace.event(self.steps, host.id, now, event, &actions);
        result?;
        for action in &actions {
            self.carry_out(at, action);
        }
        self.actions = actions;
        self.replace_if_closed(at)
    }

    fn carry_out(&mut self, at: usize, action: &Action) {
        let host = &mut self.hosts[at];
        let kill_timeout = host.kill_timeout();
        self.plans += 1;
        let plan = self.plans;
        match action {
            Action::Start { task, .. } => {
                host.runs.insert(task.0, Run { plan, stopped: false });
                let ends = self.now + self.profile.duration(&mut self.rng, self.unit);
                self.agenda.add(ends, host.id, Plan::End { key: task.0, plan });
            }
            Action::Stop { task, .. } => {
                let Some(run) = host.runs.get_mut(&task.0) else { return };
                run.stopped = true;
                if let Some(after) = self.profile.obedience(&mut self.rng, kill_timeout) {
                    run.plan = plan;
                    self.agenda.add(self.now + after, host.id, Plan::End { key: task.0, plan });
                }
            }
            Action::Expand { task, limit } => {
                let Some(amount) = self.profile.amount(&mut self.rng, *limit) else { return };
                let answers = self.now + self.profile.answer_delay(&mut self.rng, kill_timeout);
                self.agenda.add(answers, host.id, Plan::Answer { key: task.0, amount });
            }
            Action::Settle { task, verdict } => {
                let jitter = self.profile.span(Span::Part, &mut self.rng, self.unit);
                let lease = Lease { server: host.id, key: task.0 };
                let dead = self.broker.dead_letters;
                self.broker.settle(lease, verdict, self.now, jitter);
                if self.broker.dead_letters > dead {
                    self.coverage.reach(Reached::DeadLetter);
                }
            }
            Action::Drop { task, .. } => {
                host.runs.remove(&task.0);
            }
            Action::Leave { .. } | Action::Observe(_) | Action::Closed => {}
        }
    }

    /// A server that has shut down is replaced, now or a little later.
    fn replace_if_closed(&mut self, at: usize) -> Result<(), Violation> {
        let host = &self.hosts[at];
        if !host.bench.truth.closed || self.over {
            return Ok(());
        }
        ensure(self.broker.leased_to(host.id) == 0, "a closed server has settled all its messages", || {
            format!("server {}", host.id)
        })?;
        let gone = host.bench.truth.tasks.is_empty();
        // While it is still there it gets late events; one in quiet times only waits for its wedged tasks.
        let replace =
            if self.quiet { gone } else { gone && self.rng.u32(0..8) == 0 || self.rng.u32(0..64) == 0 };
        if replace {
            self.agenda.forget(host.id);
            self.hosts[at] = self.new_host()?;
            self.coverage.reach(Reached::ServerReplaced);
        }
        Ok(())
    }

    fn outcome(&mut self, stopped: bool) -> Outcome {
        match self.profile.ending(&mut self.rng, stopped) {
            Ending::Completed => Outcome::Completed,
            Ending::Failed => Outcome::Failed(self.failure.clone()),
            Ending::Retryable if self.rng.bool() => Outcome::Failed(self.failure.clone().retryable()),
            Ending::Retryable => Outcome::Failed(self.failure.clone().retry_after(self.unit / 3)),
            Ending::Interrupted => Outcome::Interrupted,
            Ending::Panicked => Outcome::Panicked(self.failure.clone()),
        }
    }

    fn span(&mut self, span: Span) -> Duration {
        self.profile.span(span, &mut self.rng, self.unit)
    }

    /// True once out of so many hundred times.
    fn chance(&mut self, percent: u32) -> bool {
        percent > 0 && self.rng.u32(0..100) < percent
    }
}
