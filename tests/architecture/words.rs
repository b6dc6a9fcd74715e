//! The project's vocabulary: names that were given up do not come back, and the names that docs/glossary.md lists
//! beside those of the published designs exist in the code.

use super::files::{all_files, read, rust_files};

/// Names that were given up, with their replacements. `path:` marks names of files.
#[rustfmt::skip]
const GIVEN_UP: &[(&str, &str)] = &[
    ("Canvass", "VoteTracker"),
    ("Ear", "PeerAccess"),
    ("Learned", "PeerAddresses"),
    ("Patience", "StreamTimeouts"),
    ("Seldom", "LogLimiter"),
    ("Stimulus", "HostInput"),
    ("Deed", "NodeAction"),
    ("Called", "ControlPlaneResponse"),
    ("raft::Vote", "HardState"),
    ("raft::Standing", "MemberRole"),
    ("Body::Vote", "Body::RequestVote"),
    ("Body::Voted", "Body::VoteReply"),
    ("Body::Diverged", "Body::AppendRejected"),
    ("Body::Outdated", "Body::StaleTerm"),
    ("Body::waits", "Body::after_persist"),
    ("Message::tells", "Message::vote_claim"),
    ("Timer::Contact", "Timer::MinElectionTimeout"),
    ("Output::Leads", "Output::BecameLeader"),
    ("standing: Term", "campaign_term: Term"),
    ("fence::ids", "fence::format_write_ids"),
    ("fence::Speaker", "StatementOrigin"),
    ("invariant::Scope", "JudgedBy"),
    ("invariant::Consensus", "ConsensusMonitor"),
    ("control_plane::seam", "control_plane::consensus"),
    ("control_plane::fact", "control_plane::bounded"),
    ("may_stand", "may_campaign"),
    ("hears_a_leader", "is_in_contact"),
    ("Stopped::Told", "Stopped::Requested"),
    ("ClusterFact::Told", "ClusterFact::Revealed"),
    ("waits_for_nobody", "Turn::begin"),
    ("hand_over_if_ready", "send_timeout_now_if_ready"),
    ("proto::Asked", "proto::PartitionSelector"),
    ("begin_listening", "begin_quorum_check"),
    ("answer_outdated", "answer_stale_term"),
    ("on_diverged", "on_append_rejected"),
    ("on_voted", "on_vote_reply"),
    ("canvass", "votes"),
    ("fn disturbs", "fn ends_term"),
    ("agree_on_committed", "check_committed"),
    ("--each", "--scope-budget"),
    ("--until", "--stop-at"),
    ("--check-lowering", "--check-recordings"),
    ("replication-whole", "replication-exhaustive"),
    ("path:tests/laws", "tests/properties"),
    ("path:tests/script/", "tests/scripts/"),
    ("path:src/node/server/seldom.rs", "log_limiter.rs"),
    ("path:room.rs", "connection_limit.rs"),
    ("path:outside.rs", "removed_peer.rs"),
    ("path:heard.rs", "removal_notice.rs"),
    ("path:outgoing.rs", "response_stream.rs"),
    ("path:parcel.rs", "reassembly.rs"),
    ("path:blocks.rs", "block_checksums.rs"),
    ("path:src/node/store/gate.rs", "metered_backend.rs"),
    ("path:idle.rs", "reduction.rs"),
    ("path:ahead.rs", "successor_cache.rs"),
    ("path:offers.rs", "enabled.rs"),
    ("path:sim/src/lull.rs", "read_pause.rs"),
    ("path:ledger.rs", "event_log.rs"),
    ("path:mutants/nothing.patch", "control-no-change.patch"),
];

/// Files that may contain old names: the history, and the maps from old names to new ones.
const HISTORY: &[&str] = &["CHANGELOG.md", "docs/renames", "tests/architecture/words.rs", "Cargo.lock"];

/// Whether `word` occurs in `line` as a whole word.
fn has(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(is_word)
            && !line[at + word.len()..].chars().next().is_some_and(is_word)
    })
}

fn given_up(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (old, new) in GIVEN_UP {
        if let Some(path) = old.strip_prefix("path:") {
            let is_named = file.starts_with(path) || file.ends_with(&format!("/{path}"));
            found.extend(is_named.then(|| format!("{file}: this name was given up for {new}")));
            continue;
        }
        // A word of plain English counts in prose only if it is marked as a name.
        let is_plain = old.chars().all(char::is_alphabetic);
        let is_prose = |line: &str| file.ends_with(".md") || line.trim_start().starts_with("//");
        let in_prose = if is_plain { format!("`{old}") } else { (*old).to_owned() };
        let is_old = |line: &str| has(line, if is_prose(line) { &in_prose } else { old });
        let lines = text.lines().enumerate().filter(|(_, line)| is_old(line));
        found.extend(lines.map(|(number, _)| {
            format!("{file}:{}: `{old}` was given up for `{new}` (docs/glossary.md)", number + 1)
        }));
    }
    found
}

/// The identifiers in the second column of the glossary's tables of published names.
fn ours(page: &str) -> Vec<String> {
    let tables = page.split("## Names of the published designs").nth(1).unwrap_or_default();
    let rows = tables.lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| row.split('|').nth(2))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_name_that_was_given_up_is_found() {
    let found = |file, text| given_up(file, text).len();
    assert_eq!(
        found("src/core/raft/election.rs", "struct Canvass;\n// a [`Canvass`], a Canvass\n/// Body::waits"),
        3
    );
    assert_eq!(found("docs/simulating.md", "cutover check --until x\n--untilled Early"), 1);
    assert_eq!(found("src/node/server/room.rs", ""), 1);
    assert_eq!(found("tests/laws/act.rs", ""), 1);
    assert_eq!(found("src/core/raft/mushroom.rs", "fn room() {} // Learnedly"), 0);
}

#[test]
fn names_that_were_given_up_do_not_come_back() -> Result<(), String> {
    let mut found = Vec::new();
    let is_history = |file: &str| HISTORY.iter().any(|history| file.starts_with(history));
    let is_binary = |file: &str| file.ends_with(".bin") || file.ends_with(".redb");
    for file in all_files()?.iter().filter(|file| !is_history(file) && !is_binary(file)) {
        found.extend(given_up(file, &read(file)?));
    }
    if found.is_empty() { Ok(()) } else { Err(format!("\n{}\n", found.join("\n"))) }
}

#[test]
fn our_names_beside_the_published_ones_are_in_the_code() -> Result<(), String> {
    let code: String = rust_files("src/core")?.into_iter().map(|file| file.text).collect();
    let ours = ours(&read("docs/glossary.md")?);
    assert!(ours.len() > 30, "{ours:?}");
    let parts = ours.iter().flat_map(|name| name.split("::"));
    let gone: Vec<&str> = parts.filter(|part| !code.lines().any(|line| has(line, part))).collect();
    if gone.is_empty() {
        Ok(())
    } else {
        Err(format!("docs/glossary.md names what src/core has not: {gone:?}"))
    }
}
