//! The search in depth: needs little memory, and any number of threads share its work.
//!
//! A thread takes the newest state from its stack, makes all successors and pushes the new ones. The way to a state is the
//! way of its parent and one action more, and the parent is on the thread's present way; so no state remembers how it was
//! reached. A thread without work is given the oldest half of another one's stack, which has the most below it.

use super::{Searched, Shared, Tally};
use crate::protocol::Protocol;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A state whose successors have not been made.
struct Job<P: Protocol> {
    state: P::State,
    /// The action that led to it; `None` for the initial state.
    action: Option<P::Action>,
    /// Number of steps to it.
    depth: usize,
}

/// Work that one thread leaves to another: jobs, and a way that begins with the way to each job's parent.
struct Share<P: Protocol> {
    jobs: Vec<Job<P>>,
    way: Vec<P::Action>,
}

/// Where threads find work.
pub(super) struct Market<P: Protocol> {
    threads: usize,
    inner: Mutex<Shares<P>>,
    wake: Condvar,
    /// Number of threads that wait for a share.
    hungry: AtomicUsize,
}

struct Shares<P: Protocol> {
    shares: Vec<Share<P>>,
    waiting: usize,
}

impl<P: Protocol> Market<P> {
    pub(super) fn new(threads: usize, first: P::State) -> Self {
        let jobs = vec![Job { state: first, action: None, depth: 0 }];
        let shares = vec![Share { jobs, way: Vec::new() }];
        let inner = Mutex::new(Shares { shares, waiting: 0 });
        Self { threads, inner, wake: Condvar::new(), hungry: AtomicUsize::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Shares<P>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, shares: &Shares<P>) {
        self.hungry.store(shares.waiting.saturating_sub(shares.shares.len()), Ordering::Relaxed);
    }

    /// Waits for a share; `None` when all work is done or the search was stopped. That a thread waits, and that it finds no
    /// share, is one step under the lock: if all wait, there is nothing left.
    fn take(&self, shared: &Shared) -> Option<Share<P>> {
        let mut shares = self.lock();
        shares.waiting += 1;
        loop {
            if shared.stopped() {
                return None;
            }
            if let Some(share) = shares.shares.pop() {
                shares.waiting -= 1;
                self.count(&shares);
                return Some(share);
            }
            if shares.waiting == self.threads {
                self.wake.notify_all();
                return None;
            }
            self.count(&shares);
            shares = self.wake.wait(shares).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give(&self, share: Share<P>) {
        let mut shares = self.lock();
        shares.shares.push(share);
        self.count(&shares);
        self.wake.notify_one();
    }

    /// Wakes all threads, after the search was stopped.
    pub(super) fn wake(&self) {
        drop(self.lock());
        self.wake.notify_all();
    }
}

/// Stops the other threads when a thread panics: they would wait for it.
struct Guard<'a, P: Protocol>(&'a Market<P>, &'a Shared);

impl<P: Protocol> Drop for Guard<'_, P> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.1.stop();
            self.0.wake();
        }
    }
}

impl<P: Protocol> Searched<P> {
    /// The work of one thread. Returns the way to a violation, if this thread is the one that found it.
    pub(super) fn dive(&self, shared: &Shared, market: &Market<P>, symmetry: bool) -> Option<Vec<P::Action>> {
        let _guard = Guard(market, shared);
        let (mut jobs, mut way, mut actions) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let Some(Job { state, action, depth }) = jobs.pop() else {
                let share = market.take(shared)?;
                (jobs, way) = (share.jobs, share.way);
                continue;
            };
            if shared.stopped() {
                return None;
            }
            way.truncate(depth.saturating_sub(1));
            way.extend(action);
            self.protocol.enabled(&state, &mut actions);
            let mut tally = Tally::default();
            for action in actions.drain(..) {
                let Some(next) = self.successor(&state, &action, &mut tally) else { continue };
                if !shared.seen.insert(next.fingerprint(symmetry)) {
                    continue;
                }
                tally.unique += 1;
                if self.is_violation(&next) {
                    way.push(action);
                    shared.add(&tally, depth + 1);
                    shared.stop();
                    market.wake();
                    return Some(way);
                }
                jobs.push(Job { state: next.state, action: Some(action), depth: depth + 1 });
            }
            shared.add(&tally, depth);
            if jobs.len() > 1 && market.hungry.load(Ordering::Relaxed) > 0 {
                let rest = jobs.split_off(jobs.len() / 2);
                let oldest = std::mem::replace(&mut jobs, rest);
                let deepest = oldest.iter().map(|job| job.depth).max().unwrap_or(0);
                let prefix = way.get(..deepest.saturating_sub(1)).unwrap_or(&way);
                market.give(Share { way: prefix.to_vec(), jobs: oldest });
            }
        }
    }
}
