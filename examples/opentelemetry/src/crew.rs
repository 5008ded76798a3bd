//! The tasks: a master, and what works for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::{Publisher, header};
use occamy_core::{BoxTask, Error, ErrorKind, Handler, Headers, Task, TaskContext, TaskDetails, handler_fn};

/// Who is told of everything that is done.
const MASTER: &str = "master";
/// Two requests, an optional one that each of two servers runs, and an assistant.
const HELPERS: usize = 5;

/// What a request with this role is made.
pub(crate) fn request(role: &str) -> Headers {
    Headers::new().with("role", role)
}

/// Makes a master or a helper of a message, as its header `role` says.
pub(crate) fn handler(publisher: Arc<dyn Publisher>) -> impl Handler {
    handler_fn(move |headers, _| {
        let publisher = Arc::clone(&publisher);
        match headers.string("role")? {
            MASTER => {
                Ok(Master { publisher, done: AtomicUsize::new(0), assisted: AtomicBool::new(false) }.into())
            }
            "part" => Ok(Helper { role: "part", publisher }.into()),
            "extra" => Ok(Helper { role: "extra", publisher }.into()),
            other => Err(Error::new(ErrorKind::InvalidTask, format!("there is no role {other:?}"))),
        }
    })
}

/// Sends work to others, and waits for word that it is done.
struct Master {
    publisher: Arc<dyn Publisher>,
    done: AtomicUsize,
    assisted: AtomicBool,
}

impl Task for Master {
    fn details(&self) -> TaskDetails {
        TaskDetails::new(MASTER).group(MASTER)
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        for _ in 0..2 {
            self.publisher.try_request(cx.traced(request("part")), Bytes::new())?;
        }
        // Without a task id it is an offer.
        self.publisher.try_control(cx.traced(request("extra")), Bytes::new())?;
        while self.done.load(Ordering::Acquire) < HELPERS {
            cx.check()?;
            cx.wait_stopped(Duration::from_millis(5));
        }
        Ok(())
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        if limit == 0 || self.assisted.swap(true, Ordering::AcqRel) {
            return Vec::new();
        }
        vec![Helper { role: "assistant", publisher: Arc::clone(&self.publisher) }.into()]
    }

    fn handle(&self, _: &TaskContext, _: &Headers, _: &Bytes) -> Result<(), Error> {
        self.done.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

/// Does nothing but tell the master that it is done.
struct Helper {
    role: &'static str,
    publisher: Arc<dyn Publisher>,
}

impl Task for Helper {
    fn details(&self) -> TaskDetails {
        TaskDetails::default().group(self.role)
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        let to_master = Headers::new().with(header::TASK_ID, MASTER);
        Ok(self.publisher.try_control(cx.traced(to_master), self.role.into())?)
    }
}
