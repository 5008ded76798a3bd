//! What the worker needs of a broker, of whichever kind.

use std::io;

use occamy_core::transport::Transport;
use occamy_core::{BoxFuture, Monitor};

/// A connection with a broker.
pub(super) struct Connection {
    pub(super) transport: Box<dyn Transport>,
    /// Is to be told what the server does.
    pub(super) monitor: Box<dyn Monitor>,
    /// Resolves when nothing more is to be done. With a broker to which others may always send, it never does.
    pub(super) end: BoxFuture<'static, End>,
    /// Others go on with what is handed back, so that nothing is left undone when the worker ends.
    pub(super) shared: bool,
}

/// Why nothing more is to be done.
#[derive(Debug)]
pub(super) enum End {
    /// Everything is settled, and nothing more can come.
    Settled {
        /// Part of what came was not understood, and has been complained about.
        bad_input: bool,
    },
    /// Nobody can be told of settlements any more.
    OutputFailed(io::Error),
}
