//! B8: what a broker's requests cost, beside its bare client and beside other frameworks.

use crate::bench::spec::{Benchmark, Case, Effort, Kind, Measure, Peer, Program, Target, Unit};
use crate::brokers::Broker;

/// How many requests are delivered and not settled.
const IN_FLIGHT: usize = 64;

const CLIENT: &str = "bare client";

pub(super) fn benchmark(effort: Effort) -> Benchmark {
    let brokers = [
        (Broker::Nats, "NATS", "nats"),
        (Broker::RabbitMq, "RabbitMQ", "amqp"),
        (Broker::Kafka, "Kafka", "kafka"),
    ];
    let mut cases = Vec::new();
    for (broker, label, option) in brokers {
        let all = effort.pick(100_000, 5_000);
        // Of Python a tenth is enough, or it would take most of the time.
        for (kind, slower) in [(Kind::Async, Some(all / 10)), (Kind::Threads, None)] {
            let options =
                |requests| format!("through --broker {option} --requests {requests} --in-flight {IN_FLIGHT}");
            let target = (kind == Kind::Async).then_some(Target::AtLeastTimesPeer(CLIENT, 0.95));
            let case = Case::new(format!("{label}, {}", kind.label()), &options(all))
                .ours(kind.option())
                .measure(Measure::figure("settled", "per_second", Unit::PerSecond).aim(target));
            cases.push(beside(case, broker, &options(all), slower.map(options).as_deref()));
        }
        let options = format!(
            "through --broker {option} --requests {} --in-flight {IN_FLIGHT} --one-by-one",
            effort.pick(1_000, 100)
        );
        let case = Case::new(format!("{label}, async, one by one"), &options)
            .measure(Measure::percentile("p50", "start", 50.0).aim(Target::AbovePeer(CLIENT, 100_000.0)))
            .measure(Measure::percentile("p99", "start", 99.0));
        cases.push(beside(case, broker, &options, Some(&options)));
    }
    Benchmark { number: "B8", title: "through a broker", counted: None, cases }
}

/// The peers that there are at this broker: its client, and frameworks where they are asked for. apalis has no back end for
/// Kafka, and Celery's only supported one of these is RabbitMQ.
fn beside(case: Case, broker: Broker, options: &str, of_python: Option<&str>) -> Case {
    let case = case.at(broker).peer(Peer::new(CLIENT, Program::Ours, &format!("{options} --with client")));
    let Some(of_python) = of_python else { return case };
    let apalis = Peer::new("apalis", Program::Apalis, options);
    match broker {
        Broker::Nats => case.peer(apalis),
        Broker::RabbitMq => case.peer(apalis).peer(Peer::new("Celery", Program::Celery, of_python)),
        Broker::Kafka | Broker::Redis => case,
    }
}
