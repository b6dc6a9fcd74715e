//! Notices a disk that hangs: a write that neither completes nor fails.

use core::time::Duration;
use tokio::time::Instant;

/// Checks in a row that must find no progress. A check that comes late was delayed by a pause of the process, in which
/// the disk could not report either; then they begin anew.
const CHECKS: u32 = 4;

/// Whether the batches under way make progress.
#[derive(Debug)]
pub(super) struct Stall {
    limit: Duration,
    next: Option<Instant>,
    quiet: u32,
}

impl Stall {
    pub(super) const fn new(limit: Duration) -> Self {
        Self { limit, next: None, quiet: 0 }
    }

    /// The time without progress after which the disk counts as hung.
    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    /// When to check next; `None` while nothing is being written.
    pub(super) const fn next(&self) -> Option<Instant> {
        self.next
    }

    /// A batch is durable.
    pub(super) fn progress(&mut self) {
        self.next = None;
    }

    /// At the end of a turn: whether the disk hangs. `writing`: batches are under way.
    pub(super) fn hangs(&mut self, writing: bool, now: Instant) -> bool {
        let step = self.limit / CHECKS;
        match self.next {
            _ if !writing => self.next = None,
            None => (self.next, self.quiet) = (Some(now + step), 0),
            Some(due) if due <= now => {
                self.quiet = if now - due > step { 0 } else { self.quiet + 1 };
                self.next = Some(now + step);
            }
            Some(_) => {}
        }
        self.next.is_some() && self.quiet >= CHECKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_hangs_after_a_row_of_checks_without_progress() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut stall = Stall::new(Duration::from_millis(400));
        for ms in [0, 100, 200, 300] {
            assert!(!stall.hangs(true, at(ms)), "after {ms} ms");
        }
        assert!(stall.hangs(true, at(400)));
        stall.progress();
        for ms in [400, 500, 600, 700] {
            assert!(!stall.hangs(true, at(ms)), "a batch was written since");
        }
        for ms in [5_000, 5_100, 5_200, 5_300] {
            assert!(!stall.hangs(true, at(ms)), "the process was paused until then");
        }
        assert!(stall.hangs(true, at(5_400)));
        assert!(!stall.hangs(false, at(5_500)) && stall.next().is_none(), "nothing is written");
    }
}
