//! Runs one benchmark once, and prints what it measured as one line of JSON. `cargo xtask bench` runs it in turn with a
//! peer that takes the same options, does the same and prints the same: `README.md` beside this says what each measures.

#![allow(clippy::print_stdout, reason = "a command-line program answers on its standard output")]

mod bare;
mod bound;
mod burners;
mod burst;
mod claim;
mod control;
mod countdown;
mod dispatch;
mod eviction;
mod expansion;
mod fleet;
mod holders;
mod kind;
mod letter;
mod limit;
mod memory;
mod record;
mod roles;
mod scheduler;
mod script;
mod stage;
mod stamp;
mod start;
mod stretch;
#[cfg(feature = "brokers")]
mod through;
mod times;
mod trace;

use clap::{Parser, Subcommand};

use limit::Limit;
use record::Record;

/// Runs one benchmark once, and prints what it measured as one line of JSON.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    limit: Limit,
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    Bare(bare::Options),
    Burners(burners::Options),
    Burst(burst::Options),
    Claim(claim::Options),
    Control(control::Options),
    Dispatch(dispatch::Options),
    Eviction(eviction::Options),
    Expansion(expansion::Options),
    Fleet(fleet::Options),
    Memory(memory::Options),
    Scheduler(scheduler::Options),
    Start(start::Options),
    #[cfg(feature = "brokers")]
    Through(through::Options),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    options.limit.watch();
    // On a worker of tokio's, where `serve` has the streams of a transport: the main thread is none.
    let record = tokio::spawn(run(options.benchmark)).await??;
    println!("{}", serde_json::to_string(&record)?);
    Ok(())
}

async fn run(benchmark: Benchmark) -> anyhow::Result<Record> {
    match benchmark {
        Benchmark::Bare(options) => bare::run(&options).await,
        Benchmark::Burners(options) => burners::run(&options).await,
        Benchmark::Burst(options) => burst::run(&options).await,
        Benchmark::Claim(options) => claim::run(&options).await,
        Benchmark::Control(options) => control::run(&options).await,
        Benchmark::Dispatch(options) => dispatch::run(&options).await,
        Benchmark::Eviction(options) => eviction::run(&options).await,
        Benchmark::Expansion(options) => expansion::run(&options).await,
        Benchmark::Fleet(options) => fleet::run(&options),
        Benchmark::Memory(options) => memory::run(&options).await,
        Benchmark::Scheduler(options) => scheduler::run(&options),
        Benchmark::Start(options) => start::run(&options).await,
        #[cfg(feature = "brokers")]
        Benchmark::Through(options) => through::run(&options).await,
    }
}
