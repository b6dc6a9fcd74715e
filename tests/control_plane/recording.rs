//! A recording of a node's calls reproduces its state; a damaged one is refused.

use super::create;
use cutover::core::control_plane::{ControlPlaneConsensus as _, ControlPlaneInput, ReplicatedControlPlane};
use cutover::core::ids::{DirectoryId, NodeId};
use cutover::core::migration::Caps;
use cutover::core::raft::{Config, Content, NodeLimits, Output, Peer};
use cutover::core::trace::recording::{Frame, MAGIC, RecordingError, VERSION, digest, frames, replay};

/// Records a single node that campaigns, writes, reads and opens a session.
fn recorded() -> (Vec<u8>, ReplicatedControlPlane) {
    let me = Peer { node: NodeId(1), directory: DirectoryId(1) };
    let config = Config { me, limits: NodeLimits::PRODUCTION };
    let disk = crate::site::founder(1, Caps::PRODUCTION).disk().unwrap();
    let mut engine = ReplicatedControlPlane::start(config, disk).unwrap();
    let mut bytes = Frame::start(&engine).unwrap().encode().unwrap();
    let mut give = |input: Option<ControlPlaneInput>| {
        if let Some(input) = input {
            bytes.extend(Frame::Input(input.clone()).encode().unwrap());
            let _named = engine.handle(input);
        }
        let mut said = std::collections::VecDeque::from(engine.take_outputs());
        while let Some(output) = said.pop_front() {
            let Output::Persist { number, .. } = output else { continue };
            let synced = ControlPlaneInput::Synced(number);
            bytes.extend(Frame::Input(synced.clone()).encode().unwrap());
            let _noted = engine.handle(synced);
            said.extend(engine.take_outputs());
        }
    };
    // It campaigns as it starts.
    give(None);
    give(Some(ControlPlaneInput::Propose(Content::Payload { ticket: None, payload: create(1) })));
    give(Some(ControlPlaneInput::Read));
    give(Some(ControlPlaneInput::Propose(Content::OpenSession)));
    assert!(engine.is_leader() && engine.state().table().records().count() == 1, "something has happened");
    bytes.extend(Frame::End(digest(&engine).unwrap()).encode().unwrap());
    (bytes, engine)
}

#[test]
fn a_recording_leads_back_to_the_state() {
    let (bytes, engine) = recorded();
    let replayed = replay(frames(&bytes).unwrap()).unwrap();
    assert_eq!((replayed.engine.encode(), replayed.ended), (engine.encode(), true));
    assert!(replayed.calls >= 7, "{} calls", replayed.calls);
}

#[test]
fn a_call_that_is_left_out_is_noticed_at_the_end() {
    let (bytes, _) = recorded();
    let mut all = frames(&bytes).unwrap();
    let write = all
        .iter()
        .position(|frame| matches!(frame, Frame::Input(ControlPlaneInput::Propose(Content::Payload { .. }))))
        .unwrap();
    all.remove(write);
    assert!(matches!(replay(all), Err(RecordingError::Diverged { .. })));
}

/// A recording that was cut off is replayed as far as it is complete. Any other damage is an error.
#[test]
fn a_recording_that_is_cut_off_has_no_end_and_one_that_is_damaged_is_none() {
    let (bytes, _) = recorded();
    let whole = frames(&bytes).unwrap().len();
    for length in 0..bytes.len() {
        match frames(&bytes[..length]) {
            Err(error) => assert!(length < MAGIC.len() + 4, "{length}: {error}"),
            Ok(frames) => {
                assert!(frames.len() < whole);
                assert!(frames.is_empty() || !replay(frames).unwrap().ended, "cut off at {length}");
            }
        }
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let read = frames(&damaged).and_then(replay);
        // A length field that points beyond the end looks like a recording that was cut off.
        assert!(read.as_ref().map_or(true, |replayed| !replayed.ended), "byte {at}: {read:?}");
    }
    for version in [1, 9] {
        let mut other = bytes.clone();
        other[MAGIC.len()] = version;
        let found = u32::from(version);
        assert_eq!(frames(&other), Err(RecordingError::Version { found, expected: VERSION }));
    }
    assert_eq!(
        RecordingError::Version { found: 1, expected: VERSION }.to_string(),
        "a recording of version 1, expected version 7: replay it with the program that wrote it"
    );
    assert_eq!(frames(b"cutover-trace 1"), Err(RecordingError::Magic));
}
