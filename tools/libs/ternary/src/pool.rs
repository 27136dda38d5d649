//! The threads that kernels run on.
#![allow(unsafe_code)] // a closure on the caller's stack is shared with threads that outlive it

use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use crate::ahead::{Ahead, Fetched, Stretch};

/// How long a thread spins before it sleeps: longer than the gaps between the products of a token, far too short to show as
/// load.
const SPIN: Duration = Duration::from_micros(60);

/// Calls `ready` until it returns a value, for as long as a thread may spin. (Measured by the clock: the pause instruction of
/// one processor takes ten times as long as that of another.)
fn spin<T>(mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        for _ in 0..16 {
            if let Some(found) = ready() {
                return Some(found);
            }
            std::hint::spin_loop();
        }
        if began.elapsed() > SPIN {
            return None;
        }
    }
}

thread_local! {
    /// Whether this thread is inside [`Pool::run`], where a nested run uses no other threads.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// A fixed set of threads for short parallel jobs, including the calling thread. Workers spin briefly after a job, then sleep
/// on a futex: an idle pool uses no processor time.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held during a run, so that there is one at a time.
    turn: Mutex<()>,
    active: AtomicUsize,
}

/// The function of a run.
type Call<'a> = &'a (dyn Fn(usize) + Sync);

/// The job of a run.
#[derive(Clone, Copy)]
struct Job {
    call: *const (dyn Fn(usize) + Sync),
    numbers: Numbers,
}

/// The numbers that the function is called with.
#[derive(Clone, Copy)]
enum Numbers {
    /// All below this, each once.
    Parts(usize),
    /// Each thread's own number.
    Threads,
}

struct Shared {
    /// The epoch of the job in the upper half, then whether it can still be joined, then the number of workers in it.
    gate: AtomicU64,
    job: UnsafeCell<Option<Job>>,
    next: AtomicUsize,
    /// Workers with this number or a higher one do not take part.
    limit: AtomicUsize,
    panicked: AtomicBool,
    stop: AtomicBool,
    sleeping: Vec<AtomicBool>,
    /// The caller, if it sleeps until the last worker leaves.
    caller: Mutex<Option<Thread>>,
    ahead: Ahead,
}

// SAFETY: `job` is written only while the gate is closed and empty, and read only by workers that joined.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `job` is used only during the run that put it there.
unsafe impl Send for Shared {}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}

const OPEN: u64 = 1 << 31;
const JOINED: u64 = OPEN - 1;

fn epoch(gate: u64) -> u64 {
    gate >> 32
}

impl Pool {
    /// A pool of `threads` threads (at least one), including the caller's. If the system refuses a thread, the pool is smaller
    /// and the log says so.
    pub fn new(threads: usize) -> Self {
        let wanted = threads.clamp(1, 1024) - 1;
        let shared = Arc::new(Shared {
            gate: AtomicU64::new(0),
            job: UnsafeCell::new(None),
            next: AtomicUsize::new(0),
            limit: AtomicUsize::new(wanted),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            sleeping: (0..wanted).map(|_| AtomicBool::new(false)).collect(),
            caller: Mutex::new(None),
            ahead: Ahead::new(wanted + 1),
        });
        let mut workers = Vec::with_capacity(wanted);
        for index in 0..wanted {
            let shared = Arc::clone(&shared);
            let name = format!("kernel-{}", index + 1);
            match std::thread::Builder::new()
                .name(name)
                .spawn(move || shared.work(index))
            {
                Ok(worker) => workers.push(worker),
                Err(error) => {
                    log::warn!("only {} of {threads} kernel threads started: {error}", index + 1);
                    break;
                }
            }
        }
        let active = AtomicUsize::new(workers.len() + 1);
        Self {
            shared,
            workers,
            turn: Mutex::new(()),
            active,
        }
    }

    /// The number of threads, including the caller's.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// The number of threads that take part in a run.
    pub fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// Lets `n` threads (clamped to 1 and [`Pool::threads`]) take part from the next run on; the others sleep.
    pub fn set_active(&self, n: usize) {
        self.active.store(n.clamp(1, self.threads()), Ordering::Relaxed);
    }

    /// Calls `f` once with every number below `parts`, on the active threads, and returns when all are done. Threads take the
    /// next part when they finish one, so there should be more parts than threads. A nested run uses the calling thread only.
    ///
    /// # Panics
    /// If `f` panics, after every thread has left it.
    pub fn run(&self, parts: usize, f: &(dyn Fn(usize) + Sync)) {
        let helpers = self.active().min(parts) - usize::from(parts > 0);
        self.start(helpers, Numbers::Parts(parts), f);
    }

    /// Calls `f` on the first `threads` threads with the number of the thread, 0 on the calling one. A late thread may miss the run:
    /// `f` must be able to do all of the work on any subset of the threads.
    ///
    /// # Panics
    /// As [`Pool::run`].
    pub(crate) fn each(&self, threads: usize, f: &(dyn Fn(usize) + Sync)) {
        self.start(threads.clamp(1, self.threads()) - 1, Numbers::Threads, f);
    }

    /// Announces what the threads will multiply first in the next run.
    pub(crate) fn begin(&self, product: Vec<Stretch>) {
        self.shared.ahead.begin(product);
    }

    fn start(&self, helpers: usize, numbers: Numbers, f: Call<'_>) {
        if helpers == 0 || INSIDE.get() {
            match numbers {
                Numbers::Parts(parts) => (0..parts).for_each(f),
                Numbers::Threads => f(0),
            }
            return;
        }
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        let call: *const (dyn Fn(usize) + Sync + '_) = f;
        // SAFETY: only the lifetime changes; every thread has left `f` before this function returns or unwinds.
        #[allow(clippy::transmute_ptr_to_ptr)] // a cast cannot lengthen the lifetime
        let call = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const (dyn Fn(usize) + Sync + 'static)>(
                call,
            )
        };
        // SAFETY: the gate is closed and empty between runs, so no worker reads the job.
        unsafe { *shared.job.get() = Some(Job { call, numbers }) };
        shared.next.store(0, Ordering::Relaxed);
        shared.limit.store(helpers, Ordering::Relaxed);
        shared.panicked.store(false, Ordering::Relaxed);
        let gate = shared.gate.load(Ordering::Relaxed);
        // Sequentially consistent with `sleeping`: either the worker sees the open gate or we see it asleep.
        shared
            .gate
            .store(epoch(gate).wrapping_add(1) << 32 | OPEN, Ordering::SeqCst);
        for (sleeping, worker) in shared.sleeping.iter().zip(&self.workers).take(helpers) {
            if sleeping.swap(false, Ordering::SeqCst) {
                worker.thread().unpark();
            }
        }
        let result = catch_unwind(AssertUnwindSafe(|| shared.take_part(0, f, numbers)));
        shared.close();
        drop(turn);
        if let Err(panic) = result {
            resume_unwind(panic);
        }
        assert!(
            !shared.panicked.load(Ordering::Relaxed),
            "a kernel thread panicked; its message is above"
        );
    }
}

impl Shared {
    /// Takes parts until there are none left, or does the part of this thread.
    fn take_part(&self, thread: usize, f: Call<'_>, numbers: Numbers) {
        INSIDE.set(true);
        let _guard = Inside;
        let Numbers::Parts(parts) = numbers else {
            return f(thread);
        };
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return;
            }
            f(part);
        }
    }

    /// Closes the gate and waits until the last worker has left.
    fn close(&self) {
        self.gate.fetch_and(!OPEN, Ordering::SeqCst);
        let mut fetched = Fetched::default();
        let empty = || {
            let empty = self.gate.load(Ordering::SeqCst) & JOINED == 0;
            if !empty {
                self.ahead.fetch(0, &mut fetched);
            }
            empty.then_some(())
        };
        if spin(empty).is_none() {
            *self.caller.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current());
            while self.gate.load(Ordering::SeqCst) & JOINED != 0 {
                std::thread::park();
            }
            *self.caller.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// The loop of a worker.
    fn work(&self, index: usize) {
        let mut done = 0;
        let mut fetched = Fetched::default();
        while !self.stop.load(Ordering::Relaxed) {
            let Some(gate) = self.wait(index, done, &mut fetched) else {
                continue;
            };
            done = epoch(gate);
            // SAFETY: joined, so the job stays until we leave.
            if let Some(job) = unsafe { *self.job.get() } {
                // SAFETY: the closure lives until every thread that joined has left.
                let call = unsafe { &*job.call };
                if catch_unwind(AssertUnwindSafe(|| self.take_part(index + 1, call, job.numbers))).is_err() {
                    // The other parts need not be done.
                    if let Numbers::Parts(parts) = job.numbers {
                        self.next.store(parts, Ordering::Relaxed);
                    }
                    self.panicked.store(true, Ordering::Relaxed);
                }
            }
            let left = self.gate.fetch_sub(1, Ordering::SeqCst) - 1;
            if left & (OPEN | JOINED) == 0 {
                let caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(caller) = caller {
                    caller.unpark();
                }
            }
        }
    }

    /// Joins the next job after `done`: spins, then sleeps. `None` if woken for another reason.
    fn wait(&self, index: usize, done: u64, fetched: &mut Fetched) -> Option<u64> {
        let joined = || {
            let joined = self.join(index, done);
            if joined.is_none() {
                self.ahead.fetch(index + 1, fetched);
            }
            joined
        };
        if let Some(gate) = spin(joined) {
            return Some(gate);
        }
        self.sleeping[index].store(true, Ordering::SeqCst);
        let joined = self.join(index, done);
        if joined.is_none() && !self.stop.load(Ordering::SeqCst) {
            std::thread::park();
        }
        self.sleeping[index].store(false, Ordering::SeqCst);
        joined
    }

    fn join(&self, index: usize, done: u64) -> Option<u64> {
        let gate = self.gate.load(Ordering::SeqCst);
        if gate & OPEN == 0 || epoch(gate) == done || index >= self.limit.load(Ordering::Relaxed) {
            return None;
        }
        self.gate
            .compare_exchange(gate, gate + 1, Ordering::SeqCst, Ordering::SeqCst)
            .ok()
    }
}

/// Marks the thread as outside again, even if a part panics.
struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::Pool;

    fn counted(pool: &Pool, parts: usize) -> Vec<usize> {
        let counts: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
        pool.run(parts, &|part| {
            counts[part].fetch_add(1, Ordering::Relaxed);
        });
        counts.into_iter().map(AtomicUsize::into_inner).collect()
    }

    #[test]
    fn every_part_is_done_once_on_any_number_of_threads() {
        for threads in [1, 2, 3, 8] {
            let pool = Pool::new(threads);
            assert_eq!(pool.threads(), threads);
            for parts in [0, 1, 2, 7, 1000] {
                assert_eq!(counted(&pool, parts), vec![1; parts], "{threads} threads");
            }
        }
    }

    #[test]
    fn runs_follow_each_other_at_once_and_after_sleep() {
        let pool = Pool::new(4);
        for round in 0..3000 {
            assert_eq!(counted(&pool, 9), vec![1; 9], "round {round}");
            if round % 1000 == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    #[test]
    fn callers_take_turns_and_nested_runs_finish() {
        let pool = Pool::new(3);
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        pool.run(5, &|_| {
                            pool.run(2, &|_| {
                                total.fetch_add(1, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 4 * 200 * 5 * 2);
    }

    #[test]
    fn yielding_keeps_threads_out_and_lets_them_back() {
        let pool = Pool::new(4);
        pool.set_active(1);
        let caller = std::thread::current().id();
        pool.run(50, &|_| assert_eq!(std::thread::current().id(), caller));
        pool.set_active(99);
        assert_eq!(pool.active(), 4);
        let others = AtomicUsize::new(0);
        pool.run(40, &|_| {
            std::thread::sleep(Duration::from_millis(1));
            if std::thread::current().id() != caller {
                others.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert!(others.into_inner() > 0);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = Pool::new(2);
        for bad in [0, 99] {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                pool.run(100, &|part| {
                    std::thread::sleep(Duration::from_micros(50));
                    assert!(part != bad, "part {part}");
                });
            }));
            assert!(result.is_err());
            assert_eq!(counted(&pool, 10), vec![1; 10]);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_idle_pool_uses_no_processor_time() {
        // The ticks of this process's kernel threads alone: other tests run in the same process.
        let ticks = |names: &[String]| -> u64 {
            let mut sum = 0;
            for name in names {
                let stat = std::fs::read_to_string(format!("/proc/self/task/{name}/stat")).unwrap();
                let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
                sum += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
            }
            sum
        };
        let ids = std::sync::Mutex::new(Vec::new());
        let pool = Pool::new(3);
        pool.run(300, &|_| {
            let id = std::fs::read_link("/proc/thread-self").unwrap();
            let id = id.file_name().unwrap().to_string_lossy().into_owned();
            let mut ids = ids.lock().unwrap();
            if !ids.contains(&id) {
                ids.push(id);
            }
        });
        let caller = std::fs::read_link("/proc/thread-self").unwrap();
        let caller = caller.file_name().unwrap().to_string_lossy().into_owned();
        let workers: Vec<String> = ids
            .into_inner()
            .unwrap()
            .into_iter()
            .filter(|id| *id != caller)
            .collect();
        std::thread::sleep(Duration::from_millis(20));
        let before = ticks(&workers);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(ticks(&workers) - before, 0);
    }
}
