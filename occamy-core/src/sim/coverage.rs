//! Which interesting situations a simulation reached, and how often.

/// Declares the situations, with a name to print.
macro_rules! reached {
    ($($variant:ident => $name:literal,)+) => {
        /// A situation that a simulation of some length must reach, or it does not test much.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reached {
            $(#[doc = $name] $variant,)+
        }

        impl Reached {
            /// Every situation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// What to call it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

reached! {
    // Requests.
    Eviction => "eviction",
    EvictionBurst => "three or more waiting side by side",
    WaitOnSurplus => "wait for a slot that was being freed anyway",
    Refusal => "refusal",
    RefusedAfterWedge => "youngest waiter refused after a wedge",
    RefusedWhileDraining => "request refused while draining",
    WithdrawnWaiting => "withdrawal of a waiting request",
    WithdrawnRunning => "withdrawal of a running request",
    Overran => "max_run exceeded",
    Requeue => "requeue of a stopped or draining request",
    Retry => "retry",
    AttemptsSpent => "attempts spent",
    // Stopping.
    Wedge => "wedge",
    WedgeEnded => "late end of a wedged task",
    SecondVictim => "second victim",
    Leftover => "leftover",
    LeftoverWedged => "leftover wedged",
    // Expansion.
    AssistantAsked => "an assistant asked for assistants",
    FullAnswer => "full answer",
    ShortAnswer => "short answer",
    EmptyAnswer => "empty answer",
    LongAnswer => "answer of more than asked for",
    AnswerTrimmed => "answer trimmed to the room left",
    AskExpired => "ask expired",
    AnswerAfterExpiry => "answer to an expired ask",
    // Rebalancing.
    Rebalanced => "rebalanced",
    RebalancedForOffer => "rebalanced for an offer",
    RebalancingDeclined => "rebalancing declined",
    RebalancingOvertaken => "request took the slot of a rebalancing",
    // Offers.
    OfferRefused => "offer over the bound",
    OfferExpired => "offer expired in the queue",
    OfferExpiredOnArrival => "offer expired on arrival",
    OfferReturned => "evicted offer returned to the queue",
    // Shutdown.
    ShutdownDuringEviction => "shutdown during an eviction",
    SecondShutdown => "second shutdown",
    Closed => "closed",
    ClosedDespiteWedged => "closed despite wedged tasks",
    // Late and odd events.
    LateArrival => "repeated arrival",
    LateWithdrawal => "late withdrawal",
    LateEnd => "late end",
    LateAnswer => "late answer",
    BackwardClock => "clock running backwards",
    ManyTimersAtOnce => "three or more timers due at once",
    // The broker's side.
    DeadLetter => "dead letter",
    LeaseLost => "message redelivered elsewhere while its task went on",
    ServerReplaced => "server replaced",
}

/// How often each situation was reached.
#[derive(Clone, Debug)]
pub struct Coverage {
    counts: Vec<u64>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { counts: vec![0; Reached::ALL.len()] }
    }
}

impl Coverage {
    pub(crate) fn reach(&mut self, what: Reached) {
        self.counts[what as usize] += 1;
    }

    /// How often this was reached.
    pub fn count(&self, what: Reached) -> u64 {
        self.counts[what as usize]
    }

    /// Adds what another simulation reached.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// Every situation, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Reached, u64)> {
        Reached::ALL.iter().map(|&what| (what, self.count(what)))
    }

    /// What was never reached.
    pub fn missing(&self) -> impl Iterator<Item = Reached> {
        self.iter().filter(|&(_, count)| count == 0).map(|(what, _)| what)
    }
}
