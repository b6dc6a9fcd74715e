//! A copy in parts: any sequence of exports, with writes in between and messages that come late or twice, ends with a copy that is
//! its source.

use super::fence::summed;
use super::store::{SMALL, Store, config};
use super::{cases, some};
use cutover::core::fence::{
    AppliedIds, Body, Chunk, Copy, End, Enforcement, EvidenceQuery, Export, FenceLimits, Frontier, Input,
    Known, Mutation, Prepare, Refusal, Reply, Rows, Seal, Write,
};
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeMap;

const A: Placement = Placement(0);
const B: Placement = Placement(1);
/// The migration that makes the copy.
pub const SECOND: MigrationId = MigrationId(2);
/// The epoch of its draining phase.
pub const DRAINING: Epoch = Epoch(2);

/// A choice of whoever surrounds the two stores.
#[derive(Clone, Debug)]
pub enum CopyEvent {
    /// A client writes at the source: a new write, or one of before again.
    Write {
        session: u64,
        again: Option<Index>,
        mutation: Mutation,
    },
    /// The mover exports from where the copy is, and the chunk arrives.
    Pull(u32),
    /// The mover exports from where the copy was once, or could be; the chunk is under way.
    Export {
        after: Frontier,
        position: Index,
        limit: u32,
    },
    /// A chunk that was under way arrives, and remains under way.
    Late(Index),
    /// The source forgets changes that the copy has.
    Trim(Index),
    Crash,
}

/// Any event.
pub fn happening() -> impl Strategy<Value = CopyEvent> {
    let after = prop_oneof![
        2 => Just(Frontier::Nothing),
        4 => some::some_key().prop_map(Frontier::Through),
        4 => Just(Frontier::Everything),
    ];
    prop_oneof![
        8 => (1_u64..5, prop::option::weighted(0.1, any::<Index>()), some::mutation())
            .prop_map(|(session, again, mutation)| CopyEvent::Write { session, again, mutation }),
        5 => (0_u32..4).prop_map(CopyEvent::Pull),
        2 => (after, any::<Index>(), 0_u32..4)
            .prop_map(|(after, position, limit)| CopyEvent::Export { after, position, limit }),
        3 => any::<Index>().prop_map(CopyEvent::Late),
        1 => any::<Index>().prop_map(CopyEvent::Trim),
        1 => Just(CopyEvent::Crash),
    ]
}

/// Limits that a chunk reaches soon.
pub fn limits() -> impl Strategy<Value = FenceLimits> {
    (1_u32..4, 1_u32..4, 1_u32..5, 0_u32..24, 1_u64..4).prop_map(
        |(sessions_max, writes_per_session_max, chunk_items_max, chunk_bytes_max, positions_apart)| {
            FenceLimits {
                sessions_max,
                writes_per_session_max,
                chunk_items_max,
                chunk_bytes_max,
                positions_apart,
                ..SMALL
            }
        },
    )
}

/// What the source was at a position.
#[derive(Clone, Debug)]
struct State {
    rows: Rows,
    applied: AppliedIds,
}

/// A source, a copy in the making, and chunks that are under way.
#[derive(Clone)]
pub struct Copying {
    pub source: Store,
    pub target: Store,
    states: BTreeMap<Position, State>,
    serials: BTreeMap<u64, u64>,
    written: Vec<Write>,
    pub under_way: Vec<Chunk>,
}

fn store(at: Placement, limits: FenceLimits, migration: MigrationId, from: Option<Placement>) -> Store {
    let mut store = Store::new(config(at, PartitionId(1), Enforcement::Tokens, limits));
    let closed_through = if from.is_some() { DRAINING } else { Epoch::ZERO };
    let _ = store.ask(Body::Prepare(Prepare { migration, closed_through, source: from, keep: None }));
    store
}

impl Copying {
    pub fn new(limits: FenceLimits) -> Self {
        let source = store(A, limits, MigrationId(1), None);
        let target = store(B, limits, SECOND, Some(A));
        let (states, serials) = (BTreeMap::new(), BTreeMap::new());
        let mut new = Self { source, target, states, serials, written: Vec::new(), under_way: Vec::new() };
        new.remember();
        new
    }

    pub fn copy(&self) -> &Copy {
        self.target.fence.durable().copy().expect("it was prepared")
    }

    pub fn original(&self) -> &Copy {
        self.source.fence.durable().copy().expect("it was created")
    }

    fn remember(&mut self) {
        let (position, applied) = (self.original().position(), self.original().applied().clone());
        let state = State { rows: self.source.data.rows().clone(), applied };
        self.states.entry(position).or_insert(state);
    }

    /// The next request of the mover.
    pub fn export(&self, limit: u32) -> Export {
        let (after, position) = (self.copy().frontier().clone(), self.copy().position());
        Export { migration: SECOND, after, position, limit }
    }

    /// What the source answers to it.
    pub fn cut(&mut self, export: Export) -> Result<Chunk, Refusal> {
        let outputs = self.source.ask(Body::Export(export));
        if let Some(Reply::Refused { refusal, .. }) = some::replies(&outputs).pop() {
            return Err(refusal);
        }
        Ok(self.source.handed.clone().expect("what was promised can be cut"))
    }

    pub fn happen(&mut self, what: &CopyEvent) -> Result<(), TestCaseError> {
        match what {
            CopyEvent::Write { session, again, mutation } => {
                let id = WriteId { session: SessionId(*session), serial: Serial(self.next(*session)) };
                let new = Write { id, token: Epoch(1), mutation: mutation.clone() };
                let write = match again {
                    Some(index) if !self.written.is_empty() => index.get(&self.written).clone(),
                    _ => new,
                };
                let _ = self.source.write(write.clone());
                self.written.push(write);
                self.remember();
            }
            CopyEvent::Pull(limit) => match self.cut(self.export(*limit)) {
                Ok(chunk) => self.pulled(chunk)?,
                Err(refusal) => {
                    let nothing = matches!(refusal, Refusal::NothingNew { .. });
                    prop_assert!(nothing, "what the copy needs was not forgotten: {refusal}");
                }
            },
            CopyEvent::Export { after, position, limit } => {
                let positions: Vec<_> = self.states.keys().copied().collect();
                let position = *position.get(&positions);
                let export = Export { migration: SECOND, after: after.clone(), position, limit: *limit };
                let chunk = self.cut(export);
                self.under_way.extend(chunk);
            }
            CopyEvent::Late(index) => {
                if !self.under_way.is_empty() {
                    let chunk = index.get(&self.under_way).clone();
                    let _ = self.target.ask(Body::Chunk(chunk));
                }
            }
            CopyEvent::Trim(index) => {
                let positions: Vec<_> =
                    self.states.keys().copied().filter(|at| *at <= self.copy().position()).collect();
                let through = if positions.is_empty() { Position::ZERO } else { *index.get(&positions) };
                let _ = self.source.step(&Input::Trim { through });
            }
            CopyEvent::Crash => {
                self.source.crash();
                self.target.crash();
            }
        }
        self.is_its_source()
    }

    fn next(&mut self, session: u64) -> u64 {
        let serial = self.serials.entry(session).or_default();
        *serial += 1;
        *serial
    }

    /// A chunk that was exported from where the copy is: it is taken, and the copy gets on.
    fn pulled(&mut self, chunk: Chunk) -> Result<(), TestCaseError> {
        let before = (self.copy().frontier().clone(), self.copy().position());
        self.under_way.push(chunk.clone());
        let said = some::replies(&self.target.ask(Body::Chunk(chunk)));
        prop_assert!(matches!(said.as_slice(), [Reply::ChunkTaken(_)]), "{said:?}");
        let after = (self.copy().frontier().clone(), self.copy().position());
        prop_assert!(after.0 >= before.0 && after.1 >= before.1 && after != before, "no progress: {after:?}");
        Ok(())
    }

    /// The rows up to the frontier, and the memory of write ids, are the source's at the position of the copy.
    fn is_its_source(&self) -> Result<(), TestCaseError> {
        let (copy, have) = (self.copy(), self.target.data.rows());
        prop_assert_eq!(copy.digest().rows, summed(&self.target.data));
        if *copy.frontier() == Frontier::Nothing {
            prop_assert!(have.is_empty());
            return Ok(());
        }
        let Some(state) = self.states.get(&copy.position()) else {
            return Err(TestCaseError::fail(format!("{} is no position of the source", copy.position())));
        };
        let mut expected = state.rows.clone();
        expected.retain(|key, _| copy.frontier().covers(key));
        prop_assert_eq!(have, &expected);
        prop_assert_eq!(copy.applied(), &state.applied);
        Ok(())
    }

    /// Pulls until nothing is left.
    pub fn finish(&mut self, limits: &[u32]) -> Result<(), TestCaseError> {
        let most = self.source.data.rows().len() + self.source.data.log().len() + 2;
        for limit in limits.iter().copied().cycle().take(most) {
            match self.cut(self.export(limit)) {
                Ok(chunk) => self.pulled(chunk)?,
                Err(refusal) => {
                    let position = self.original().position();
                    prop_assert_eq!(refusal, Refusal::NothingNew { position });
                    return self.is_its_source();
                }
            }
        }
        Err(TestCaseError::fail(format!("{most} chunks were not enough")))
    }

    /// What the target states of its copy.
    pub fn evidence(&mut self, at_least: Position) -> Vec<Reply> {
        let query = EvidenceQuery { migration: SECOND, epoch: Epoch(3), at_least };
        some::replies(&self.target.ask(Body::Evidence(query)))
    }

    /// The source is sealed.
    pub fn seal(&mut self) -> Reply {
        let seal = Seal { migration: SECOND, through: DRAINING, target: Incarnation(1) };
        some::replies(&self.source.ask(Body::Seal(seal))).pop().expect("it answers")
    }
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn a_copy_in_any_parts_ends_as_its_source(
        limits in limits(),
        happenings in prop::collection::vec(happening(), 0..60),
        sizes in prop::collection::vec(0_u32..5, 1..5),
        late in any::<Index>(),
    ) {
        let mut run = Copying::new(limits);
        for what in &happenings {
            run.happen(what)?;
        }
        let Reply::Sealed(receipt) = run.seal() else { panic!("it has a copy, and can seal") };
        run.finish(&sizes)?;
        prop_assert_eq!(run.target.data.rows(), run.source.data.rows());
        prop_assert_eq!(run.copy().applied(), run.original().applied());
        let said = run.evidence(receipt.watermark());
        let [Reply::Evidence(evidence)] = said.as_slice() else { panic!("{said:?}") };
        prop_assert_eq!((evidence.position(), evidence.digest()), (receipt.watermark(), receipt.digest()));
        // What comes late changes nothing.
        let before = run.target.clone();
        run.happen(&CopyEvent::Late(late))?;
        prop_assert_eq!((&before.fence, &before.data), (&run.target.fence, &run.target.data));
    }

    /// The operator forces the partition to a copy that lacks rows, or not: what the copy remembers of writes is certain in a whole
    /// copy only. Then the copy takes no more chunks.
    #[test]
    fn a_forced_copy_remembers_what_is_certain(
        limits in limits(),
        happenings in prop::collection::vec(happening(), 0..40),
        sealed in any::<bool>(),
        late in any::<Index>(),
    ) {
        let mut run = Copying::new(limits);
        for what in &happenings {
            run.happen(what)?;
        }
        let said = some::replies(&run.target.ask(Body::End(End { migration: SECOND, epoch: DRAINING })));
        let [Reply::Ended(ended)] = said.as_slice() else { panic!("{said:?}") };
        let before = run.copy().clone();
        let complete = *before.frontier() == Frontier::Everything;
        prop_assert_eq!((ended.position(), ended.complete()), (before.position(), complete));
        run.happen(&CopyEvent::Late(late))?;
        prop_assert_eq!(run.copy(), &before, "it takes no more");
        let other = WriteId { session: SessionId(9), serial: Serial(1) };
        if sealed {
            let seal = Seal { migration: MigrationId(3), through: Epoch(4), target: Incarnation(1) };
            let _ = run.target.ask(Body::Seal(seal));
        } else {
            let mutation = some::put(other);
            let _ = run.target.write(Write { id: other, token: Epoch(3), mutation });
        }
        prop_assert_eq!(run.copy().frontier(), &Frontier::Everything);
        for Write { id, .. } in &run.written {
            let (was, is) = (before.applied().known(*id), run.copy().applied().known(*id));
            let certain = complete && (sealed || is != Known::Forgotten);
            let right = if certain { is == was } else { is == Known::Forgotten || was == Known::New };
            prop_assert!(right, "{} was {:?}, and is {:?}", id, was, is);
            prop_assert!(was == Known::New || is != Known::New, "{id} could be applied twice");
        }
        prop_assert!(sealed || !run.target.data.rows().is_empty());
    }
}
