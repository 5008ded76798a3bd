//! `cargo xtask mutants`: breaks the scheduler on purpose, in many ways, and sees that the simulation notices each.

mod table;
mod workshop;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use table::Mutant;
use workshop::{Trial, Workshop};

/// Break the scheduler on purpose, one rule at a time, and check that the simulation catches each break.
///
/// `xtask/mutants/scheduler.toml` lists the breaks. They are made in copies of occamy-core under target/mutants.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Try those mutants only whose name contains one of these.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// How many seeds the simulation has for catching one.
    #[arg(long, default_value_t = Self::default().seeds)]
    seeds: u64,
    /// How many moves each seed makes.
    #[arg(long, default_value_t = Self::default().steps)]
    steps: u64,
}

impl Default for Args {
    fn default() -> Self {
        Self { names: Vec::new(), seeds: 2_000, steps: 5_000 }
    }
}

/// Seeds that the unbroken scheduler plays first: what is wrong there would look as if it caught every mutant.
const SOUND_SEEDS: u64 = 200;

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mutants: Vec<Mutant> =
        table::read()?.into_iter().filter(|mutant| args.chooses(&mutant.name)).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(mutants.len());
    if threads == 0 {
        bail!("no mutant has such a name");
    }

    let began = Instant::now();
    let workshops = (0..threads).map(Workshop::open).collect::<Result<Vec<_>>>()?;
    if let Trial::Caught(how) = workshops[0].simulate(SOUND_SEEDS, args.steps)? {
        bail!("the simulation fails without any mutant: {how}");
    }
    let tried = try_all(&mutants, &workshops, args);
    report(&mutants, &tried, began.elapsed())
}

impl Args {
    fn chooses(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|part| name.contains(part.as_str()))
    }
}

/// What became of each mutant, by its place in the table.
type Tried = BTreeMap<usize, (Trial, Duration)>;

fn try_all(mutants: &[Mutant], workshops: &[Workshop], args: &Args) -> Tried {
    let next = AtomicUsize::new(0);
    let tried = Mutex::new(Tried::new());
    let try_some = |workshop: &Workshop| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(mutant) = mutants.get(at) else { break };
            let began = Instant::now();
            let trial = workshop.with(mutant, || workshop.simulate(args.seeds, args.steps));
            let trial = trial.unwrap_or_else(|error| Trial::Spoilt(format!("{error:#}")));
            tried.lock().expect("no thread panics").insert(at, (trial, began.elapsed()));
        }
    };
    std::thread::scope(|scope| {
        for workshop in workshops {
            scope.spawn(|| try_some(workshop));
        }
    });
    tried.into_inner().expect("no thread panics")
}

fn report(mutants: &[Mutant], tried: &Tried, took: Duration) -> Result<()> {
    let width = mutants.iter().map(|mutant| mutant.name.len()).max().unwrap_or(0);
    for (&at, (trial, took)) in tried {
        println!("{:<width$} {:>4} s  {}", mutants[at].name, took.as_secs(), shortened(trial));
    }
    println!("{} mutants in {} s", tried.len(), took.as_secs());
    let missed: Vec<String> = tried
        .iter()
        .filter(|(_, (trial, _))| !matches!(trial, Trial::Caught(_)))
        .map(|(&at, _)| format!("{} ({})", mutants[at].name, mutants[at].breaks))
        .collect();
    if !missed.is_empty() {
        bail!("not caught: {}", missed.join(", "));
    }
    Ok(())
}

/// On one line of a table.
fn shortened(trial: &Trial) -> String {
    const WIDTH: usize = 110;
    let text = match trial {
        Trial::Caught(how) => how.clone(),
        Trial::Survived => "NOT CAUGHT".to_owned(),
        Trial::Spoilt(why) => format!("NOT TRIED: {why}"),
    };
    text.chars().take(WIDTH).collect()
}
