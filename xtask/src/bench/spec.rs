//! What a benchmark is: cases, who does the same, what is read off each, and what is aimed at.

use clap::ValueEnum;

use crate::brokers::Broker;

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    Full,
    /// So little that all benchmarks together take a minute or two.
    Quick,
}

impl Effort {
    pub(super) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

/// One benchmark.
#[derive(Clone, Debug)]
pub(super) struct Benchmark {
    /// As in the project's list of targets.
    pub(super) number: &'static str,
    pub(super) title: &'static str,
    /// Instead of times, the instructions of so many rounds are counted, which needs one turn only and no peer.
    pub(super) counted: Option<usize>,
    pub(super) cases: Vec<Case>,
}

/// One situation: what the programs are called with, and what is read off what they print.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) label: String,
    /// The options that peers of the same kind understand too, the program's own name of the benchmark first.
    options: Vec<String>,
    /// The options that only ours has.
    ours: Vec<String>,
    /// Run in this order after ours.
    pub(super) peers: Vec<Peer>,
    /// The broker that all of them need.
    pub(super) broker: Option<Broker>,
    pub(super) measures: Vec<Measure>,
}

impl Case {
    /// A case without a peer yet.
    pub(super) fn new(label: impl Into<String>, options: &str) -> Self {
        Self {
            label: label.into(),
            options: words(options),
            ours: Vec::new(),
            peers: Vec::new(),
            broker: None,
            measures: Vec::new(),
        }
    }

    /// A case with tasks of this kind on our side, beside the Go library that is called with the same options.
    pub(super) fn of(kind: Kind, situation: &str, options: &str) -> Self {
        Self::new(format!("{}, {situation}", kind.label()), options)
            .peer(Peer::go_library(options))
            .ours(kind.option())
    }

    /// Ours is told this, too.
    pub(super) fn ours(mut self, options: &str) -> Self {
        self.ours.extend(words(options));
        self
    }

    /// All of them find this broker in their environment.
    pub(super) fn at(mut self, broker: Broker) -> Self {
        self.broker = Some(broker);
        self
    }

    /// One more that does the same.
    pub(super) fn peer(mut self, peer: Peer) -> Self {
        self.peers.push(peer);
        self
    }

    pub(super) fn measure(mut self, measure: Measure) -> Self {
        self.measures.push(measure);
        self
    }

    pub(super) fn our_options(&self) -> Vec<String> {
        [&self.options[..], &self.ours[..]].concat()
    }
}

/// Who does the same.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Also the one by which targets speak of it.
    pub(super) name: &'static str,
    pub(super) program: Program,
    pub(super) options: Vec<String>,
}

/// The original Go library's name among the peers.
const GO_LIBRARY: &str = "Go library";

impl Peer {
    pub(super) fn new(name: &'static str, program: Program, options: &str) -> Self {
        Self { name, program, options: words(options) }
    }

    /// Tokio without anything of ours, which is a limit more than a peer.
    pub(super) fn tokio(kind: Kind, options: &str) -> Self {
        Self::new("tokio alone", Program::Ours, &format!("bare {options} {}", kind.option()))
    }

    /// The original.
    pub(super) fn go_library(options: &str) -> Self {
        Self::new(GO_LIBRARY, Program::Go, options)
    }
}

/// What is run. All take options of the same form and print the same JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Program {
    /// occamy-bench, which has some peers in it
    #[value(skip)]
    Ours,
    /// The driver of the original Go library
    Go,
    /// The worker framework for Rust
    Apalis,
    /// The worker framework for Python
    Celery,
}

fn words(options: &str) -> Vec<String> {
    options.split_whitespace().map(str::to_owned).collect()
}

/// The kind of our tasks. The Go library has but one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Async,
    Threads,
}

impl Kind {
    pub(super) const BOTH: [Self; 2] = [Self::Async, Self::Threads];

    /// With 10,000 slots tasks are async: nobody would have so many threads.
    pub(super) fn can_have(self, slots: usize) -> bool {
        self == Self::Async || slots <= 1024
    }

    pub(super) fn pick<T>(self, for_async: T, for_threads: T) -> T {
        match self {
            Self::Async => for_async,
            Self::Threads => for_threads,
        }
    }

    pub(super) fn label(self) -> &'static str {
        self.pick("async", "threads")
    }

    pub(super) fn option(self) -> &'static str {
        self.pick("--kind async", "--kind threads")
    }
}

/// One figure of a case.
#[derive(Clone, Debug)]
pub(super) struct Measure {
    pub(super) label: &'static str,
    pub(super) of: Of,
    pub(super) unit: Unit,
    pub(super) targets: Vec<Target>,
}

impl Measure {
    pub(super) fn percentile(label: &'static str, samples: &'static str, percent: f64) -> Self {
        Self { label, of: Of::Percentile(samples, percent), unit: Unit::Nanoseconds, targets: Vec::new() }
    }

    pub(super) fn figure(label: &'static str, figure: &'static str, unit: Unit) -> Self {
        Self { label, of: Of::Figure(figure), unit, targets: Vec::new() }
    }

    pub(super) fn aim(mut self, target: impl Into<Option<Target>>) -> Self {
        self.targets.extend(target.into());
        self
    }
}

/// Where in the output a figure is found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    Figure(&'static str),
    Percentile(&'static str, f64),
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Nanoseconds,
    Bytes,
    PerSecond,
    Times,
    Count,
}

/// What is aimed at. Peers are called by their name, our own cases by their label.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// At most so many times the peer's figure.
    TimesPeer(&'static str, f64),
    /// At least so many times the peer's figure.
    AtLeastTimesPeer(&'static str, f64),
    /// At most so much above the peer's figure, in the unit of the figure.
    AbovePeer(&'static str, f64),
    /// At most so much, in the unit of the figure.
    AtMost(f64),
    /// At least so much, in the unit of the figure.
    AtLeast(f64),
    /// At most so many times our own figure in the case with this label.
    OfOwn(f64, String),
}

impl Target {
    /// At most so many times the figure of the original Go library.
    pub(super) fn times_go(most: f64) -> Self {
        Self::TimesPeer(GO_LIBRARY, most)
    }

    /// Whose figure it takes beside ours.
    pub(super) fn peer(&self) -> Option<&'static str> {
        match self {
            Self::TimesPeer(peer, _) | Self::AtLeastTimesPeer(peer, _) | Self::AbovePeer(peer, _) => {
                Some(peer)
            }
            Self::AtMost(_) | Self::AtLeast(_) | Self::OfOwn(..) => None,
        }
    }
}
