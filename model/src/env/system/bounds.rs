//! The bounds of a walk's world: who takes part, how small the memories are, which faults there are. All of it follows from one
//! number, so a trace that names the number has the whole world.

use crate::env::draw::{Draw, WORLD};
use crate::host::known_stores;
use crate::protocol::{Bounds, OptionSpec, Refused};
use cutover::core::control_plane::Stores;
use cutover::core::fence::{Enforcement, FenceLimits};
use cutover::core::ids::Placement;
use cutover::core::migration::{Caps, Policy};
use cutover::core::placement::Guarantee;
use cutover::core::raft::SessionLimits;

/// A store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Store {
    /// Its placement.
    pub at: Placement,
    /// Whether it checks tokens.
    pub enforcement: Enforcement,
}

impl Store {
    /// The guarantee that it can give.
    pub(super) const fn guarantee(self) -> Guarantee {
        match self.enforcement {
            Enforcement::Tokens => Guarantee::Sealed,
            Enforcement::Nothing => Guarantee::Timed,
        }
    }
}

/// Faults and slips that a world has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Faults {
    /// Stores crash between memory and disk.
    pub crashes: bool,
    /// Stores lose their state and come back.
    pub wipes: bool,
    /// The log is lost and restored from a backup, or recovered.
    pub losses: bool,
    /// Operators force, and retire copies at once.
    pub forces: bool,
    /// Requests reach another store than the one that they name.
    pub misroutes: bool,
    /// Controllers are replaced by ones that know nothing.
    pub takeovers: bool,
    /// Operators create partitions with a guarantee that the store there cannot give.
    pub mislabels: bool,
}

/// The world of a walk.
#[derive(Clone, Debug)]
pub struct SystemBounds {
    /// The number from which it was drawn.
    pub world: u64,
    /// The stores.
    pub stores: Vec<Store>,
    /// Gateways, each with a watcher's table.
    pub gateways: u8,
    /// Operations that a gateway has at a time.
    pub slots: u8,
    /// Controllers for each partition that moves.
    pub controllers: u8,
    /// The limits of the table.
    pub caps: Caps,
    /// The limits of the sinks.
    pub limits: FenceLimits,
    /// The limits of the control plane's sessions.
    pub sessions: SessionLimits,
    /// The controllers' policy. Its durations are ticks of the world's clock.
    pub policy: Policy,
    /// Whether controllers' clocks run fast, as far as the policy allows.
    pub fast_clocks: bool,
    /// The faults.
    pub faults: Faults,
}

impl SystemBounds {
    /// The world with this number.
    #[must_use]
    pub fn drawn(world: u64) -> Self {
        let mut draw = Draw::of(world);
        let small = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
        let plain = draw.percent(45);
        let stores = (0..3).map(|at| {
            let enforces = plain || draw.percent(60);
            Store {
                at: Placement(at),
                enforcement: if enforces { Enforcement::Tokens } else { Enforcement::Nothing },
            }
        });
        let stores = stores.collect();
        let (gateways, slots) = (small(draw.within(1, 3)), small(draw.within(1, 2)));
        let controllers = small(draw.within(1, 2));
        let caps = Caps {
            migrations_per_placement: draw.within(1, 3),
            migrations_overall: draw.within(1, 4),
            partitions: draw.within(1, 4),
            old_copies_per_partition: draw.within(1, 3),
        };
        let limits = FenceLimits {
            sessions_max: draw.within(1, 4),
            writes_per_session_max: draw.within(1, 4),
            admitted_max: draw.within(1, 3),
            chunk_items_max: draw.within(1, 3),
            chunk_bytes_max: 1 << 16,
            positions_apart: draw.within(1, 2).into(),
        };
        let sessions = SessionLimits {
            sessions_max: u16::from(small(draw.within(1, 3))),
            answers_max: u16::from(small(draw.within(1, 3))),
        };
        let fast_clocks = draw.percent(50);
        let policy = Policy {
            lag_writes_max: draw.percent(60).then(|| draw.within(0, 2).into()),
            hold: false,
            blocked_budget_ms: 100,
            retry_ms: 1,
            write_effect_ms_max: draw.within(1, 8).into(),
            clock_error_ppm: 500_000,
            clock_granule_ms: 1,
        };
        let mut has = || draw.percent(60);
        let faults = Faults {
            crashes: has(),
            wipes: has(),
            losses: has(),
            forces: has(),
            misroutes: has(),
            takeovers: has(),
            mislabels: has(),
        };
        Self {
            world,
            stores,
            gateways,
            slots,
            controllers,
            caps,
            limits,
            sessions,
            policy,
            fast_clocks,
            faults,
        }
    }

    /// The stores as the log knows them. Operators who mislabel have added one with a guarantee that it cannot give.
    pub(super) fn known(&self) -> Stores {
        let mislabelled = self.faults.mislabels.then_some(Placement(self.world % 3));
        known_stores(self.stores.iter().map(|store| {
            let sealed = store.guarantee() == Guarantee::Sealed;
            if sealed == (Some(store.at) == mislabelled) { Guarantee::Timed } else { Guarantee::Sealed }
        }))
    }

    /// The store at a placement.
    pub(super) fn store(&self, at: Placement) -> Option<&Store> {
        self.stores.iter().find(|store| store.at == at)
    }
}

impl Bounds for SystemBounds {
    fn text(&self) -> String {
        let Self { world, stores, gateways, slots, controllers, caps, .. } = self;
        let plain = stores.iter().filter(|store| store.enforcement == Enforcement::Nothing).count();
        format!(
            "world {world}: {} stores, {plain} of them cannot seal, {gateways} gateways with {slots} operations each, {controllers} \
             controllers a partition, at most {} partitions and {} migrations",
            stores.len(),
            caps.partitions,
            caps.migrations_overall,
        )
    }

    fn faults(&self) -> String {
        let Faults { crashes, wipes, losses, forces, misroutes, takeovers, mislabels } = self.faults;
        let all = [
            (true, "messages are late, lost and repeated"),
            (crashes, "stores crash"),
            (wipes, "stores are wiped"),
            (losses, "the log is restored or recovered"),
            (forces, "moves are forced"),
            (misroutes, "requests reach the wrong store"),
            (takeovers, "controllers are replaced"),
            (mislabels, "partitions are created with the wrong guarantee"),
        ];
        all.iter().filter(|(has, _)| *has).map(|(_, text)| *text).collect::<Vec<_>>().join(", ")
    }

    fn options() -> &'static [OptionSpec] {
        &[WORLD]
    }

    fn set_option(&mut self, name: &str, value: &str) -> Result<bool, Refused> {
        if name != WORLD.name {
            return Err(Refused::Unknown);
        }
        let world = value.parse().map_err(|_| Refused::Value { expected: "a number" })?;
        *self = Self::drawn(world);
        Ok(true)
    }
}
