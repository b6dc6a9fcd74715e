//! The sink's machine alone, with any requests in any order, and crashes in between.

use super::store::{SMALL, Store, config};
use super::{cases, some};
use cutover::core::fence::{
    AppliedIds, Body, Chunk, DropCopy, Enforcement, EvidenceQuery, Export, Fence, Input, Known, Output,
    Prepare, Read, Reply, Request, Seal, SealReceipt, WatermarkQuery, Write,
};
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};
use proptest::prelude::*;

/// The store under test.
pub const STORE: Placement = Placement(0);
/// The store's partition.
pub const PARTITION: PartitionId = PartitionId(1);

/// The source's writes in a migration: those that a sink with the same limits has applied. The order differs
/// between migrations.
fn history(migration: MigrationId) -> Vec<WriteId> {
    let mut memory = AppliedIds::new();
    let mut ids = Vec::new();
    for step in 0..8 {
        let mixed = step * (2 * migration.0 + 1) + migration.0;
        let id = WriteId { session: SessionId(1 + mixed % 3), serial: Serial(1 + mixed / 3 % 4) };
        if memory.known(id) == Known::New {
            ids.push(id);
            let position = Position(u64::try_from(ids.len()).unwrap());
            memory.remember(id, position, SMALL.sessions_max, SMALL.writes_per_session_max);
        }
    }
    ids
}

/// Any request, to this store or misrouted from another.
pub fn input() -> impl Strategy<Value = Input> {
    let migration = || (0_u64..5).prop_map(MigrationId);
    let epoch = || (0_u64..7).prop_map(Epoch);
    let write = || (some::write_id(3, 4), epoch()).prop_map(|(id, token)| Write { id, token });
    let chunk =
        (migration(), 0_usize..9, 0_usize..5, 1_u64..3).prop_map(|(migration, skip, count, source)| {
            let writes = history(migration).into_iter().skip(skip).take(count).collect();
            let first = Position(u64::try_from(skip).unwrap() + 1);
            Chunk { migration, source: Incarnation(source.max(1)), first, writes }
        });
    let body = prop_oneof![
        3 => (migration(), epoch()).prop_map(|(migration, closed_through)| Body::Prepare(Prepare { migration, closed_through })),
        2 => (migration(), epoch(), 1_u64..3).prop_map(|(migration, through, target)| {
            Body::Seal(Seal { migration, through, target: Incarnation(target) })
        }),
        1 => (migration(), epoch(), 0_u64..5).prop_map(|(migration, epoch, at_least)| {
            Body::Evidence(EvidenceQuery { migration, epoch, at_least: Position(at_least) })
        }),
        1 => (migration(), epoch()).prop_map(|(migration, epoch)| Body::Watermark(WatermarkQuery { migration, epoch })),
        1 => (migration(), prop::option::of(epoch()))
            .prop_map(|(copy, sealed_through)| Body::Drop(DropCopy { copy, sealed_through })),
        1 => (migration(), 0_u64..5, 0_u64..5).prop_map(|(migration, first, count)| {
            Body::Export(Export { migration, first: Position(first), count })
        }),
        6 => chunk.prop_map(Body::Chunk),
        5 => write().prop_map(Body::Write),
        1 => epoch().prop_map(|token| Body::Read(Read { token })),
    ];
    let stray = prop_oneof![20 => Just((STORE, PARTITION)), 1 => Just((Placement(1), PARTITION)), 1 => Just((STORE, PartitionId(2)))];
    let request = (stray, body).prop_map(|((store, partition), body)| Request { store, partition, body });
    prop_oneof![4 => request.prop_map(Input::Request), 1 => write().prop_map(Input::Apply)]
}

/// An event at the store.
#[derive(Clone, Debug)]
enum Happening {
    Input(Input),
    /// The store applies the n-th admitted write.
    ApplyNth(usize),
    /// The last request arrives again.
    Again,
    /// The store crashes during this input, before any of it is durable.
    Torn(Input),
    Crash,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        10 => input().prop_map(Happening::Input),
        6 => (0_usize..3).prop_map(Happening::ApplyNth),
        2 => Just(Happening::Again),
        1 => input().prop_map(Happening::Torn),
        1 => Just(Happening::Crash),
    ]
}

/// The store with its replies so far, within one incarnation.
struct Run {
    store: Store,
    receipts: Vec<SealReceipt>,
    /// Acknowledged writes with their positions in the current copy.
    acknowledged: Vec<(WriteId, Position)>,
    last: Option<Input>,
}

impl Run {
    fn new(enforcement: Enforcement) -> Self {
        let store = Store::new(config(STORE, PARTITION, enforcement, SMALL));
        Self { store, receipts: Vec::new(), acknowledged: Vec::new(), last: None }
    }

    fn happen(&mut self, what: &Happening) -> Result<(), TestCaseError> {
        match what {
            Happening::Input(input) => self.input(input)?,
            Happening::ApplyNth(index) => {
                if let Some(write) = self.store.fence.admitted().get(*index).copied() {
                    self.input(&Input::Apply(write))?;
                }
            }
            Happening::Again => {
                if let Some(input) = self.last.clone() {
                    self.input(&input)?;
                }
            }
            Happening::Torn(input) => {
                let mut torn = self.store.fence.clone();
                let outputs = torn.handle(input);
                let durable = outputs.iter().position(|output| *output == Output::Persist);
                let left = &outputs[..durable.unwrap_or(outputs.len())];
                let told = |output: &&Output| matches!(output, Output::Serve(_) | Output::Hand { .. });
                prop_assert_eq!(left.iter().find(told), None, "left before it was durable");
                self.crash()?;
            }
            Happening::Crash => self.crash()?,
        }
        self.stands()
    }

    fn crash(&mut self) -> Result<(), TestCaseError> {
        let recovered = Fence::recover(*self.store.fence.config(), self.store.durable.clone());
        prop_assert_eq!(recovered.durable(), &self.store.durable);
        prop_assert!(recovered.admitted().is_empty());
        // All of the machine's state except admitted writes was durable, so nothing is lost.
        prop_assert_eq!(self.store.fence.durable(), &self.store.durable);
        prop_assert_eq!(&self.store.data, &self.store.durable_data);
        self.store.crash();
        Ok(())
    }

    fn input(&mut self, input: &Input) -> Result<(), TestCaseError> {
        let before = self.store.clone();
        let outputs = self.store.step(input);
        let after = &self.store.fence;
        let (was, is) = (before.fence.durable(), after.durable());
        prop_assert!(is.sealed_through() >= was.sealed_through());
        prop_assert!(is.closed_through() >= was.closed_through());
        prop_assert!(is.newest() >= was.newest());
        let persisted = outputs.iter().position(|output| *output == Output::Persist);
        prop_assert!(was == is || persisted.is_some(), "a change was not made durable: {outputs:?}");
        let mut length = before.data.len();
        for (index, output) in outputs.iter().enumerate() {
            let behind = persisted.is_some_and(|at| at < index);
            match output {
                Output::Append { position, id } => {
                    prop_assert!(!behind);
                    length += 1;
                    prop_assert_eq!(position.0, u64::try_from(length).unwrap());
                    prop_assert_eq!(Input::Apply(Write { id: *id, token: token(input) }), input.clone());
                    if before.fence.config().enforcement == Enforcement::Tokens {
                        prop_assert!(
                            token(input) > was.sealed_through() && token(input) > was.closed_through()
                        );
                    }
                }
                Output::Import { first, writes } => {
                    prop_assert!(!behind && !was.copy().is_some_and(cutover::core::fence::Copy::finished));
                    prop_assert_eq!(first.0, u64::try_from(length).unwrap() + 1);
                    length += writes.len();
                }
                Output::Erase => {
                    prop_assert!(!behind);
                    length = 0;
                    self.acknowledged.clear();
                }
                Output::Persist => {}
                Output::Admitted(_) => prop_assert_eq!(outputs.len(), 1),
                Output::Serve(read) => {
                    prop_assert!(behind && is.copy().is_some());
                    let enforced = before.fence.config().enforcement == Enforcement::Tokens;
                    prop_assert!(!enforced || read.token > is.closed_through());
                }
                Output::Hand { first, last, .. } => {
                    prop_assert!(behind && first.0 >= 1 && first <= last);
                    prop_assert!(usize::try_from(last.0).unwrap() <= self.store.durable_data.len());
                }
                Output::Reply(Reply::Refused { .. }) => {
                    prop_assert_eq!(outputs.len(), 1, "a refusal comes alone");
                    prop_assert_eq!(was, is);
                    if matches!(input, Input::Request(_)) {
                        prop_assert_eq!(&before.fence, after, "a refused request changes nothing");
                    }
                }
                Output::Reply(_) => prop_assert!(behind, "stated before it is durable: {outputs:?}"),
                Output::Halt(halt) => return Err(TestCaseError::fail(format!("{halt:?}"))),
            }
        }
        for reply in some::replies(&outputs) {
            self.said(&reply)?;
        }
        self.last = Some(input.clone());
        Ok(())
    }

    /// Compares a reply with the earlier ones.
    fn said(&mut self, reply: &Reply) -> Result<(), TestCaseError> {
        match reply {
            Reply::Sealed(receipt) => {
                let earlier = self.receipts.iter().find(|other| other.migration() == receipt.migration());
                prop_assert_eq!(earlier.unwrap_or(receipt), receipt, "one migration, two receipts");
                prop_assert!(self.receipts.iter().all(|other| other.migration() <= receipt.migration()));
                self.receipts.push(*receipt);
            }
            Reply::Applied { write, position } => self.acknowledged.push((write.id, *position)),
            Reply::Evidence(evidence) => {
                prop_assert_eq!(evidence.migration(), self.store.fence.durable().newest());
                prop_assert!(evidence.position().0 <= u64::try_from(self.store.data.len()).unwrap());
            }
            Reply::Watermark(reading) => {
                prop_assert_eq!(reading.position().0, u64::try_from(self.store.data.len()).unwrap());
            }
            Reply::Dropped(dropped) => {
                let durable = self.store.fence.durable();
                prop_assert!(durable.newest() >= dropped.copy(), "what was dropped could come back");
                prop_assert!(durable.newest() > dropped.copy() || durable.copy().is_none());
            }
            Reply::Prepared(_) | Reply::ChunkTaken(_) | Reply::Refused { .. } => {}
        }
        Ok(())
    }

    /// Properties of every state.
    fn stands(&self) -> Result<(), TestCaseError> {
        let Store { fence, data, durable, durable_data, .. } = &self.store;
        let length = fence.durable().copy().map_or(0, |copy| copy.watermark().0);
        prop_assert_eq!(u64::try_from(data.len()).unwrap(), length, "the watermark is the last position");
        let mut sorted = data.clone();
        sorted.sort();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), data.len(), "an id twice in {:?}", data);
        let limit = usize::try_from(fence.config().limits.admitted_max).unwrap();
        prop_assert!(fence.admitted().len() <= limit);
        prop_assert!(self.receipts.iter().all(|said| durable.sealed_through() >= said.through()));
        for (id, position) in &self.acknowledged {
            let at = usize::try_from(position.0).unwrap() - 1;
            prop_assert_eq!(durable_data.get(at), Some(id), "acknowledged at {}", position);
        }
        Ok(())
    }
}

fn token(input: &Input) -> Epoch {
    match input {
        Input::Apply(write) => write.token,
        Input::Request(request) => panic!("{request:?} has an effect of its own"),
    }
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn a_fence_keeps_its_word(
        happenings in prop::collection::vec(happening(), 0..80),
        plain in prop::bool::weighted(0.2),
    ) {
        let mut run = Run::new(if plain { Enforcement::Nothing } else { Enforcement::Tokens });
        for what in &happenings {
            run.happen(what)?;
        }
    }
}
