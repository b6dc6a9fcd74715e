//! `kill -9` of nodes, stores and gateways, each started again a moment later.

use super::clock::{Micros, now};
use super::cluster::Cluster;
use super::moves::{Followed, Stage};
use crate::cli::Failed;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

/// A process that was killed, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kill {
    pub(super) time: Micros,
    pub(super) name: String,
    /// What the move did.
    pub(super) stage: Stage,
}

/// Kills processes, one at a time: a quorum of the nodes lives.
pub(super) struct Chaos {
    random: RefCell<ChaCha8Rng>,
    kills: RefCell<Vec<Kill>>,
    stop: Cell<bool>,
    /// Counts the moves.
    moves: Cell<u64>,
}

impl Chaos {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: RefCell::new(ChaCha8Rng::seed_from_u64(seed)),
            kills: RefCell::default(),
            stop: Cell::new(false),
            moves: Cell::new(0),
        }
    }

    pub(super) fn kills(&self) -> Vec<Kill> {
        self.kills.borrow().clone()
    }

    /// A move begins.
    pub(super) fn begins(&self) {
        self.moves.set(self.moves.get() + 1);
    }

    pub(super) fn stop(&self) {
        self.stop.set(true);
    }

    fn below(&self, limit: u64) -> u64 {
        self.random.borrow_mut().next_u64() % limit.max(1)
    }

    /// Kills until it is told to stop: soon after each move has begun, and now and then.
    pub(super) async fn rage(
        &self,
        cluster: &Cluster,
        followed: &Followed,
        note: &dyn Fn(&str),
    ) -> Result<(), Failed> {
        let mut seen = 0;
        while !self.stop.get() {
            let (victim, pause, down) = (self.below(7), self.below(1_500), 50 + self.below(400));
            let early = self.below(150);
            // Until another move begins, or for a while.
            let mut waited = 0;
            while !self.stop.get() && self.moves.get() == seen && waited < 700 + pause {
                tokio::time::sleep(Duration::from_millis(5)).await;
                waited += 5;
            }
            if self.moves.get() != seen {
                seen = self.moves.get();
                while followed.last().is_some_and(|last| last.stage == Stage::Rest) && !self.stop.get() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                tokio::time::sleep(Duration::from_millis(early)).await;
            }
            if !self.stop.get() {
                self.strike(cluster, followed, (usize::try_from(victim).unwrap_or(0), down), note).await?;
            }
        }
        Ok(())
    }

    async fn strike(
        &self,
        cluster: &Cluster,
        followed: &Followed,
        (victim, down): (usize, u64),
        note: &dyn Fn(&str),
    ) -> Result<(), Failed> {
        let (time, name) = (now(), cluster.name(victim));
        if let Some(part) = cluster.parts().get_mut(victim) {
            part.kill();
        }
        let stage = followed.last().map_or(Stage::Rest, |last| last.stage);
        note(&format!("kill -9 {name} ({})", stage.word()));
        self.kills.borrow_mut().push(Kill { time, name, stage });
        tokio::time::sleep(Duration::from_millis(down)).await;
        cluster.start(victim)?;
        cluster.serves(victim).await
    }
}

impl Stage {
    /// The stage in a word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Rest => "at rest",
            Self::Copying => "copying",
            Self::Blocked => "blocked",
            Self::Flipped => "after the flip",
        }
    }
}
