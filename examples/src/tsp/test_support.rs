//! Instances for the tests: random ones of any size and metric, and the shipped ones.

use std::fmt::Write;
use std::path::PathBuf;

use fastrand::Rng;

use super::{Instance, Problem, Tour};

/// A file shipped in `data/`.
pub(crate) fn data(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data").join(file)
}

/// A shipped instance.
pub(crate) fn shipped(name: &str) -> Instance {
    Instance::read(data(&format!("{name}.tsp"))).unwrap()
}

/// Random cities on so coarse a grid that many distances are equal and some are 0.
pub(crate) fn random_instance(rng: &mut Rng, dimension: usize, metric: &str) -> Instance {
    let mut text = format!("NAME : random\nDIMENSION : {dimension}\nEDGE_WEIGHT_TYPE : {metric}\n");
    if metric == "EXPLICIT" {
        text.push_str("EDGE_WEIGHT_FORMAT : UPPER_ROW\nEDGE_WEIGHT_SECTION\n");
        for _ in 0..dimension * (dimension - 1) / 2 {
            // Some as large as the reader lets pass: no sum may overflow.
            let weight = if rng.u8(..8) == 0 { 500_000_000 } else { rng.u32(..1_000) };
            writeln!(text, "{weight}").unwrap();
        }
    } else {
        text.push_str("NODE_COORD_SECTION\n");
        for city in 1..=dimension {
            writeln!(text, "{city} {} {}", rng.i32(-40..40), rng.i32(-40..40)).unwrap();
        }
    }
    text.parse().unwrap()
}

/// A random tour of a problem.
pub(crate) fn random_tour(rng: &mut Rng, problem: &Problem) -> Tour {
    let mut cities: Vec<u32> = (0..problem.dimension() as u32).collect();
    rng.shuffle(&mut cities);
    Tour::new(cities).unwrap()
}
