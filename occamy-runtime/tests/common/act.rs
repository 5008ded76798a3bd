//! Tasks made of closures.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;
use occamy_core::{AsyncTask, BoxFuture, BoxTask, Error, Headers, Task, TaskContext, TaskDetails};

use super::Bell;

type Run = dyn Fn(TaskContext) -> BoxFuture<'static, Result<(), Error>> + Send + Sync;
type Compute = dyn Fn(&TaskContext) -> Result<(), Error> + Send + Sync;
type Expand = dyn Fn(usize) -> Vec<BoxTask> + Send + Sync;
type Handle = dyn Fn(&TaskContext, &Headers, &Bytes) -> Result<(), Error> + Send + Sync;

/// A task made of closures. By default it runs until it is told to stop, and then says that it was interrupted.
pub struct Act {
    details: Box<dyn Fn() -> TaskDetails + Send + Sync>,
    expand: Box<Expand>,
    handle: Box<Handle>,
    run: Box<Run>,
}

/// An [`Act`] on a thread of its own.
struct Computing(Act, Box<Compute>);

/// An [`Act`] that awaits.
struct Awaiting(Act);

impl Act {
    pub fn new(id: &str) -> Self {
        Self::with_details(TaskDetails::new(id).group(id))
    }

    pub fn with_details(details: TaskDetails) -> Self {
        Self {
            details: Box::new(move || details.clone()),
            expand: Box::new(|_| Vec::new()),
            handle: Box::new(|_, _, _| Ok(())),
            run: Box::new(|cx| {
                Box::pin(async move {
                    cx.stopped().await;
                    cx.check()
                })
            }),
        }
    }

    pub fn details(mut self, details: impl Fn() -> TaskDetails + Send + Sync + 'static) -> Self {
        self.details = Box::new(details);
        self
    }

    pub fn expand(mut self, expand: impl Fn(usize) -> Vec<BoxTask> + Send + Sync + 'static) -> Self {
        self.expand = Box::new(expand);
        self
    }

    pub fn handle(
        mut self,
        handle: impl Fn(&TaskContext, &Headers, &Bytes) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        self.handle = Box::new(handle);
        self
    }

    /// The task as one that awaits, with this for its run.
    pub fn run<F>(mut self, run: impl Fn(TaskContext) -> F + Send + Sync + 'static) -> BoxTask
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.run = Box::new(move |cx| Box::pin(run(cx)));
        self.into()
    }

    /// The task as one that computes, with this for its run.
    pub fn compute(self, run: impl Fn(&TaskContext) -> Result<(), Error> + Send + Sync + 'static) -> BoxTask {
        Computing(self, Box::new(run)).into()
    }
}

impl From<Act> for BoxTask {
    fn from(act: Act) -> Self {
        Self::future(Awaiting(act))
    }
}

impl Task for Computing {
    fn details(&self) -> TaskDetails {
        (self.0.details)()
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        (self.1)(cx)
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        (self.0.expand)(limit)
    }

    fn handle(&self, cx: &TaskContext, headers: &Headers, body: &Bytes) -> Result<(), Error> {
        (self.0.handle)(cx, headers, body)
    }
}

impl AsyncTask for Awaiting {
    fn details(&self) -> TaskDetails {
        (self.0.details)()
    }

    fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        (self.0.run)(cx.clone())
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        (self.0.expand)(limit)
    }

    fn handle(&self, cx: &TaskContext, headers: &Headers, body: &Bytes) -> Result<(), Error> {
        (self.0.handle)(cx, headers, body)
    }
}

/// Counts, and rings the bell.
#[derive(Clone)]
pub struct Count(Arc<AtomicUsize>, Bell);

impl Count {
    pub fn new(bell: &Bell) -> Self {
        Self(Arc::default(), bell.clone())
    }

    /// Adds one. Tells the count before.
    pub fn up(&self) -> usize {
        let before = self.0.fetch_add(1, Ordering::SeqCst);
        self.1.ring();
        before
    }

    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A list to write down what happens, which rings the bell.
#[derive(Clone)]
pub struct Log<T>(Arc<Mutex<Vec<T>>>, Bell);

impl<T: Clone> Log<T> {
    pub fn new(bell: &Bell) -> Self {
        Self(Arc::default(), bell.clone())
    }

    pub fn add(&self, entry: T) {
        self.0.lock().unwrap().push(entry);
        self.1.ring();
    }

    pub fn get(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// Shut until it is opened, for threads and futures.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar, Bell)>);

impl Gate {
    pub fn open(&self) {
        let (open, opened, bell) = &*self.0;
        *open.lock().unwrap() = true;
        opened.notify_all();
        bell.ring();
    }

    /// Resolves once it is open.
    pub async fn passed(&self) {
        let (open, _, bell) = &*self.0;
        bell.rung_and(|| *open.lock().unwrap()).await;
    }

    /// Blocks the thread until it is open.
    pub fn pass(&self) {
        let (open, opened, _) = &*self.0;
        drop(opened.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
    }
}
