//! The handler of all benchmarks: a message's body says which task it becomes.

use bytes::Bytes;
use occamy_core::{BoxTask, Error, ErrorKind, Handler, Headers};

use crate::kind::Kind;
use crate::script::Script;

type Make = Box<dyn Fn() -> BoxTask + Send + Sync>;

/// Tasks by name.
pub(crate) struct Roles {
    kind: Kind,
    makers: Vec<(&'static str, Make)>,
}

impl Roles {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, makers: Vec::new() }
    }

    /// Messages with this body do this.
    pub(crate) fn role(self, name: &'static str, make: impl Fn() -> Script + Send + Sync + 'static) -> Self {
        let kind = self.kind;
        self.task(name, move || make().task(kind))
    }

    /// Messages with this body become this task, whatever the kind.
    pub(crate) fn task(
        mut self,
        name: &'static str,
        make: impl Fn() -> BoxTask + Send + Sync + 'static,
    ) -> Self {
        self.makers.push((name, Box::new(make)));
        self
    }
}

impl Handler for Roles {
    fn handle(&self, _: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
        let found = self.makers.iter().find(|(name, _)| name.as_bytes() == &body[..]);
        let (_, make) = found.ok_or_else(|| Error::new(ErrorKind::InvalidBody, "no such role"))?;
        Ok(make())
    }
}
