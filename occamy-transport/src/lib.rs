//! What Occamy's transports on tokio have in common, beside what [`occamy_core::transport`] says of every transport.
//!
//! Core knows no runtime, so what needs one is here: for the project's own adapters, and for whoever writes a transport on
//! tokio. Users of a transport never meet it.
//!
//! | part | is |
//! | --- | --- |
//! | [`IoThread`] | a thread for what has to happen in time, whatever the program computes |
//! | [`Intake`] | where that thread is handed what many others want done there |
//! | [`Connectivity`] | whether the broker can be reached, for who waits for it and for the monitor |
//! | [`Shelf`] | requests that were fetched and not yet taken: how many are wanted, and the stream of them |
//! | [`Outbox`], [`LinePublisher`] | sending, at once or in the background, over whatever [`Line`] there is |
//! | [`jittered`], [`backoff`] | pauses that don't keep step |

mod connectivity;
mod intake;
mod io_thread;
mod line;
mod outbox;
mod pause;
mod publisher;
mod shelf;

pub use connectivity::Connectivity;
pub use intake::Intake;
pub use io_thread::IoThread;
pub use line::{Address, Confirmation, Line};
pub use outbox::Outbox;
pub use pause::{backoff, jittered};
pub use publisher::LinePublisher;
pub use shelf::{Acknowledging, Requests, Settling, Shelf};
