//! A cluster that is restored from a backup, or recovered, under watchers and open sessions: each is told of the new history
//! once, a watcher resynchronises, and no ticket is good in a history in which its session was not opened.
//!
//! The cluster is the production engine of a single node. What it decides for a watcher and a ticket is
//! [`ControlPlaneStatus`](cutover::core::control_plane::ControlPlaneStatus), what a watcher makes of its stream is
//! [`WatchCache`]. The stream itself is modelled: it has each change since the node started, or begins with all records.
//!
//! May import: `core`, `cutover_model::protocol`, `cutover_model::host`, `cutover_model`.

mod cluster;
mod watcher;

use crate::protocol::{Bounds, Choice, Invariant, JudgedBy, Notes, Protocol};
use crate::render::plural;
use cluster::{Answered, Backup, Cluster};
use cutover::core::ids::{HistoryId, Revision, SessionId};
use std::sync::Arc;
use watcher::{Told, Watcher};

/// Bounds of a scope.
#[derive(Clone, Debug)]
pub struct HistoriesBounds {
    /// Number of clients; each creates a partition of its own, under a session.
    pub clients: u8,
    /// Number of sessions that a client opens, one after the other.
    pub sessions: u8,
    /// Number of attempts that a client makes at its request.
    pub attempts: u8,
    /// Number of backups.
    pub backups: u8,
    /// Total number of restores and recoveries. Each begins a new history.
    pub losses: u8,
}

impl Bounds for HistoriesBounds {
    fn text(&self) -> String {
        let Self { clients, sessions, attempts, backups, .. } = self;
        format!(
            "1 node, {} with {} and {}, 1 watcher, {}",
            plural((*clients).into(), "client"),
            plural((*sessions).into(), "session"),
            plural((*attempts).into(), "attempt"),
            plural((*backups).into(), "backup"),
        )
    }

    fn faults(&self) -> String {
        format!(
            "lose any answer, break the watcher's stream, restore from the backup or recover <= {}, while streams and \
             sessions of earlier histories go on",
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

const REFUSED: &str = "a ticket of an earlier history refused";
const TOLD: &str = "a watcher told of a new history";
const WHOLE: &str = "a watcher that has the whole table of a new history";
const FOLLOWED: &str = "a watcher told of a change in a new history";
const TWICE: &str = "one backup restored twice";
const RECOVERED: &str = "a node recovered";
const REPEATED: &str = "a request answered again";

/// The state of a client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Client {
    session: Option<(SessionId, HistoryId)>,
    sessions: u8,
    attempts: u8,
    done: bool,
}

/// The state of the cluster, its clients and its watcher.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// `None` only if the cluster could not be founded.
    cluster: Option<Arc<Cluster>>,
    clients: Vec<Client>,
    watcher: Watcher,
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
        &[TICKETS, WATCHERS]
    }

    fn marks() -> &'static [&'static str] {
        &[REFUSED, TOLD, WHOLE, FOLLOWED, TWICE, RECOVERED, REPEATED]
    }

    fn new(bounds: &HistoriesBounds) -> Self {
        Self { bounds: bounds.clone() }
    }

    fn initial(&self) -> State {
        let client = Client { session: None, sessions: 0, attempts: 0, done: false };
        State {
            cluster: Cluster::founded().map(Arc::new),
            clients: vec![client; self.bounds.clients.into()],
            watcher: Watcher::default(),
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
        into.extend([Action::Connect, Action::Deliver, Action::Break]);
        into.extend([Action::BackUp, Action::Restore, Action::Recover]);
    }

    fn step(&self, state: &State, action: &Action, notes: &mut Notes) -> Option<State> {
        let (mut next, cluster) = (state.clone(), state.cluster.as_deref()?);
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
                notes.mark(next.restored > 1, TWICE);
                self.lose(&mut next, backup)?;
            }
            Action::Recover => {
                notes.mark(true, RECOVERED);
                self.lose(&mut next, &cluster.backup())?;
            }
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
        })
    }

    fn facts(&self, state: &State) -> Vec<(String, String)> {
        let clients = (1..).zip(&state.clients);
        let facts = clients.map(|(name, client)| {
            let session = client.session.map_or_else(
                || "no session".to_owned(),
                |(session, history)| format!("{session} of history {history}"),
            );
            (format!("c{name}"), format!("{session}, {} attempts, done: {}", client.attempts, client.done))
        });
        let cluster = state.cluster.as_ref().map_or_else(String::new, |cluster| cluster.text());
        facts.chain([("n1".to_owned(), cluster), ("w".to_owned(), state.watcher.text())]).collect()
    }
}

impl Histories {
    fn open(&self, next: &mut State, name: usize) -> Option<()> {
        let client = next.clients.get_mut(name).filter(|client| !client.done && client.session.is_none())?;
        if client.sessions == self.bounds.sessions {
            return None;
        }
        client.sessions += 1;
        let cluster = Arc::make_mut(next.cluster.as_mut()?);
        client.session = Some((cluster.open_session()?, cluster.history()));
        Some(())
    }

    fn ask(&self, next: &mut State, name: usize, heard: bool, notes: &mut Notes) -> Option<()> {
        let client = next.clients.get_mut(name).filter(|client| !client.done)?;
        let (session, history) = client.session?;
        if client.attempts == self.bounds.attempts {
            return None;
        }
        client.attempts += 1;
        let cluster = Arc::make_mut(next.cluster.as_mut()?);
        let own = cluster.history();
        if !cluster.status().knows_sessions_of(history) {
            notes.mark(true, REFUSED);
            notes.say(|| format!("refused: history {own}"));
            if heard {
                client.session = None;
            }
            return Some(());
        }
        let (answered, change) = cluster.create(name, session)?;
        notes.say(|| format!("{answered:?}"));
        notes.demand(history == own || answered == Answered::Expired, &TICKETS, || {
            (format!("{session} of history {history} is answered in history {own}"), format!("{answered:?}"))
        });
        notes.mark(answered == Answered::Repeated, REPEATED);
        if let Some(change) = change {
            next.watcher.publish(&change);
        }
        if heard && answered == Answered::Expired {
            client.session = None;
        } else if heard {
            client.done = true;
        }
        Some(())
    }

    fn lose(&self, next: &mut State, state: &Backup) -> Option<()> {
        if next.losses == self.bounds.losses {
            return None;
        }
        next.losses += 1;
        let cluster = Arc::make_mut(next.cluster.as_mut()?);
        cluster.continue_from(state, next.losses)?;
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
