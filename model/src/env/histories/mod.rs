//! A cluster that is restored from a backup, or recovered, under watchers and open sessions: each is told of the new history
//! once, a watcher resynchronises, and no ticket is good in a history in which its session was not opened.
//!
//! The cluster is the production engine of a single node. What it decides for a watcher and a ticket is
//! [`ControlPlaneStatus`](cutover::core::control_plane::ControlPlaneStatus), what a watcher makes of its stream is
//! [`WatchCache`](cutover::core::gate::WatchCache). The stream itself is modelled: it has each change since the node started, or
//! begins with all records. A client repeats its request by the production rule, [`Call`](cutover::core::retry::Call).
//!
//! Where a partition moves, the clients' request begins its migration; controllers act on the watcher's table, and an operator
//! releases what is held.
//!
//! May import: `core`, `cutover_model::protocol`, `cutover_model::host`, `cutover_model`.

mod client;
mod cluster;
mod moves;
mod watcher;

use crate::protocol::{Bounds, Choice, Invariant, JudgedBy, Notes, Protocol, Tables};
use crate::render::plural;
use client::Client;
use cluster::{Backup, Cluster};
use cutover::core::ids::{HistoryId, Revision};
use cutover::core::migration::Command;
use moves::{DECISIONS, Moves};
use std::sync::Arc;
use watcher::{Told, Watcher};

/// Bounds of a scope.
#[derive(Clone, Debug)]
pub struct HistoriesBounds {
    /// Number of clients; each creates a partition of its own, under a session, or moves the one that there is.
    pub clients: u8,
    /// Whether there is a partition at the beginning, which clients move.
    pub moves: bool,
    /// Whether controllers act, so that the migration goes on.
    pub controllers: bool,
    /// Number of sessions that a client opens, one after the other.
    pub sessions: u8,
    /// Number of attempts that a client makes at its request.
    pub attempts: u8,
    /// Number of backups.
    pub backups: u8,
    /// Whether the watcher's stream breaks by itself.
    pub breaks: bool,
    /// Total number of restores and recoveries. Each begins a new history.
    pub losses: u8,
}

impl Bounds for HistoriesBounds {
    fn text(&self) -> String {
        let Self { clients, sessions, attempts, backups, moves, .. } = self;
        format!(
            "1 node, {}{} with {} and {}, 1 watcher, {}",
            if *moves { "2 stores, " } else { "" },
            plural((*clients).into(), "client"),
            plural((*sessions).into(), "session"),
            plural((*attempts).into(), "attempt"),
            plural((*backups).into(), "backup"),
        )
    }

    fn faults(&self) -> String {
        format!(
            "lose any answer, {}restore from the backup or recover <= {}, while streams and sessions of earlier histories \
             go on",
            if self.breaks { "break the watcher's stream, " } else { "" },
            self.losses
        )
    }
}

const TICKETS: Invariant = Invariant {
    id: "history.tickets-apart",
    claim: "A request under a ticket is applied and answered in the history in which its session was opened, and in no other.",
    source: "ADR 0030",
    scope: JudgedBy::History,
};
const WATCHERS: Invariant = Invariant {
    id: "history.watcher-whole",
    claim: "After each update a watcher has the table of the revision and the history that it was told; it is told of each history once, \
            and never of an earlier one again.",
    source: "ADR 0030",
    scope: JudgedBy::History,
};

const TOLD_ONCE: Invariant = Invariant {
    id: "history.told-once",
    claim: "A client that has a ticket of an earlier history is told of the present one once, by a refusal that ends its call; a \
            session that it opens then is known.",
    source: "ADR 0030",
    scope: JudgedBy::History,
};
const COMMANDS: Invariant = Invariant {
    id: "history.commands-apart",
    claim: "A command that was made from a record of an earlier history changes nothing.",
    source: "ADR 0030",
    scope: JudgedBy::History,
};
const HELD: Invariant = Invariant {
    id: "history.held-for-operator",
    claim: "A migration that is in flight in the first record of a history is held, under an id and an epoch that were never given out; \
            until an operator releases it, no command moves it and no controller acts on it.",
    source: "ADR 0030",
    scope: JudgedBy::History,
};

pub(crate) const REFUSED: &str = "a ticket of an earlier history refused";
pub(crate) const TOLD: &str = "a watcher told of a new history";
pub(crate) const WHOLE: &str = "a watcher that has the whole table of a new history";
pub(crate) const FOLLOWED: &str = "a watcher told of a change in a new history";
pub(crate) const TWICE: &str = "one backup restored twice";
pub(crate) const RECOVERED: &str = "a node recovered";
pub(crate) const REPEATED: &str = "a request answered again";
pub(crate) const WENT_ON: &str = "a client answered in the history that it was told of";
pub(crate) const HELD_AFTER_LOSS: &str = "a migration held after a loss";
pub(crate) const LOST: &str = "a migration held whose flip or abort is lost";
pub(crate) const SEEN_HELD: &str = "a watcher that has a held record";
pub(crate) const RELEASED: &str = "a held migration released";
pub(crate) const RESUMED: &str = "a migration completed in a new history";

/// The state of the cluster, its clients and its watcher.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// `None` only if the cluster could not be founded.
    cluster: Option<Arc<Cluster>>,
    clients: Vec<Client>,
    watcher: Watcher,
    /// `None` if no partition moves.
    moves: Option<Arc<Moves>>,
    backup: Option<Arc<Backup>>,
    backups: u8,
    /// How often the present backup was restored.
    restored: u8,
    losses: u8,
}

/// An action; the number is that of a client, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A client opens a session.
    Open(usize),
    /// A client makes an attempt at its request, and hears the answer or not.
    Ask(usize, bool),
    /// The watcher opens a stream.
    Connect,
    /// The next message of the stream arrives, or its end.
    Deliver,
    /// The stream breaks.
    Break,
    /// An operator takes a backup.
    BackUp,
    /// The node is lost, and restored from the backup.
    Restore,
    /// The node is recovered.
    Recover,
    /// A request of a controller, by number, arrives at its store.
    Request(usize),
    /// A proposal of a controller, by number, is committed.
    Commit(usize),
    /// An operator reads the record of a held migration.
    Look,
    /// What the operator decides, by number, is committed.
    Decide(usize),
}

/// The protocol.
#[derive(Debug)]
pub struct Histories {
    bounds: HistoriesBounds,
}

impl Protocol for Histories {
    type Bounds = HistoriesBounds;
    type State = State;
    type Action = Action;

    fn invariants() -> &'static [Invariant] {
        &[TICKETS, WATCHERS, TOLD_ONCE, COMMANDS, HELD]
    }

    fn marks() -> &'static [&'static str] {
        &[
            REFUSED,
            TOLD,
            WHOLE,
            FOLLOWED,
            TWICE,
            RECOVERED,
            REPEATED,
            WENT_ON,
            HELD_AFTER_LOSS,
            LOST,
            SEEN_HELD,
            RELEASED,
            RESUMED,
        ]
    }

    fn new(bounds: &HistoriesBounds) -> Self {
        Self { bounds: bounds.clone() }
    }

    fn initial(&self) -> State {
        let mut cluster = Cluster::founded();
        let moves = cluster
            .as_mut()
            .filter(|_| self.bounds.moves)
            .and_then(|cluster| Moves::begun(cluster, &mut Notes::quiet(Tables::of::<Self>())));
        let cluster = cluster.filter(|_| moves.is_some() == self.bounds.moves);
        State {
            cluster: cluster.map(Arc::new),
            clients: vec![Client::new(); self.bounds.clients.into()],
            watcher: Watcher::default(),
            moves: moves.map(Arc::new),
            backup: None,
            backups: 0,
            restored: 0,
            losses: 0,
        }
    }

    fn enabled(&self, state: &State, into: &mut Vec<Action>) {
        for name in 0..state.clients.len() {
            into.extend([Action::Open(name), Action::Ask(name, true), Action::Ask(name, false)]);
        }
        into.extend([Action::Connect, Action::Deliver]);
        if self.bounds.breaks {
            into.push(Action::Break);
        }
        into.extend([Action::BackUp, Action::Restore, Action::Recover]);
        if let Some(moves) = &state.moves {
            into.extend((0..moves.requests().len()).map(Action::Request));
            into.extend((0..moves.proposals().len()).map(Action::Commit));
            into.push(Action::Look);
            into.extend((0..DECISIONS.len()).map(Action::Decide));
        }
    }

    fn step(&self, state: &State, action: &Action, notes: &mut Notes) -> Option<State> {
        let (mut next, cluster) = (state.clone(), state.cluster.as_deref()?);
        let moves = state.moves.as_deref();
        match *action {
            Action::Open(name) => self.open(&mut next, name)?,
            Action::Ask(name, heard) => self.ask(&mut next, name, heard, notes)?,
            Action::Connect => next.watcher.connect(cluster)?,
            Action::Deliver => watch(&mut next, notes)?,
            Action::Break => next.watcher.end()?,
            Action::BackUp => {
                if state.backups == self.bounds.backups {
                    return None;
                }
                next.backup = Some(Arc::new(cluster.backup()));
                (next.backups, next.restored) = (state.backups + 1, 0);
            }
            Action::Restore => {
                let backup = state.backup.as_deref()?;
                next.restored += 1;
                self.lose(&mut next, backup, notes)?;
                notes.mark(next.restored > 1, TWICE);
            }
            Action::Recover => {
                self.lose(&mut next, &cluster.backup(), notes)?;
                notes.mark(true, RECOVERED);
            }
            Action::Request(at) => {
                Arc::make_mut(next.moves.as_mut()?).deliver(at, &state.watcher, notes)?;
            }
            Action::Commit(at) => {
                let proposed = moves?.proposals().get(at)?;
                self.decide(&mut next, proposed, notes)?;
            }
            Action::Look => Arc::make_mut(next.moves.as_mut()?).look(cluster)?,
            Action::Decide(at) => {
                let decided = moves?.decided(*DECISIONS.get(at)?)?;
                self.decide(&mut next, &decided, notes)?;
            }
        }
        // What they send depends on the watcher's table and the answers of stores alone.
        if self.bounds.controllers && matches!(action, Action::Deliver | Action::Request(_)) {
            Arc::make_mut(next.moves.as_mut()?).act(&next.watcher, notes);
        }
        Some(next)
    }

    fn choice(&self, state: &State, action: &Action) -> Option<Choice> {
        let lane = |name: usize| format!("c{}", name + 1);
        Some(match *action {
            Action::Open(name) => Choice::new(lane(name), "open a session"),
            Action::Ask(name, true) => Choice::new(lane(name), "ask"),
            Action::Ask(name, false) => Choice::fault(lane(name), "ask, and lose the answer"),
            Action::Connect => Choice::new("w", "open a stream"),
            Action::Deliver => Choice::new("w", format!("deliver {}", state.watcher.arriving()?)),
            Action::Break => Choice::fault("w", "the stream breaks"),
            Action::BackUp => Choice::new("n1", "back up"),
            Action::Restore => Choice::fault("n1", "restore"),
            Action::Recover => Choice::fault("n1", "recover"),
            Action::Request(at) => {
                let request = state.moves.as_deref()?.requests().get(at)?;
                Choice::new(request.store.to_string(), format!("deliver {request}"))
            }
            Action::Commit(at) => {
                let (history, command) = state.moves.as_deref()?.proposals().get(at)?;
                Choice::new("n1", format!("commit {command}, made in history {history}"))
            }
            Action::Look => Choice::new("op", "look at the held record"),
            Action::Decide(at) => {
                let (history, command) = state.moves.as_deref()?.decided(*DECISIONS.get(at)?)?;
                Choice::new("op", format!("{command}, made in history {history}"))
            }
        })
    }

    fn facts(&self, state: &State) -> Vec<(String, String)> {
        let facts = (1..).zip(&state.clients).map(|(name, client)| (format!("c{name}"), client.text()));
        let cluster = state.cluster.as_ref().map_or_else(String::new, |cluster| cluster.text());
        let stores = state.moves.iter().flat_map(|moves| moves.facts());
        let facts = facts.chain([("n1".to_owned(), cluster), ("w".to_owned(), state.watcher.text())]);
        facts.chain(stores).collect()
    }
}

impl Histories {
    fn open(&self, next: &mut State, name: usize) -> Option<()> {
        let client = next.clients.get_mut(name).filter(|client| client.may_open(self.bounds.sessions))?;
        client.open(Arc::make_mut(next.cluster.as_mut()?), self.bounds.moves)
    }

    fn ask(&self, next: &mut State, name: usize, heard: bool, notes: &mut Notes) -> Option<()> {
        let client = next.clients.get_mut(name).filter(|client| client.may_ask(self.bounds.attempts))?;
        if let Some(change) = client.ask((name, heard), Arc::make_mut(next.cluster.as_mut()?), notes)? {
            next.watcher.publish(&change);
        }
        Some(())
    }

    /// Commits a command that was made from a record of this history. `None` if the table refuses it.
    fn decide(
        &self,
        next: &mut State,
        (made_in, command): &(HistoryId, Command),
        notes: &mut Notes,
    ) -> Option<()> {
        let cluster = next.cluster.as_mut().filter(|cluster| cluster.accepts(command))?;
        let change = moves::decide(*made_in, command, Arc::make_mut(cluster), notes)?;
        next.watcher.publish(&change);
        Some(())
    }

    fn lose(&self, next: &mut State, state: &Backup, notes: &mut Notes) -> Option<()> {
        if next.losses == self.bounds.losses {
            return None;
        }
        next.losses += 1;
        let cluster = Arc::make_mut(next.cluster.as_mut()?);
        let before = (cluster.record(moves::PARTITION).cloned(), cluster.highest());
        if let Some(moves) = &mut next.moves {
            Arc::make_mut(moves).ends(cluster);
        }
        cluster.continue_from(state, next.losses)?;
        if next.moves.is_some() {
            Moves::judge_first(cluster, before, notes);
        }
        next.watcher.cut();
        Some(())
    }
}

/// Delivers the next message to the watcher, and judges what it makes of it.
fn watch(next: &mut State, notes: &mut Notes) -> Option<()> {
    let before = next.watcher.told();
    let Some(told) = next.watcher.deliver()? else { return Some(()) };
    let (history, revision) = next.watcher.told();
    notes.say(|| format!("has {revision} of history {history}"));
    let anew = before.0 != history;
    notes.mark(anew && before.0 != HistoryId::NONE, TOLD);
    notes.mark(history != cluster::FIRST && told == Told::Whole, WHOLE);
    notes.mark(history != cluster::FIRST && told == Told::Change, FOLLOWED);
    notes
        .mark(next.watcher.record(moves::PARTITION).is_some_and(|record| record.held().is_some()), SEEN_HELD);
    notes.demand((history, revision) >= before, &WATCHERS, || {
        (
            format!("it is told of {revision} of history {history}"),
            format!("after {} of {}", before.1, before.0),
        )
    });
    // Before the first change of a history, and when no more is known of it than its id, there is nothing.
    let expected = if revision == Revision::ZERO {
        Some(Vec::new())
    } else {
        next.cluster.as_ref()?.table_at(history, revision).cloned()
    };
    notes.demand(expected.as_ref() == Some(&next.watcher.records()), &WATCHERS, || {
        (
            format!("it has {:?} at {revision} of history {history}", next.watcher.records()),
            format!("the log has {expected:?}"),
        )
    });
    Some(())
}
