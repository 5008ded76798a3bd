//! The systems, and what is seen on each of them.
#![allow(clippy::unwrap_used, reason = "it is test code")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use occamy_core::{BoxTask, Error, ErrorKind, Observation, SlotStatus, TaskContext, Verdict, handler_fn};
use occamy_runtime::{IdlePriority, Server};
use rustix::process::{Pid, getuid, setpriority_process};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::common::{Act, Count, Gate, Letter, Log, World};

/// Tells the program that it is to see what this system does.
const SYSTEM: &str = "OCCAMY_TEST_SYSTEM";

/// Of no privilege anywhere: `nobody`.
const NOBODY: u32 = 65534;

/// Real time. Only a test that fails takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A leftover is lowered after a tenth of it.
const KILL_TIMEOUT: Duration = Duration::from_secs(1);

/// As in sched.h.
const SCHED_OTHER: u32 = 0;
const SCHED_IDLE: u32 = 5;

pub(crate) fn main() {
    if let Ok(system) = std::env::var(SYSTEM) {
        return see(&system);
    }
    // Somewhere that another user may read.
    let folder = std::env::temp_dir().join(format!("occamy-priority-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    let program = folder.join("priority");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut failed = Vec::new();
    for system in ["idle", "nice", "refused"] {
        for user in [getuid().as_raw(), NOBODY] {
            let mut command = Command::new(&program);
            command.env(SYSTEM, system).current_dir("/");
            if getuid().is_root() {
                command.uid(user).gid(user);
            }
            let status = command.status().unwrap();
            eprintln!("{system}, as user {user}: {status}");
            if !status.success() {
                failed.push((system, user));
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(failed.is_empty(), "{failed:?}");
}

/// Everything, on one system.
fn see(system: &str) {
    let expected = match system {
        "idle" => IdlePriority::Idle,
        "nice" => {
            refuse(&[libc_number::SCHED_SETSCHEDULER]);
            IdlePriority::Nice
        }
        _ => {
            refuse(&[libc_number::SCHED_SETSCHEDULER, libc_number::SETPRIORITY]);
            IdlePriority::Refused
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        a_leftover_is_lowered(expected).await;
        a_wedged_thread_is_lowered_and_its_slot_gets_another(expected).await;
        what_a_lowered_thread_asks_of_the_server_is_done_by_another(expected).await;
        a_thread_is_not_lowered_while_it_is_inside_the_server(expected).await;
        what_one_lowered_thread_waits_for_keeps_no_other_from_the_server(expected).await;
        a_leftover_has_time_to_end_before_it_is_lowered().await;
        nothing_is_lowered_where_that_is_not_wanted().await;
    });
}

/// What the system thinks of a thread. As in sched(7): the policy and the nice value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Priority {
    policy: u32,
    nice: i32,
}

const NORMAL: Priority = Priority { policy: SCHED_OTHER, nice: 0 };

impl Priority {
    fn of(expected: IdlePriority) -> Self {
        match expected {
            IdlePriority::Idle => Self { policy: SCHED_IDLE, nice: 0 },
            IdlePriority::Nice => Self { policy: SCHED_OTHER, nice: 19 },
            _ => NORMAL,
        }
    }

    /// `None` if there is no such thread any more.
    fn of_thread(tid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat")).ok()?;
        // The name, in brackets, may hold anything. The fields that follow are numbered from 3 in proc(5).
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(Self { policy: fields[41 - 3].parse().unwrap(), nice: fields[19 - 3].parse().unwrap() })
    }
}

fn tid() -> u32 {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    thread.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

/// Looks again and again, since the system rings no bell.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
}

/// Burns a core until it is released, whatever its stop says, and writes its thread down first.
fn deaf(id: &str, threads: &Log<u32>, released: &Arc<AtomicBool>) -> BoxTask {
    let (threads, released) = (threads.clone(), Arc::clone(released));
    Act::new(id).compute(move |_| {
        threads.add(tid());
        while !released.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        Ok(())
    })
}

fn writes_its_thread_down(threads: &Log<u32>) -> BoxTask {
    let threads = threads.clone();
    Act::new("request").compute(move |_| {
        assert_eq!(Priority::of_thread(tid()), Some(NORMAL), "only a normal thread runs protected work");
        threads.add(tid());
        Ok(())
    })
}

async fn a_leftover_is_lowered(expected: IdlePriority) {
    let world = World::with(1, |builder| builder.eviction_overlap(1).kill_timeout(KILL_TIMEOUT));
    let (threads, released) = (Log::new(&world.bell), Arc::default());
    assert_eq!(world.server.snapshot().idle_priority, IdlePriority::Untried);
    world.offer(deaf("offer", &threads, &released));
    world.until("the offer runs", || threads.get().len() == 1).await;
    let leftover = threads.get()[0];
    assert_eq!(Priority::of_thread(leftover), Some(NORMAL));

    for _ in 0..3 {
        assert_eq!(world.request(writes_its_thread_down(&threads)).settled().await, Verdict::Done);
        world.until("the slot is free", || world.slots(SlotStatus::Empty) == 1).await;
    }
    until("it was lowered", || world.server.snapshot().idle_priority == expected).await;
    assert_eq!(Priority::of_thread(leftover), Some(Priority::of(expected)));
    can_not_be_raised(leftover, expected);
    released.store(true, Ordering::Relaxed);
    until("the thread has retired", || Priority::of_thread(leftover).is_none()).await;
    world.until("its end is known", || world.server.snapshot().usage.leftovers == 0).await;
    assert_eq!(world.server.snapshot().tasks.len() + world.server.snapshot().queued, 0);
    assert!(world.server.shutdown(Duration::ZERO).await.is_clean());
}

/// Without privilege there is no way back. With it there is, which nobody takes.
fn can_not_be_raised(tid: u32, priority: IdlePriority) {
    if !getuid().is_root() && priority == IdlePriority::Nice {
        let thread = Pid::from_raw(i32::try_from(tid).unwrap());
        assert!(setpriority_process(thread, 0).is_err());
    }
    if !getuid().is_root() && priority == IdlePriority::Idle {
        let chrt = Command::new("chrt").args(["--other", "--pid", "0"]).arg(tid.to_string()).output();
        // A system without the program can't be asked.
        assert!(chrt.is_err() || chrt.is_ok_and(|output| !output.status.success()));
    }
    assert_eq!(Priority::of_thread(tid), Some(Priority::of(priority)));
}

async fn a_wedged_thread_is_lowered_and_its_slot_gets_another(expected: IdlePriority) {
    let world = World::with(1, |builder| builder.kill_timeout(Duration::from_millis(20)));
    let (threads, released) = (Log::new(&world.bell), Arc::default());
    world.offer(deaf("offer", &threads, &released));
    world.until("the offer runs", || threads.get().len() == 1).await;
    let wedged = threads.get()[0];
    assert_eq!(world.request(world.brief("refused")).settled().await, Verdict::Busy);
    until("it was lowered", || world.server.snapshot().idle_priority == expected).await;
    assert_eq!(Priority::of_thread(wedged), Some(Priority::of(expected)));

    released.store(true, Ordering::Relaxed);
    world.until("the slot is free", || world.server.available() == 1).await;
    assert_eq!(world.request(writes_its_thread_down(&threads)).settled().await, Verdict::Done);
    until("the thread has retired", || Priority::of_thread(wedged).is_none()).await;
    assert!(world.server.shutdown(Duration::ZERO).await.is_clean());
}

/// Whatever a task that was lowered calls, it takes no lock of the server's, and starts no thread for it.
async fn what_a_lowered_thread_asks_of_the_server_is_done_by_another(expected: IdlePriority) {
    let (other, seen) = (World::with(2, |builder| builder.name("other")), Arc::<Seen>::default());
    let world = World::with(1, |builder| builder.eviction_overlap(1).kill_timeout(KILL_TIMEOUT));
    let (threads, released, handlers) = (Log::new(&world.bell), Gate::default(), Log::new(&world.bell));
    let asked = Server::builder(handler_fn({
        let (handlers, threads) = (handlers.clone(), threads.clone());
        move |_, _| {
            handlers.add(std::thread::current().name().unwrap_or_default().to_owned());
            // As on the thread of a slot there is a runtime to spawn on.
            drop(tokio::spawn(async {}));
            Ok(writes_its_thread_down(&threads))
        }
    }));
    let asked = asked.slots(2).name("asked").build().unwrap();
    let letters: Vec<_> = (0..3).map(|_| Letter::new(&world.bell, occamy_core::Headers::new())).collect();
    let receipts: Vec<_> = letters.iter().map(Letter::receipt).collect();
    let letters = std::sync::Mutex::new(letters);
    world.offer(Act::new("offer").compute({
        let (asked, threads, released, seen) =
            (asked.clone(), threads.clone(), released.clone(), Arc::clone(&seen));
        let own = world.server.clone();
        move |_: &TaskContext| {
            threads.add(tid());
            released.pass();
            let mut letters = std::mem::take(&mut *letters.lock().unwrap());
            asked.handle_request(Box::new(letters.pop().unwrap()));
            asked.handle_control(Box::new(letters.pop().unwrap()));
            asked.expand_tasks();
            own.expand_tasks();
            seen.leftovers.store(own.snapshot().usage.leftovers == 1, Ordering::Relaxed);
            seen.healthy.store(own.is_healthy() && own.available() == 1, Ordering::Relaxed);
            asked.drain();
            asked.handle_request(Box::new(letters.pop().unwrap()));
            // A leftover that fails would be run again.
            Ok(())
        }
    }));
    world.until("the offer runs", || threads.get().len() == 1).await;
    let leftover = threads.get()[0];
    assert_eq!(world.request(world.brief("request")).settled().await, Verdict::Done);
    until("it was lowered", || world.server.snapshot().idle_priority == expected).await;
    assert_eq!(Priority::of_thread(leftover), Some(Priority::of(expected)));
    released.open();

    let verdicts = {
        let mut verdicts = BTreeMap::new();
        for (number, receipt) in receipts.iter().enumerate() {
            verdicts.insert(number, receipt.settled().await);
        }
        verdicts
    };
    // They were taken from the end.
    assert_eq!(verdicts[&2], Verdict::Done);
    assert_eq!(verdicts[&1], Verdict::Done);
    assert_eq!(verdicts[&0], Verdict::Busy);
    let speaker = if expected == IdlePriority::Refused { "occamy-0" } else { "occamy-reaper" };
    assert_eq!(handlers.get(), [speaker, speaker]);
    until("the thread has retired", || Priority::of_thread(leftover).is_none()).await;
    assert!(seen.leftovers.load(Ordering::Relaxed) && seen.healthy.load(Ordering::Relaxed));
    world.until("its end is known", || world.server.snapshot().usage.leftovers == 0).await;
    for server in [asked, world.server, other.server] {
        assert!(server.shutdown(Duration::from_secs(10)).await.is_clean());
    }
}

#[derive(Default)]
struct Seen {
    leftovers: AtomicBool,
    healthy: AtomicBool,
}

async fn a_thread_is_not_lowered_while_it_is_inside_the_server(expected: IdlePriority) {
    let world = World::with(1, |builder| builder.eviction_overlap(1).kill_timeout(KILL_TIMEOUT));
    let (threads, inside, gate) = (Log::new(&world.bell), Count::new(&world.bell), Gate::default());
    let released = Arc::new(AtomicBool::new(false));
    let slow = Server::builder(handler_fn({
        let (inside, gate) = (inside.clone(), gate.clone());
        move |_, _| {
            inside.up();
            gate.pass();
            Err(Error::new(ErrorKind::InvalidTask, "no task"))
        }
    }));
    let slow = slow.slots(1).build().unwrap();
    let letter = std::sync::Mutex::new(Some(Letter::new(&world.bell, occamy_core::Headers::new())));
    world.offer(Act::new("offer").compute({
        let (slow, threads, released) = (slow.clone(), threads.clone(), Arc::clone(&released));
        move |_| {
            threads.add(tid());
            let letter = letter.lock().unwrap().take().unwrap();
            slow.handle_request(Box::new(letter));
            while !released.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            Ok(())
        }
    }));
    world.until("the task is inside", || inside.get() == 1).await;
    let leftover = threads.get()[0];
    assert_eq!(world.request(world.brief("request")).settled().await, Verdict::Done);
    assert_eq!(world.server.snapshot().usage.leftovers, 1);
    // A second leftover, on a server of the same kind, is lowered meanwhile. This one is not.
    a_leftover_is_lowered(expected).await;
    assert_eq!(Priority::of_thread(leftover), Some(NORMAL));
    gate.open();
    until("it was lowered when it came out", || world.server.snapshot().idle_priority == expected).await;
    assert_eq!(Priority::of_thread(leftover), Some(Priority::of(expected)));
    released.store(true, Ordering::Relaxed);
    until("the thread has retired", || Priority::of_thread(leftover).is_none()).await;
    for server in [slow, world.server] {
        assert!(server.shutdown(Duration::from_secs(10)).await.is_clean());
    }
}

/// A monitor waits for a lock that a lowered task holds, which itself calls the server.
async fn what_one_lowered_thread_waits_for_keeps_no_other_from_the_server(expected: IdlePriority) {
    let world = World::with(2, |builder| builder.eviction_overlap(2).kill_timeout(KILL_TIMEOUT));
    let (threads, waits) = (Log::new(&world.bell), Count::new(&world.bell));
    let (ends, calls) = (Gate::default(), Gate::default());
    let shared = Arc::new(std::sync::Mutex::new(()));
    world.offer(Act::new("holder").compute({
        let (threads, calls, shared, server) =
            (threads.clone(), calls.clone(), Arc::clone(&shared), world.server.clone());
        move |_| {
            let _held = shared.lock().unwrap();
            threads.add(tid());
            calls.pass();
            server.available();
            Ok(())
        }
    }));
    world.offer(Act::new("ends").compute({
        let (threads, ends) = (threads.clone(), ends.clone());
        move |_| {
            threads.add(tid());
            ends.pass();
            Ok(())
        }
    }));
    world.until("both run", || threads.get().len() == 2).await;
    world.on_observation({
        let waits = waits.clone();
        move |observation| {
            if matches!(observation, Observation::Finished { group, .. } if &**group == "ends") {
                waits.up();
                drop(shared.lock().unwrap());
            }
        }
    });
    let requests = [(); 2].map(|()| world.request(Act::new("request")));
    let lowered =
        || threads.get().iter().all(|tid| Priority::of_thread(*tid) == Some(Priority::of(expected)));
    until("both were lowered", || world.server.snapshot().idle_priority == expected && lowered()).await;
    ends.open();
    world.until("the monitor waits", || waits.get() == 1).await;
    calls.open();
    world.until("both have ended", || world.server.snapshot().usage.leftovers == 0).await;
    assert!(requests.iter().all(|request| request.verdict().is_none()), "they go on");
    assert!(world.server.shutdown(Duration::ZERO).await.is_clean());
}

/// A day, here, less than which none of these tests takes.
async fn a_leftover_has_time_to_end_before_it_is_lowered() {
    let day = Duration::from_secs(24 * 60 * 60);
    let world = World::with(1, |builder| builder.eviction_overlap(1).kill_timeout(10 * day));
    let (threads, released) = (Log::new(&world.bell), Arc::default());
    world.offer(deaf("offer", &threads, &released));
    world.until("the offer runs", || threads.get().len() == 1).await;
    assert_eq!(world.request(writes_its_thread_down(&threads)).settled().await, Verdict::Done);
    assert_eq!(Priority::of_thread(threads.get()[0]), Some(NORMAL));
    released.store(true, Ordering::Relaxed);
    world.until("its end is known", || world.server.snapshot().usage.leftovers == 0).await;
    assert_eq!(world.server.snapshot().idle_priority, IdlePriority::Untried);
    assert!(world.server.shutdown(Duration::ZERO).await.is_clean());
}

async fn nothing_is_lowered_where_that_is_not_wanted() {
    let world = World::with(1, |builder| builder.eviction_overlap(1).idle_priority(false));
    let (threads, released) = (Log::new(&world.bell), Arc::default());
    world.offer(deaf("offer", &threads, &released));
    world.until("the offer runs", || threads.get().len() == 1).await;
    assert_eq!(world.request(writes_its_thread_down(&threads)).settled().await, Verdict::Done);
    assert_eq!(world.server.snapshot().usage.leftovers, 1);
    assert_eq!(world.server.snapshot().idle_priority, IdlePriority::Off);
    assert_eq!(Priority::of_thread(threads.get()[0]), Some(NORMAL));
    released.store(true, Ordering::Relaxed);
    world.until("its end is known", || world.server.snapshot().usage.leftovers == 0).await;
    assert!(world.server.shutdown(Duration::ZERO).await.is_clean());
}

/// From here on the system answers these calls with "not permitted", in every thread that is started.
fn refuse(calls: &[i64]) {
    let rules = calls.iter().map(|&call| (call, Vec::new())).collect();
    let denied = SeccompAction::Errno(u32::try_from(rustix::io::Errno::PERM.raw_os_error()).unwrap());
    let filter =
        SeccompFilter::new(rules, SeccompAction::Allow, denied, std::env::consts::ARCH.try_into().unwrap());
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// The system's calls by number.
mod libc_number {
    #[cfg(target_arch = "x86_64")]
    pub(super) const SCHED_SETSCHEDULER: i64 = 144;
    #[cfg(target_arch = "x86_64")]
    pub(super) const SETPRIORITY: i64 = 141;
    #[cfg(not(target_arch = "x86_64"))]
    pub(super) const SCHED_SETSCHEDULER: i64 = 119;
    #[cfg(not(target_arch = "x86_64"))]
    pub(super) const SETPRIORITY: i64 = 140;
}
