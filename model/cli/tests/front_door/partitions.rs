//! Recordings of a partition: what its machines were given, replayed.

use super::ran::{Ran, lines, of, run};
use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use cutover::core::fence::{
    Body, Claim, Config, Effect, Enforcement, FenceLimits, Input, Key, Mutation, Prepare, Reply, Request,
    Seal, Value, Write,
};
use cutover::core::ids::{
    ClusterId, Epoch, Incarnation, Index, MigrationId, PartitionId, Placement, Serial, SessionId, WriteId,
};
use cutover::core::invariant::history::registers::{Call, Outcome};
use cutover::core::migration::{Caps, Command, Expected, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::Machine as _;
use cutover::core::trace::partition::{Frame, Step, digest, encode};
use cutover_model::copies::{PartitionJudge, decision};
use cutover_model::host::known_stores;

const PARTITION: PartitionId = PartitionId(1);
const SOURCE: Placement = Placement(1);
const TARGET: Placement = Placement(2);

/// A run of a partition, recorded.
struct Case {
    judge: PartitionJudge,
    state: ControlPlaneState,
    frames: Vec<Frame>,
    entries: u64,
}

impl Case {
    fn step(&mut self, step: Step) {
        self.frames.push(Frame::Step(step));
    }

    fn log(&mut self, transition: Transition) -> Expected {
        self.entries += 1;
        let (at, command) = (Index(1 + self.entries), Command { partition: PARTITION, transition });
        let entry = ControlPlaneEntry::OwnershipTransition(command.clone());
        let before = self.state.table().record(PARTITION).cloned();
        let outcome = decision(&self.state.apply(at, &entry, &mut None)).unwrap();
        outcome.unwrap();
        let after = self.state.table().record(PARTITION).cloned();
        self.judge.decided(before.as_ref(), &command, outcome, after.as_ref());
        self.step(Step::Entry { at, entry });
        after.unwrap().expected()
    }

    fn store(&mut self, store: Placement) {
        let config = Config {
            store,
            partition: PARTITION,
            incarnation: Incarnation(store.0),
            enforcement: Enforcement::Tokens,
            limits: FenceLimits::PRODUCTION,
        };
        let (closed_through, newest) = (Epoch::ZERO, MigrationId::ZERO);
        self.judge.begins(config, closed_through, newest);
        self.step(Step::Store { config, closed_through, newest });
    }

    fn ask(&mut self, store: Placement, body: Body) -> Reply {
        let inputs = vec![Input::Request(Request { store, partition: PARTITION, body })];
        let record = self.state.table().record(PARTITION).cloned();
        let effects = self.judge.group(store, &inputs, true, record.as_ref());
        self.step(Step::Group { store, inputs, answered: true });
        let [Effect::Reply(reply), ..] = &effects.concat()[..] else { panic!("{effects:?}") };
        reply.clone()
    }

    fn write(&mut self, serial: u64, token: Epoch, value: &str) -> Reply {
        let (key, new) = (key(), Value::try_from(value.as_bytes()).unwrap());
        let id = WriteId { session: SessionId(1), serial: Serial(serial) };
        self.ask(SOURCE, Body::Write(Write { id, token, mutation: Mutation::put(key, new) }))
    }
}

fn key() -> Key {
    Key::try_from(&b"k"[..]).unwrap()
}

/// A partition is created, written and read; its move gets as far as the cutover, in which a late write is refused.
fn recorded() -> Vec<Frame> {
    let stores = known_stores([Guarantee::Sealed; 3]);
    let state = ControlPlaneState::new(ClusterId(1), Caps::PRODUCTION, []).with_stores(stores);
    let frames = vec![Frame::Start { partition: PARTITION, state: Box::new(state.clone()) }];
    let mut case = Case { judge: PartitionJudge::default(), state, frames, entries: 0 };
    let at = case.log(Transition::Create { placement: SOURCE, guarantee: Guarantee::Sealed });
    case.store(SOURCE);
    let prepare = |migration, closed_through, source| {
        Body::Prepare(Prepare { migration, closed_through, source, keep: None })
    };
    let said = case.ask(SOURCE, prepare(at.migration, at.epoch.previous(), None));
    let Reply::Prepared(prepared) = said else { panic!("{said}") };
    let at = case.log(Transition::Open { expected: at, prepared: Claim::from(prepared) });
    case.step(Step::Invoked { process: 1, key: key(), call: Call::Write("one".into()) });
    assert!(matches!(case.write(1, at.epoch, "one"), Reply::Applied { .. }));
    case.step(Step::Returned { process: 1, outcome: Outcome::Done });
    case.step(Step::Invoked { process: 2, key: key(), call: Call::Read });
    case.step(Step::Returned { process: 2, outcome: Outcome::Read("one".into()) });
    let at = case.log(Transition::Begin { expected: at, to: TARGET });
    case.store(TARGET);
    let _prepared = case.ask(TARGET, prepare(at.migration, at.epoch, Some(SOURCE)));
    let at = case.log(Transition::StartBlock { expected: at, target: Incarnation(TARGET.0) });
    let seal = Seal { migration: at.migration, through: at.epoch, target: Incarnation(TARGET.0) };
    let said = case.ask(SOURCE, Body::Seal(seal));
    let Reply::Sealed(receipt) = said else { panic!("{said}") };
    let _cutover = case.log(Transition::EnterCutover { expected: at, receipt: Claim::from(receipt) });
    assert!(matches!(case.write(2, at.epoch, "two"), Reply::Refused { .. }));
    assert_eq!(case.judge.take_violations(), []);
    let ends =
        case.judge.shadows().map(|(store, shadow)| (store, digest(&shadow.fence, &shadow.data).unwrap()));
    let stores = ends.collect();
    case.frames.push(Frame::End { stores });
    case.frames
}

fn replayed(bytes: &[u8], code: i32) -> (Ran, serde_json::Value) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.recording"), bytes).unwrap();
    let people = run(dir.path(), &["replay", "a.recording"]);
    let machines = run(dir.path(), &["replay", ".", "--format", "json"]);
    assert_eq!((people.code, machines.code), (Some(code), Some(code)), "{people:?}");
    let lines = lines(&machines.stdout, code);
    let line = of(&lines, "recording").first().map_or(serde_json::Value::Null, |line| (*line).clone());
    (people, line)
}

#[test]
fn a_recording_of_a_partition_replays_to_the_machines_at_its_end() {
    let (people, line) = replayed(&encode(&recorded()).unwrap(), 0);
    assert!(people.stdout.contains("HOLDS") && people.stdout.contains("as recorded"), "{people:?}");
    assert_eq!((&line["verdict"], &line["invariant"]), (&"HOLDS".into(), &serde_json::Value::Null));
}

/// Without the seal, the late write takes effect at the source in the cutover.
#[test]
fn a_seal_that_is_left_out_violates_what_the_simulator_would_find() {
    let mut frames = recorded();
    let seals = |frame: &Frame| {
        let Frame::Step(Step::Group { inputs, .. }) = frame else { return false };
        inputs.iter().any(|input| matches!(input, Input::Request(Request { body: Body::Seal(_), .. })))
    };
    frames.retain(|frame| !seals(frame));
    let (people, line) = replayed(&encode(&frames).unwrap(), 1);
    let steps = frames.len() - 2;
    let said = &people.stdout;
    assert!(
        said.starts_with(&format!("VIOLATES  migration.no-commit-in-cutover at step {steps}  ")),
        "{said}"
    );
    assert!(said.contains("not as recorded") && said.contains("B      write w1.2 token e2"), "{said}");
    assert!(said.contains("> applied w1.2 token e2"), "{said}");
    assert_eq!((&line["verdict"], &line["step"]), (&"VIOLATES".into(), &steps.into()));
}

#[test]
fn what_callers_saw_is_judged() {
    let mut frames = recorded();
    for frame in &mut frames {
        if let Frame::Step(Step::Returned { process: 2, outcome }) = frame {
            *outcome = Outcome::Read("other".into());
        }
    }
    let (people, line) = replayed(&encode(&frames).unwrap(), 1);
    assert!(people.stdout.starts_with("VIOLATES  history.linearizable"), "{people:?}");
    assert_eq!(line["invariant"], "history.linearizable");
}

#[test]
fn a_violation_that_the_machines_do_not_show_is_reported_as_such() {
    let mut frames = recorded();
    let found = Frame::Found { id: "migration.fence".to_owned() };
    frames.insert(frames.len() - 1, found);
    let (people, line) = replayed(&encode(&frames).unwrap(), 5);
    assert!(people.stdout.contains("not as recorded: the run found migration.fence"), "{people:?}");
    assert_eq!(line["verdict"], "HOLDS");
}

#[test]
fn machines_that_end_otherwise_are_noticed() {
    let mut frames = recorded();
    for frame in &mut frames {
        if let Frame::End { stores } = frame {
            stores[1].1 ^= 1;
        }
    }
    let (people, line) = replayed(&encode(&frames).unwrap(), 5);
    assert!(people.stdout.starts_with("DIVERGED"), "{people:?}");
    assert_eq!(line["verdict"], "DIVERGED");
}

#[test]
fn a_recording_that_is_cut_off_has_no_end_and_one_that_is_damaged_is_none() {
    let bytes = encode(&recorded()).unwrap();
    let (people, _) = replayed(&bytes[..bytes.len() - 1], 2);
    assert!(people.stdout.contains("UNKNOWN") && people.stdout.contains("has no end"), "{people:?}");
    let mut damaged = bytes;
    damaged[40] ^= 1;
    let (people, _) = replayed(&damaged, 65);
    assert!(people.stderr.contains("a.recording: frame 1"), "{people:?}");
}
