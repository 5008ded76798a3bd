//! What one seed, or one phase of it, is made of: each draws its own mix, with whole kinds of event left out.
//!
//! A uniform mix tests the average over and over. Leaving things out at random reaches states that the average never
//! does ("swarm testing", Groce et al., 2012).

mod choices;
mod settings;

use std::num::NonZeroU32;
use std::time::Duration;

use fastrand::Rng;

pub(crate) use choices::{Amount, Ending, Obedience, Span};
pub(crate) use settings::{draw_config, draw_unit};

/// Something that the world may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Whatever is due next: a task ends or answers, a timer fires, a message is delivered.
    Advance,
    Request,
    RequestBurst,
    Offer,
    OfferBurst,
    ExpandNow,
    TimePassed,
    Withdraw,
    LateWithdrawal,
    LateEnd,
    LateAnswer,
    RepeatedArrival,
    Jump,
    Backwards,
    Drain,
    ShutDown,
}

const MOVES: [(Move, u32); 16] = [
    (Move::Advance, 100),
    (Move::Request, 20),
    (Move::RequestBurst, 4),
    (Move::Offer, 15),
    (Move::OfferBurst, 2),
    (Move::ExpandNow, 3),
    (Move::TimePassed, 4),
    (Move::Withdraw, 3),
    (Move::LateWithdrawal, 1),
    (Move::LateEnd, 2),
    (Move::LateAnswer, 2),
    (Move::RepeatedArrival, 1),
    (Move::Jump, 2),
    (Move::Backwards, 2),
    (Move::Drain, 1),
    (Move::ShutDown, 1),
];

/// One mix.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    moves: Vec<(Move, u32)>,
    endings: Vec<(Ending, u32)>,
    stopped_endings: Vec<(Ending, u32)>,
    obedience: Vec<(Obedience, u32)>,
    amounts: Vec<(Amount, u32)>,
    durations: Vec<(Span, u32)>,
    answer_delays: Vec<(Span, u32)>,
    gaps: Vec<(Span, u32)>,
    /// In percent.
    pub(crate) late_timers: u32,
    pub(crate) pushed: u32,
    pub(crate) max_run: u32,
    pub(crate) offer_deadline: u32,
    pub(crate) repeated: u32,
    greatest_weight: u32,
    /// Spans are multiples of this.
    grain: Duration,
}

impl Profile {
    pub(crate) fn draw(rng: &mut Rng, grain: Duration) -> Self {
        let mut moves = swarm(rng, &MOVES);
        moves.retain(|&(what, _)| what != Move::Advance);
        moves.push((Move::Advance, rng.u32(30..200)));
        Self {
            moves,
            endings: swarm(
                rng,
                &[
                    (Ending::Completed, 10),
                    (Ending::Failed, 3),
                    (Ending::Retryable, 3),
                    (Ending::Interrupted, 3),
                    (Ending::Panicked, 2),
                ],
            ),
            stopped_endings: swarm(
                rng,
                &[
                    (Ending::Interrupted, 10),
                    (Ending::Completed, 3),
                    (Ending::Failed, 2),
                    (Ending::Retryable, 2),
                    (Ending::Panicked, 2),
                ],
            ),
            obedience: swarm(
                rng,
                &[
                    (Obedience::AtOnce, 10),
                    (Obedience::Slow, 8),
                    (Obedience::JustInTime, 3),
                    (Obedience::AtTheDeadline, 3),
                    (Obedience::JustTooLate, 3),
                    (Obedience::Deaf, 5),
                ],
            ),
            amounts: swarm(
                rng,
                &[
                    (Amount::Full, 10),
                    (Amount::Short, 5),
                    (Amount::None, 5),
                    (Amount::TooMany, 3),
                    (Amount::Silence, 2),
                ],
            ),
            durations: swarm(
                rng,
                &[(Span::Instant, 1), (Span::Tiny, 3), (Span::Part, 8), (Span::Some, 8), (Span::Long, 3)],
            ),
            answer_delays: swarm(
                rng,
                &[(Span::Instant, 8), (Span::Tiny, 5), (Span::Part, 3), (Span::Some, 2), (Span::Long, 1)],
            ),
            gaps: swarm(rng, &[(Span::Instant, 5), (Span::Tiny, 5), (Span::Part, 5)]),
            late_timers: percentage(rng, 30),
            pushed: percentage(rng, 60),
            max_run: percentage(rng, 30),
            offer_deadline: percentage(rng, 80),
            repeated: percentage(rng, 10),
            greatest_weight: if rng.bool() { 1 } else { rng.u32(1..6) },
            grain,
        }
    }

    /// Everything comes to its end, and nothing new begins.
    pub(crate) fn quiet() -> Self {
        Self {
            moves: vec![(Move::Advance, 1)],
            endings: vec![(Ending::Completed, 1)],
            stopped_endings: vec![(Ending::Interrupted, 1)],
            obedience: vec![(Obedience::AtOnce, 1)],
            amounts: vec![(Amount::None, 1)],
            durations: vec![(Span::Tiny, 1)],
            answer_delays: vec![(Span::Instant, 1)],
            gaps: vec![(Span::Instant, 1)],
            late_timers: 0,
            pushed: 0,
            max_run: 0,
            offer_deadline: 0,
            repeated: 0,
            greatest_weight: 1,
            grain: Duration::from_micros(1),
        }
    }

    pub(crate) fn next_move(&self, rng: &mut Rng) -> Move {
        pick(rng, &self.moves)
    }

    pub(crate) fn ending(&self, rng: &mut Rng, stopped: bool) -> Ending {
        pick(rng, if stopped { &self.stopped_endings } else { &self.endings })
    }

    /// How long a task goes on after its stop, or `None` if the stop changes nothing.
    pub(crate) fn obedience(&self, rng: &mut Rng, kill_timeout: Duration) -> Option<Duration> {
        const MOMENT: Duration = Duration::from_nanos(1);
        Some(match pick(rng, &self.obedience) {
            Obedience::AtOnce => Duration::ZERO,
            Obedience::Slow => self.span(Span::Part, rng, kill_timeout),
            Obedience::JustInTime => kill_timeout - MOMENT,
            Obedience::AtTheDeadline => kill_timeout,
            Obedience::JustTooLate => kill_timeout + MOMENT,
            Obedience::Deaf => return None,
        })
    }

    pub(crate) fn amount(&self, rng: &mut Rng, limit: usize) -> Option<usize> {
        Some(match pick(rng, &self.amounts) {
            Amount::Full => limit,
            Amount::Short => rng.usize(0..limit),
            Amount::None => 0,
            Amount::TooMany => limit + rng.usize(1..4),
            Amount::Silence => return None,
        })
    }

    pub(crate) fn duration(&self, rng: &mut Rng, unit: Duration) -> Duration {
        self.span(pick(rng, &self.durations), rng, unit)
    }

    pub(crate) fn answer_delay(&self, rng: &mut Rng, unit: Duration) -> Duration {
        self.span(pick(rng, &self.answer_delays), rng, unit)
    }

    pub(crate) fn gap(&self, rng: &mut Rng, unit: Duration) -> Duration {
        self.span(pick(rng, &self.gaps), rng, unit)
    }

    pub(crate) fn span(&self, span: Span, rng: &mut Rng, unit: Duration) -> Duration {
        let grains = span.draw(rng, unit).as_nanos().div_ceil(self.grain.as_nanos());
        self.grain * u32::try_from(grains).expect("a span is a few units, and a grain no small part of one")
    }

    pub(crate) fn weight(&self, rng: &mut Rng) -> NonZeroU32 {
        NonZeroU32::new(rng.u32(1..=self.greatest_weight)).expect("drawn from 1 on")
    }
}

/// Gives every choice a weight around its usual one, or none at all.
fn swarm<T: Copy>(rng: &mut Rng, usual: &[(T, u32)]) -> Vec<(T, u32)> {
    let mut drawn = Vec::with_capacity(usual.len());
    for &(choice, weight) in usual {
        let factor = match rng.u32(0..10) {
            0..=2 => 0,
            3..=7 => 1,
            _ => 8,
        };
        if factor > 0 {
            drawn.push((choice, weight * factor));
        }
    }
    if drawn.is_empty() {
        drawn.push(usual[rng.usize(0..usual.len())]);
    }
    drawn
}

fn pick<T: Copy>(rng: &mut Rng, weights: &[(T, u32)]) -> T {
    let total: u32 = weights.iter().map(|&(_, weight)| weight).sum();
    let mut at = rng.u32(0..total);
    for &(choice, weight) in weights {
        if at < weight {
            return choice;
        }
        at -= weight;
    }
    unreachable!("the draw is below the total of the weights")
}

/// A percentage that is zero in half of the seeds.
fn percentage(rng: &mut Rng, greatest: u32) -> u32 {
    if rng.bool() { 0 } else { rng.u32(0..=greatest) }
}
