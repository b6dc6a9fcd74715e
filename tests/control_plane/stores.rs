//! The stores that the log knows: each refusal by itself, and the stores of a log that was written before it knew any.

use cutover::core::control_plane::{
    Address, Answer, Audited, ControlPlaneEntry, ControlPlaneState, NUMBERS_OF_OPERATORS, Orders,
    OwnershipTransition, STORES_MAX, StoreChange, StoreEndpoints, StoreFacts, StoreIdentity, StoreMismatch,
    StoreName, StoreRefusal, StoreStatement, StoreUse, StoreValueError, Stores,
};
use cutover::core::fence::{Dropped, Ended, Prepared, StatementOrigin};
use cutover::core::ids::{ClusterId, Epoch, Incarnation, Index, PartitionId, Placement, Position, Revision};
use cutover::core::migration::{AbortReason, Caps, Expected, MigrationError, PartitionRecord, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::Machine as _;
use cutover_model::host::{known_stores, store_facts};

const A: Placement = Placement(0);
const B: Placement = Placement(1);
const C: Placement = Placement(2);
const P: PartitionId = PartitionId(1);

/// A control plane's state, and the index of its next entry.
struct Log(ControlPlaneState, u64);

impl Log {
    fn new(stores: Stores) -> Self {
        Self(ControlPlaneState::new(ClusterId(1), Caps::PRODUCTION, []).with_stores(stores), 0)
    }

    fn apply(&mut self, entry: &ControlPlaneEntry) -> Answer {
        self.1 += 1;
        let before = self.0.clone();
        let answer = self.0.apply(Index(self.1), entry, &mut None);
        if matches!(answer, Answer::Refused(_) | Answer::StoreRefused(_)) {
            assert!(self.0 == before, "a refusal changes nothing: {entry}");
        }
        answer
    }

    fn stores(&mut self, change: StoreChange) -> Result<Placement, StoreRefusal> {
        let answer = self.apply(&ControlPlaneEntry::StoreChange(change));
        if let Answer::StoreRefused(refusal) = answer {
            return Err(refusal);
        }
        let Answer::Store { store, revision } = answer else { panic!("{answer}") };
        assert_eq!(revision, Revision(self.1));
        Ok(store)
    }

    fn add(&mut self, name: &str) -> Result<Placement, StoreRefusal> {
        self.stores(StoreChange::Add { number: None, store: facts(name) })
    }

    fn add_as(&mut self, name: &str, number: Placement) -> Result<Placement, StoreRefusal> {
        self.stores(StoreChange::Add { number: Some(number), store: facts(name) })
    }

    fn remove(&mut self, store: Placement) -> Result<Placement, StoreRefusal> {
        let expected = self.0.stores().get(store).map_or(Revision(99), |store| store.revision);
        self.stores(StoreChange::Remove { store, expected })
    }

    fn transition(&mut self, transition: Transition) -> Result<(), MigrationError> {
        let command = OwnershipTransition { partition: P, transition };
        let answer = self.apply(&ControlPlaneEntry::OwnershipTransition(command));
        if let Answer::Refused(refusal) = answer {
            return Err(refusal);
        }
        assert!(matches!(answer, Answer::Epoch(_)), "{answer}");
        Ok(())
    }

    fn record(&self) -> &PartitionRecord {
        self.0.table().record(P).unwrap()
    }

    /// The partition is created and opened here.
    fn placed(&mut self, placement: Placement) {
        self.transition(Transition::Create { placement, guarantee: Guarantee::Sealed }).unwrap();
        let expected = self.record().expected();
        let prepared = self.prepared(placement, expected.epoch.previous());
        self.transition(Transition::Open { expected, prepared }).unwrap();
    }

    fn prepared(&self, store: Placement, through: Epoch) -> cutover::core::fence::Claim<Prepared> {
        let origin = StatementOrigin { store, partition: P, incarnation: Incarnation(1) };
        Prepared::reported(origin, self.record().migration, through, true, false).into()
    }

    fn begin(&mut self, to: Placement) -> Result<(), MigrationError> {
        let expected = self.record().expected();
        self.transition(Transition::Begin { expected, to })
    }

    /// The partition is forced to the target of the migration in flight.
    fn forced(&mut self, to: Placement) {
        let expected = self.record().expected();
        let origin = StatementOrigin { store: to, partition: P, incarnation: Incarnation(1) };
        let Expected { migration, epoch } = expected;
        let ended = Ended::reported(origin, migration, epoch, Position(1), true, true).into();
        let operator = "ann".to_owned().try_into().unwrap();
        let reason = "a fire".to_owned().try_into().unwrap();
        self.transition(Transition::Force { expected, ended, partial: false, operator, reason }).unwrap();
    }

    fn forgotten(&mut self, store: Placement) {
        let copy = self.record().old_copies.iter().find(|old| old.placement == store).unwrap().copy;
        let origin = StatementOrigin { store, partition: P, incarnation: Incarnation(1) };
        let dropped = Dropped::reported(origin, copy).into();
        self.transition(Transition::ForgetCopy { dropped }).unwrap();
    }
}

fn facts(name: &str) -> StoreFacts {
    store_facts(name, Guarantee::Sealed).unwrap()
}

fn endpoints(all: &[&str]) -> StoreEndpoints {
    let all: Vec<Address> = all.iter().map(|text| text.parse().unwrap()).collect();
    StoreEndpoints::try_from(all).unwrap()
}

#[test]
fn a_number_is_given_once() {
    let mut log = Log::new(Stores::none());
    assert_eq!([log.add("a"), log.add("b")], [Ok(A), Ok(B)]);
    assert_eq!(log.remove(B), Ok(B));
    // Also if the removed one was the last that was added, and comes back by its name.
    assert_eq!(log.add("b"), Ok(C));
    assert_eq!([log.remove(A), log.remove(C)], [Ok(A), Ok(C)]);
    assert_eq!(log.add("c"), Ok(Placement(3)));
    assert_eq!(log.0.stores().iter().count(), 1);
}

#[test]
fn a_recovered_log_gives_other_numbers_than_the_lost_one() {
    let mut log = Log::new(Stores::none());
    log.add("a").unwrap();
    let backup = log.0.clone();
    let lost = log.add("b").unwrap();
    let mut restored = Log(backup.clone().recovered([], 1, Index(9)), 9);
    let mut again = Log(backup.recovered([], 2, Index(9)), 9);
    assert!(restored.0.stores().get(A).is_some(), "what the backup knows stays known");
    let (first, second) = (restored.add("b").unwrap(), again.add("b").unwrap());
    assert!(first > lost && second > first, "{lost:?}, {first:?}, {second:?}");
}

#[test]
fn what_two_stores_would_share_is_refused() {
    let mut log = Log::new(known_stores([Guarantee::Sealed; 2]));
    let other = facts("other");
    let add = |store| StoreChange::Add { number: None, store };
    let known = |at: Placement, log: &Log| log.0.stores().get(at).unwrap().facts.clone();
    let name = StoreFacts { name: known(B, &log).name, ..other.clone() };
    assert_eq!(log.stores(add(name)), Err(StoreRefusal::NameTaken { by: B }));
    let identity = StoreFacts { identity: known(B, &log).identity, ..other.clone() };
    assert_eq!(log.stores(add(identity)), Err(StoreRefusal::IdentityTaken { by: B }));
    let shared = StoreFacts { endpoints: endpoints(&["other:1", "s1:7400"]), ..other.clone() };
    assert_eq!(log.stores(add(shared)), Err(StoreRefusal::EndpointTaken { endpoint: 2, by: B }));
    assert_eq!(log.stores(add(other)), Ok(C));
    let moved = |store, expected, to: &[&str]| {
        let endpoints = endpoints(to);
        StoreChange::MoveEndpoints { store, expected, endpoints }
    };
    let zero = Revision::ZERO;
    let taken = StoreRefusal::EndpointTaken { endpoint: 1, by: C };
    assert_eq!(log.stores(moved(A, zero, &["other:7400", "s0:7400"])), Err(taken));
    // A store keeps an endpoint of its own, and leaves the others to anybody.
    assert_eq!(log.stores(moved(A, zero, &["s0:7400", "s0:1"])), Ok(A));
    let at = Revision(log.1);
    assert_eq!(log.stores(moved(A, at, &["s0:1"])), Ok(A));
    assert_eq!(log.stores(moved(B, zero, &["s0:7400"])), Ok(B));
}

#[test]
fn a_change_is_of_the_store_that_was_looked_at() {
    let mut log = Log::new(known_stores([Guarantee::Sealed; 1]));
    let (to, expected) = (endpoints(&["new:1"]), Revision::ZERO);
    let change = StoreChange::MoveEndpoints { store: A, expected, endpoints: to.clone() };
    assert_eq!(log.stores(change.clone()), Ok(A));
    let found = Revision(log.1);
    let other = StoreRefusal::OtherRevision { store: A, expected, found };
    assert_eq!(log.stores(change), Err(other));
    assert_eq!(log.stores(StoreChange::Remove { store: A, expected }), Err(other));
    let facts = log.0.stores().get(A).unwrap().facts.clone();
    assert_eq!(facts, StoreFacts { endpoints: to, ..store_facts("s0", Guarantee::Sealed).unwrap() });
    let unknown = StoreRefusal::UnknownStore { store: B };
    assert_eq!(log.stores(StoreChange::Remove { store: B, expected }), Err(unknown));
}

#[test]
fn a_store_in_use_stays() {
    let mut log = Log::new(known_stores([Guarantee::Sealed; 3]));
    let used = |store, used| Err(StoreRefusal::InUse { store, partition: P, used });
    log.placed(A);
    assert_eq!(log.remove(A), used(A, StoreUse::Owner));
    log.begin(B).unwrap();
    assert_eq!(log.remove(A), used(A, StoreUse::Source));
    assert_eq!(log.remove(B), used(B, StoreUse::Target));
    log.forced(B);
    assert_eq!(log.remove(A), used(A, StoreUse::Debtor));
    assert_eq!(log.remove(B), used(B, StoreUse::Owner));
    log.begin(C).unwrap();
    let expected = log.record().expected();
    log.transition(Transition::Abort { expected, why: AbortReason::Operator }).unwrap();
    assert_eq!(log.remove(C), used(C, StoreUse::OldCopy));
    // The drop of the source's copy settles the debt too.
    log.forgotten(A);
    assert_eq!(log.remove(A), Ok(A));
    log.forgotten(C);
    // What the record keeps for the next migration to C is no use by itself.
    assert_eq!(log.record().placed.unwrap().kept.map(|kept| kept.placement), Some(C));
    assert_eq!(log.remove(C), Ok(C));
    let expected = log.record().expected();
    log.transition(Transition::Delete { expected }).unwrap();
    assert_eq!(log.remove(B), used(B, StoreUse::OldCopy));
    log.forgotten(B);
    assert_eq!(log.remove(B), Ok(B));
}

/// Between the look at a store and the entry, it may be removed: what counts is the log when the entry is applied.
#[test]
fn what_names_a_store_that_is_gone_is_refused() {
    let mut log = Log::new(known_stores([Guarantee::Sealed; 3]));
    log.remove(C).unwrap();
    let create = Transition::Create { placement: C, guarantee: Guarantee::Sealed };
    assert_eq!(log.transition(create), Err(MigrationError::UnknownStore { store: C }));
    log.placed(A);
    assert_eq!(log.begin(C), Err(MigrationError::UnknownStore { store: C }));
    assert_eq!(log.begin(B), Ok(()));
}

#[test]
fn a_creation_has_the_guarantee_of_its_store() {
    let mut log = Log::new(known_stores([Guarantee::Timed]));
    let create = |guarantee| Transition::Create { placement: A, guarantee };
    let (have, asked) = (Guarantee::Timed, Guarantee::Sealed);
    let refused = MigrationError::StoreGuarantee { store: A, have, asked };
    assert_eq!(log.transition(create(Guarantee::Sealed)), Err(refused));
    assert_eq!(log.transition(create(Guarantee::Timed)), Ok(()));
}

#[test]
fn there_are_so_many_stores_at_most() {
    let mut log = Log::new(Stores::none());
    for number in 0..STORES_MAX {
        log.add(&format!("s{number}")).unwrap();
    }
    let full = StoreRefusal::TooMany { have: STORES_MAX, limit: STORES_MAX };
    assert_eq!(log.add("one-more"), Err(full));
    log.remove(B).unwrap();
    assert_eq!(log.add("one-more"), Ok(Placement(STORES_MAX.into())));
}

/// A log that knew no stores goes on as before, until it has its first. From then on partitions stay where they are, and end what they
/// began; nothing is created at their stores or moved there until an operator has added them under their numbers.
#[test]
fn a_log_that_knew_no_stores_goes_on() {
    let mut log = Log::new(known_stores([Guarantee::Sealed; 2]));
    log.placed(A);
    log.begin(B).unwrap();
    let encoded = postcard::to_allocvec(&log.0.clone().with_stores(Stores::none())).unwrap();
    let empty = postcard::to_allocvec(&(Stores::none(), Orders::default())).unwrap();
    let older = encoded.strip_suffix(empty.as_slice()).expect("stores and orders come last");
    let state =
        postcard::from_bytes([older, &ControlPlaneState::without_stores().unwrap()].concat().as_slice());
    let mut log = Log(state.unwrap(), log.1);
    assert_eq!(log.0.stores().iter().count(), 0);
    let expected = log.record().expected();
    log.transition(Transition::Abort { expected, why: AbortReason::Operator }).unwrap();
    // What is committed without a store is applied as it always was, also when the log is read again.
    log.begin(B).unwrap();
    let expected = log.record().expected();
    log.transition(Transition::Abort { expected, why: AbortReason::Operator }).unwrap();
    // A new store has a number that no operator ever typed; one in use may be added under its own.
    assert_eq!(log.add("new"), Ok(Placement(NUMBERS_OF_OPERATORS)));
    assert_eq!(log.begin(B), Err(MigrationError::UnknownStore { store: B }));
    assert_eq!(log.add_as("c", C), Err(StoreRefusal::NumberNotUsed { store: C }));
    assert_eq!(log.add_as("b", B), Ok(B));
    assert_eq!(log.add_as("b-again", B), Err(StoreRefusal::NumberTaken { store: B }));
    assert_eq!(log.begin(B), Ok(()));
    assert_eq!(log.add_as("a", A), Ok(A));
    assert_eq!(log.remove(A), Err(StoreRefusal::InUse { store: A, partition: P, used: StoreUse::Source }));
    assert_eq!(log.add("newer"), Ok(Placement(NUMBERS_OF_OPERATORS + 1)));
}

#[test]
fn an_audit_has_each_change_of_the_stores() {
    let mut log = Log::new(Stores::none());
    log.add("a").unwrap();
    log.add("a").unwrap_err();
    log.remove(A).unwrap();
    let audited = log.0.audit().after(Index(0)).map(|entry| {
        let Audited::Store { store, change } = &entry.what else { panic!("{entry:?}") };
        (entry.index.0, *store, change.to_string())
    });
    let expected = [
        (1, A, "add store a: reference at a:7400, sealed, CN=a,store=1".to_owned()),
        (3, A, "remove store A at r1".to_owned()),
    ];
    assert_eq!(audited.collect::<Vec<_>>(), expected);
}

#[test]
fn what_a_store_states_is_compared_with_what_the_log_has() {
    let known = facts("a");
    let stated = StoreStatement {
        kind: known.kind.clone(),
        guarantee: known.guarantee,
        identity: known.identity.clone(),
    };
    assert_eq!(known.check(&stated), Ok(()));
    let refused = |stated: StoreStatement| known.check(&stated).unwrap_err();
    let mismatch = |what, found: &str, expected: &str| {
        let (found, expected) = (found.to_owned(), expected.to_owned());
        StoreMismatch { what, found, expected }
    };
    let other = StoreStatement { identity: "CN=b,store=1".parse().unwrap(), ..stated.clone() };
    assert_eq!(refused(other.clone()), mismatch("identity", "CN=b,store=1", "CN=a,store=1"));
    let text = "the store states the identity CN=b,store=1, the log has CN=a,store=1";
    assert_eq!(refused(other.clone()).to_string(), text);
    let kind = StoreStatement { kind: "postgresql".parse().unwrap(), ..stated.clone() };
    assert_eq!(refused(kind), mismatch("kind", "postgresql", "reference"));
    let guarantee = StoreStatement { guarantee: Guarantee::Timed, ..stated };
    assert_eq!(refused(guarantee), mismatch("guarantee", "timed", "sealed"));
    // Another store is said to be that, whatever else differs.
    assert_eq!(refused(StoreStatement { guarantee: Guarantee::Timed, ..other }).what, "identity");
}

#[test]
fn texts_of_a_store_are_short_and_plain() {
    for good in ["eu-1", "a", "7a", "s_1.x"] {
        assert!(good.parse::<StoreName>().is_ok(), "{good}");
    }
    assert_eq!("26".parse::<StoreName>(), Err(StoreValueError::Number));
    for bad in ["", "A", "a b", "-a", "a-", &"a".repeat(65)] {
        assert!(bad.parse::<StoreName>().is_err(), "{bad}");
    }
    assert!("CN=a, O=b store 7".parse::<StoreIdentity>().is_ok());
    for bad in ["", " a", "a ", "a\nb", &"a".repeat(257)] {
        assert!(bad.parse::<StoreIdentity>().is_err(), "{bad:?}");
    }
    let of = |all: &[&str]| {
        StoreEndpoints::try_from(all.iter().map(|text| text.parse().unwrap()).collect::<Vec<Address>>())
    };
    assert_eq!(of(&[]), Err(StoreValueError::Endpoints { have: 0 }));
    assert_eq!(of(&["a:1", "a:2", "a:3", "a:4", "a:5"]), Err(StoreValueError::Endpoints { have: 5 }));
    assert_eq!(of(&["a:1", "b:1", "a:1"]), Err(StoreValueError::Repeated { first: 1, second: 3 }));
}
