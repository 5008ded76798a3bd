//! One trace through everything that a request brings about: the parts of this example.

mod crew;
mod propagator;
mod run;
mod tree;

pub use propagator::OpenTelemetry;
pub use run::run;
pub use tree::draw;
