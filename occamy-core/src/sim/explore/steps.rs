//! What may happen next in an exploration.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Setup, State};
use crate::scheduler::{Action, Assistant, Event, Offer, Request, TaskKey};
use crate::sim::coverage::Coverage;
use crate::sim::truth::{Kind, Place, Task};
use crate::sim::violation::Violation;
use crate::{Error, ErrorKind, Outcome, OutcomeKind};

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The next deadline is reached.
    Time,
    Request,
    Offer,
    Withdraw(u64),
    End(u64, OutcomeKind),
    /// A failure that may pass.
    EndRetryable(u64),
    Answer(u64, u8),
    /// An end, or an answer, of a task that never was.
    LateEnd,
    LateAnswer,
    ExpandNow,
    Drain,
    ShutDown {
        grace: bool,
    },
}

/// How often things may still happen.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    requests: u8,
    offers: u8,
    assistants: u8,
    calls: u8,
    shutdowns: u8,
    drain: bool,
    max_run: bool,
    next_key: u64,
}

const ENDINGS: [OutcomeKind; 4] =
    [OutcomeKind::Panicked, OutcomeKind::Completed, OutcomeKind::Interrupted, OutcomeKind::Failed];

const GRACE: Duration = Duration::from_millis(3);
const MAX_RUN: Duration = Duration::from_millis(3);
/// From an offer's arrival to its deadline.
const WORTHWHILE: Duration = Duration::from_millis(3);

impl Budget {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            requests: setup.requests,
            offers: setup.offers,
            assistants: setup.assistants,
            calls: setup.calls,
            shutdowns: setup.shutdowns,
            drain: setup.drain,
            max_run: setup.max_run,
            next_key: 1,
        }
    }

    pub(super) fn print(&self, print: &mut Vec<u64>) {
        let left =
            [self.requests, self.offers, self.assistants, self.calls, self.shutdowns, self.drain.into()];
        print.extend(left.map(u64::from));
    }

    fn key(&mut self) -> TaskKey {
        self.next_key += 1;
        TaskKey(self.next_key - 1)
    }
}

impl State {
    /// Everything that may happen now.
    pub(super) fn steps(&self, setup: &Setup) -> Vec<Step> {
        let budget = &self.budget;
        let mut steps = vec![Step::LateEnd, Step::LateAnswer];
        if self.bench.scheduler.deadline().is_some() {
            steps.push(Step::Time);
        }
        // Messages keep coming to a server that shuts down, but one is enough to see that it is turned away.
        let closing = budget.shutdowns < setup.shutdowns;
        if budget.requests > 0 && (!closing || budget.requests == setup.requests) {
            steps.push(Step::Request);
        }
        if budget.offers > 0 && (!closing || budget.offers == setup.offers) {
            steps.push(Step::Offer);
        }
        if budget.calls > 0 {
            steps.push(Step::ExpandNow);
        }
        if budget.drain {
            steps.push(Step::Drain);
        }
        if budget.shutdowns > 0 {
            steps.extend([Step::ShutDown { grace: true }, Step::ShutDown { grace: false }]);
        }
        self.bench.truth.tasks.iter().for_each(|task| self.steps_of(task, &mut steps));
        steps
    }

    fn steps_of(&self, task: &Task, steps: &mut Vec<Step>) {
        if task.is_request() && (task.place == Place::Waiting || self.bench.truth.tasks.len() == 1) {
            steps.push(Step::Withdraw(task.key));
        }
        if !task.is_active() {
            return;
        }
        // How an assistant or a wedged task ends is only recorded.
        let telling = if task.wedged || task.kind == Kind::Assistant { 1 } else { ENDINGS.len() };
        steps.extend(ENDINGS[..telling].iter().map(|&outcome| Step::End(task.key, outcome)));
        if task.is_request() && !task.wedged {
            steps.push(Step::EndRetryable(task.key));
        }
        if let Some(ask) = task.ask {
            let most = u8::try_from(ask.limit).expect("there are few slots").min(self.budget.assistants);
            steps.extend((0..=most).map(|count| Step::Answer(task.key, count)));
        }
    }

    /// Lets a step happen, and checks everything.
    pub(super) fn take(
        &mut self,
        step: Step,
        actions: &mut Vec<Action>,
        coverage: &mut Coverage,
    ) -> Result<(), Violation> {
        let now = match (step, self.bench.scheduler.deadline()) {
            (Step::Time, Some(deadline)) => deadline,
            _ => self.bench.truth.now,
        };
        let event = self.event(step);
        self.bench.step(&event, now, actions, coverage)
    }

    /// The event that a step is, which is counted as having happened.
    pub(super) fn event(&mut self, step: Step) -> Event {
        let failure = || Error::new(ErrorKind::UnknownTask, "explored");
        let budget = &mut self.budget;
        match step {
            Step::Time => Event::TimePassed,
            Step::Request => {
                budget.requests -= 1;
                let (group, weight) = ("".into(), NonZeroU32::MIN);
                let max_run = budget.max_run.then_some(MAX_RUN);
                // Every other one is on its last attempt.
                let attempt = 1 + u32::from(budget.requests % 2);
                Event::RequestArrived {
                    task: budget.key(),
                    request: Request {
                        id: "".into(),
                        group,
                        weight,
                        max_run,
                        attempt,
                        handling: Duration::ZERO,
                    },
                }
            }
            Step::Offer => {
                budget.offers -= 1;
                // Every other one expires.
                let deadline = (budget.offers % 2 == 1).then(|| self.bench.truth.now + WORTHWHILE);
                let offer =
                    Offer { id: "".into(), group: "".into(), weight: NonZeroU32::MIN, deadline, bytes: 1 };
                Event::OfferArrived { task: budget.key(), offer }
            }
            Step::Withdraw(key) => Event::RequestWithdrawn { task: TaskKey(key) },
            Step::End(key, outcome) => {
                let outcome = match outcome {
                    OutcomeKind::Completed => Outcome::Completed,
                    OutcomeKind::Failed => Outcome::Failed(failure()),
                    OutcomeKind::Interrupted => Outcome::Interrupted,
                    OutcomeKind::Panicked => Outcome::Panicked(failure()),
                    OutcomeKind::NotStarted => Outcome::NotStarted(failure()),
                };
                Event::Finished { task: TaskKey(key), outcome }
            }
            Step::EndRetryable(key) => {
                Event::Finished { task: TaskKey(key), outcome: Outcome::Failed(failure().retryable()) }
            }
            Step::Answer(key, count) => {
                budget.assistants -= count;
                let assistant = |_| Assistant { task: budget.key(), id: "".into(), group: "".into() };
                Event::Expanded { task: TaskKey(key), assistants: (0..count).map(assistant).collect() }
            }
            Step::LateEnd => Event::Finished { task: TaskKey(0), outcome: Outcome::Completed },
            Step::LateAnswer => Event::Expanded { task: TaskKey(0), assistants: Vec::new() },
            Step::ExpandNow => {
                budget.calls -= 1;
                Event::ExpandNow
            }
            Step::Drain => {
                budget.drain = false;
                Event::Drain
            }
            Step::ShutDown { grace } => {
                budget.shutdowns -= 1;
                Event::ShutDown { grace: if grace { GRACE } else { Duration::ZERO } }
            }
        }
    }
}
