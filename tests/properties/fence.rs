//! The sink's machine alone, with any requests in any order, and crashes in between.

use super::asked::{cut, input, source};
use super::store::{SMALL, Store, config};
use super::{cases, some};
use cutover::core::fence::{
    Body, Change, Chunk, Contents, Copy, Durable, Enforcement, Export, Fence, Frontier, Input, Known, Output,
    Reply, Request, RowsDigest, SealReceipt,
};
use cutover::core::ids::{PartitionId, Placement, Position, WriteId};
use proptest::prelude::*;

/// The store under test.
pub const STORE: Placement = Placement(0);
/// The store's partition.
pub const PARTITION: PartitionId = PartitionId(1);

/// An event at the store.
#[derive(Clone, Debug)]
enum StoreEvent {
    Input(Input),
    /// The store applies the n-th admitted write.
    ApplyNth(usize),
    /// The mover brings what follows, from a source that has this many writes more than the copy.
    Pull(u64, u32),
    /// The last request arrives again.
    Again,
    /// The store crashes during this input, before any of it is durable.
    Torn(Input),
    Crash,
}

fn happening() -> impl Strategy<Value = StoreEvent> {
    prop_oneof![
        10 => input(SMALL).prop_map(StoreEvent::Input),
        6 => (0_usize..3).prop_map(StoreEvent::ApplyNth),
        4 => (0_u64..4, 1_u32..4).prop_map(|(more, limit)| StoreEvent::Pull(more, limit)),
        2 => Just(StoreEvent::Again),
        1 => input(SMALL).prop_map(StoreEvent::Torn),
        1 => Just(StoreEvent::Crash),
    ]
}

/// The store with its replies so far, within one incarnation.
struct Run {
    store: Store,
    receipts: Vec<SealReceipt>,
    /// Writes that the copy has acknowledged.
    acknowledged: Vec<WriteId>,
    /// The changes that the copy has logged, those too that it has forgotten since.
    logged: Vec<Change>,
    last: Option<Input>,
}

impl Run {
    fn new(enforcement: Enforcement) -> Self {
        let store = Store::new(config(STORE, PARTITION, enforcement, SMALL));
        Self { store, receipts: Vec::new(), acknowledged: Vec::new(), logged: Vec::new(), last: None }
    }

    fn happen(&mut self, what: &StoreEvent) -> Result<(), TestCaseError> {
        match what {
            StoreEvent::Input(input) => self.input(input)?,
            StoreEvent::ApplyNth(index) => {
                if let Some(write) = self.store.fence.admitted().get(*index).cloned() {
                    self.input(&Input::Apply(write))?;
                }
            }
            StoreEvent::Pull(more, limit) => {
                if let Some(chunk) = self.follows(*more, *limit) {
                    let (store, partition, body) = (STORE, PARTITION, Body::Chunk(chunk));
                    self.input(&Input::Request(Request { store, partition, body }))?;
                }
            }
            StoreEvent::Again => {
                if let Some(input) = self.last.clone() {
                    self.input(&input)?;
                }
            }
            StoreEvent::Torn(input) => {
                let mut torn = self.store.fence.clone();
                let outputs = torn.handle(input, &self.store.rows(input));
                let durable = outputs.iter().position(|output| *output == Output::Persist);
                let left = &outputs[..durable.unwrap_or(outputs.len())];
                let told = |output: &&Output| {
                    matches!(output, Output::Serve(_) | Output::Hand(_) | Output::Pull { .. })
                };
                prop_assert_eq!(left.iter().find(told), None, "left before it was durable");
                self.crash()?;
            }
            StoreEvent::Crash => self.crash()?,
        }
        self.stands()
    }

    fn follows(&self, more: u64, limit: u32) -> Option<Chunk> {
        let durable = self.store.fence.durable();
        let copy = durable.copy()?;
        let (after, position) = (copy.frontier().clone(), copy.position());
        let migration = durable.newest();
        cut(source(SMALL, migration, position.0 + more), Export { migration, after, position, limit })
    }

    fn crash(&mut self) -> Result<(), TestCaseError> {
        let recovered = Fence::recover(*self.store.fence.config(), self.store.durable.clone());
        prop_assert_eq!(recovered.durable(), &self.store.durable);
        prop_assert!(recovered.admitted().is_empty());
        // Except for admitted writes and for what was forgotten to make room, all was durable, so nothing is lost.
        let parts = |durable: &Durable| {
            let fences = (durable.sealed_through(), durable.closed_through(), durable.newest());
            let copy = durable.copy().map(|copy| {
                (copy.position(), copy.frontier().clone(), copy.finished(), copy.source(), copy.digest())
            });
            (fences, durable.receipt().copied(), copy)
        };
        prop_assert_eq!(parts(self.store.fence.durable()), parts(&self.store.durable));
        prop_assert_eq!(self.store.data.rows(), self.store.durable_data.rows());
        prop_assert!(self.store.durable_data.log().ends_with(self.store.data.log()));
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
        let trims = matches!(input, Input::Trim { .. });
        prop_assert!(was == is || persisted.is_some() || trims, "a change was not made durable: {outputs:?}");
        for (index, output) in outputs.iter().enumerate() {
            let behind = persisted.is_some_and(|at| at < index);
            self.did(output, behind, &before, input)?;
            if matches!(output, Output::Reply(Reply::Refused { .. })) && matches!(input, Input::Request(_)) {
                prop_assert_eq!(outputs.len(), 1, "a refusal comes alone");
                prop_assert_eq!(&before.fence, &self.store.fence, "a refused request changes nothing");
            }
        }
        for reply in some::replies(&outputs) {
            self.said(&reply)?;
        }
        self.last = Some(input.clone());
        Ok(())
    }

    /// An output, and whether it comes behind a `Persist`.
    fn did(
        &mut self,
        output: &Output,
        behind: bool,
        before: &Store,
        input: &Input,
    ) -> Result<(), TestCaseError> {
        let (was, is) = (before.fence.durable(), self.store.fence.durable());
        let enforced = before.fence.config().enforcement == Enforcement::Tokens;
        match output {
            Output::Append(change) => {
                let Input::Apply(write) = input else { return Err(TestCaseError::fail("not asked for")) };
                prop_assert!(!behind);
                prop_assert_eq!((change.id, &change.effects), (write.id, write.mutation.effects()));
                let position = was.copy().map(Copy::position);
                prop_assert_eq!(position.map(Position::next), Some(change.position));
                let expected = write.mutation.expects();
                let found = |key| before.data.rows().get(key).map(|row| &row.value);
                prop_assert!(expected.is_none_or(|cell| found(&cell.key) == cell.value.as_ref()));
                let above = write.token > was.sealed_through() && write.token > was.closed_through();
                prop_assert!(above || !enforced);
                self.logged.push(change.clone());
            }
            Output::Import { rows } => {
                prop_assert!(!behind && !was.copy().is_some_and(Copy::finished));
                prop_assert!(rows.iter().map(|(key, _)| key).is_sorted());
            }
            Output::Trim { through } => {
                prop_assert!(!behind && is.copy().is_some_and(|copy| copy.position() >= *through));
            }
            Output::Erase => {
                prop_assert!(!behind);
                self.acknowledged.clear();
                self.logged.clear();
            }
            Output::Persist => {}
            Output::Admitted(_) => prop_assert_eq!(was, is),
            Output::Serve(read) => {
                prop_assert!(behind && is.copy().is_some());
                prop_assert!(!enforced || read.token > is.closed_through());
            }
            Output::Hand(_) => {
                prop_assert!(behind && self.store.handed.is_some(), "what was promised can be cut");
                prop_assert_eq!(&self.store.data, &self.store.durable_data);
            }
            Output::Pull { migration, .. } => {
                prop_assert!(behind && *migration == is.newest());
                prop_assert!(is.copy().is_some_and(|copy| !copy.finished()));
            }
            Output::Reply(Reply::Refused { .. }) => prop_assert_eq!(was, is),
            Output::Reply(_) => prop_assert!(behind, "stated before it is durable: {output:?}"),
            Output::Halt(halt) => return Err(TestCaseError::fail(format!("{halt:?}"))),
        }
        Ok(())
    }

    /// Compares a reply with the earlier ones.
    fn said(&mut self, reply: &Reply) -> Result<(), TestCaseError> {
        let durable = self.store.fence.durable();
        let state = || durable.copy().map(|copy| (copy.position(), copy.digest()));
        let complete = durable.copy().is_some_and(|copy| *copy.frontier() == Frontier::Everything);
        let finished = durable.copy().is_some_and(Copy::finished);
        match reply {
            Reply::Sealed(receipt) => {
                let earlier = self.receipts.iter().find(|other| other.migration() == receipt.migration());
                prop_assert_eq!(earlier.unwrap_or(receipt), receipt, "one migration, two receipts");
                prop_assert!(self.receipts.iter().all(|other| other.migration() <= receipt.migration()));
                if earlier.is_none() {
                    prop_assert_eq!(state(), Some((receipt.watermark(), receipt.digest())));
                    prop_assert!(complete && finished);
                }
                self.receipts.push(*receipt);
            }
            Reply::Applied { write, position } => {
                self.acknowledged.push(write.id);
                let known = durable.copy().map(|copy| copy.applied().known(write.id));
                // A write that comes behind many later ones of its session is forgotten at once.
                let right = [Some(Known::Applied(*position)), Some(Known::Forgotten)];
                prop_assert!(right.contains(&known), "{} is {:?}", write.id, known);
            }
            Reply::Evidence(evidence) => {
                prop_assert_eq!(evidence.migration(), durable.newest());
                prop_assert_eq!(state(), Some((evidence.position(), evidence.digest())));
                prop_assert!(complete);
            }
            Reply::Watermark(reading) => {
                prop_assert_eq!(state(), Some((reading.position(), reading.digest())));
            }
            Reply::Dropped(dropped) => {
                prop_assert!(durable.newest() >= dropped.copy(), "what was dropped could come back");
                prop_assert!(durable.newest() > dropped.copy() || durable.copy().is_none());
            }
            Reply::Prepared(prepared) => {
                prop_assert_eq!((prepared.migration(), prepared.finished()), (durable.newest(), finished));
            }
            Reply::ChunkTaken(taken) => {
                let at = durable.copy().map(Copy::position);
                prop_assert_eq!((at, complete), (Some(taken.position()), taken.complete()));
            }
            Reply::Ended(ended) => {
                let at = durable.copy().map(Copy::position);
                prop_assert_eq!((at, complete), (Some(ended.position()), ended.complete()));
                prop_assert!(finished);
            }
            Reply::Refused { .. } => {}
        }
        Ok(())
    }

    /// Properties of every state.
    fn stands(&self) -> Result<(), TestCaseError> {
        let Store { fence, data, durable, .. } = &self.store;
        let limit = usize::try_from(fence.config().limits.admitted_max).unwrap();
        prop_assert!(fence.admitted().len() <= limit);
        prop_assert!(self.receipts.iter().all(|said| durable.sealed_through() >= said.through()));
        for (durable, data) in [(fence.durable(), data), (durable, &self.store.durable_data)] {
            let Some(copy) = durable.copy() else {
                prop_assert_eq!(data, &Contents::default(), "rows without a copy");
                continue;
            };
            let rows = data.rows();
            prop_assert!(rows.keys().all(|key| copy.frontier().covers(key)), "a row above the frontier");
            prop_assert!(rows.values().all(|row| row.position <= copy.position()));
            prop_assert_eq!(copy.digest().rows, summed(data), "the digest is that of the rows");
            let after = |change: &&Change| change.position > copy.logged_after();
            let logged: Vec<_> = self.logged.iter().filter(after).collect();
            let log: Vec<_> = data.log().iter().filter(after).collect();
            prop_assert_eq!(log, logged, "the log has all changes since it begins");
        }
        let known = |id: &WriteId| durable.copy().is_none_or(|copy| copy.applied().known(*id) != Known::New);
        prop_assert!(self.acknowledged.iter().all(known), "what was acknowledged is new");
        Ok(())
    }
}

/// The digest of rows, summed anew.
pub fn summed(data: &Contents) -> RowsDigest {
    let mut sum = RowsDigest::EMPTY;
    data.rows().iter().for_each(|(key, row)| sum.add(key, row));
    sum
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
