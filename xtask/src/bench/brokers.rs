//! The private brokers of one benchmark, for as long as it runs.

use std::collections::{BTreeMap, BTreeSet};

use super::spec::Benchmark;
use crate::brokers::{Broker, Options, Session};

/// Those that are up. Where a variable names a broker it is that one.
#[derive(Default)]
pub(super) struct Brokers {
    sessions: BTreeMap<Broker, Session>,
}

impl Brokers {
    /// Starts what the cases need. A case whose broker can't be had is taken out, and its broker is among what is returned.
    pub(super) fn up(benchmark: &mut Benchmark) -> (Self, Vec<&'static str>) {
        let (mut up, mut missing) = (Self::default(), Vec::new());
        let needed: BTreeSet<Broker> = benchmark.cases.iter().filter_map(|case| case.broker).collect();
        for broker in needed {
            match Session::begin(&[broker], &Options::default()) {
                Ok(session) => drop(up.sessions.insert(broker, session)),
                Err(error) => {
                    eprintln!("{} is left out: {error:#}", broker.name());
                    missing.push(broker.name());
                }
            }
        }
        benchmark.cases.retain(|case| case.broker.is_none_or(|broker| up.sessions.contains_key(&broker)));
        (up, missing)
    }

    /// By which programs find them.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let variables = self.sessions.values().flat_map(|session| &session.variables);
        variables.map(|(&name, value)| (name, &**value))
    }
}
