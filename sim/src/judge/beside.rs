//! The references of the table and of the sessions, beside the log of a history: an entry is judged where it is applied first, and what
//! other nodes make of it is compared with that.

use super::{Judge, own};
use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneState, Founder};
use cutover::core::ids::{Index, NodeId};
use cutover::core::raft::{
    Admission, Content, Durable, Effect, Entry, Machine as _, Sessions, SnapshotError,
};
use cutover_reference::beside::Disagreement;
use cutover_reference::beside::session::SessionsBeside;
use cutover_reference::beside::table::TableBeside;

/// The whole state is compared after so many entries.
const WHOLE: u64 = 64;

/// The references, as of one entry.
#[derive(Clone)]
struct References {
    table: TableBeside,
    sessions: SessionsBeside<Answer>,
}

/// An invariant that is broken, and how.
type Broken = (&'static str, Disagreement);

fn broken(id: &'static str) -> impl Fn(Disagreement) -> Broken {
    move |disagreement| (id, disagreement)
}

impl References {
    /// Judges the effect of the entry at an index; `state`: the state after it.
    fn step(
        &mut self,
        at: Index,
        entry: &Entry<ControlPlaneEntry>,
        effect: &Effect<Answer>,
        state: &ControlPlaneState,
    ) -> Result<(), Broken> {
        if let (Content::Payload { payload, .. }, Effect::Answered { answer, repeated: false }) =
            (&entry.content, effect)
        {
            self.table.applied(at, payload, answer, state).map_err(broken(own::TABLE))?;
        }
        self.sessions.applied(at, &entry.content, effect).map_err(broken(own::SESSIONS))
    }
}

/// The references beside the log of a history.
pub(super) struct Beside {
    /// The state and the references with which the history began.
    began: (ControlPlaneState, References),
    /// The entries since, in order, with their effects.
    entries: Vec<(Entry<ControlPlaneEntry>, Effect<Answer>)>,
    first: Index,
    /// `None` after a disagreement.
    now: Option<References>,
    compared: u64,
}

/// What a recovery finds on the one disk that is left.
pub type Survivor = Durable<ControlPlaneEntry>;

impl Beside {
    /// Beside a log that begins after an index, in a state without partitions and sessions.
    pub(super) fn new(state: ControlPlaneState, founder: &Founder, founded: Index) -> Self {
        let table = TableBeside::knowing(&founder.caps, &founder.stores);
        let references = References { table, sessions: SessionsBeside::new(founder.sessions) };
        Self::beginning(state, references, founded)
    }

    fn beginning(state: ControlPlaneState, references: References, at: Index) -> Self {
        let now = Some(references.clone());
        Self { began: (state, references), entries: Vec::new(), first: at.next(), now, compared: 0 }
    }

    /// Beside the log of the next history, without references after a disagreement.
    fn ended(&mut self, began: Index) {
        (self.entries, self.first, self.now) = (Vec::new(), began.next(), None);
    }

    /// A node applies the entry at an index; `state`: the state after it, of the first that does.
    fn applied(
        &mut self,
        at: Index,
        entry: &Entry<ControlPlaneEntry>,
        effect: &Effect<Answer>,
        state: &ControlPlaneState,
    ) -> Result<(), Broken> {
        let place = at.0.checked_sub(self.first.0).and_then(|place| usize::try_from(place).ok());
        let Some(place) = place else { return Ok(()) };
        if let Some((_, first)) = self.entries.get(place) {
            let differs = || Disagreement::new("T2, S9", (at, effect), first);
            return if first == effect { Ok(()) } else { Err((own::TABLE, differs())) };
        }
        if place > self.entries.len() {
            return Ok(());
        }
        self.entries.push((entry.clone(), effect.clone()));
        let Some(now) = &mut self.now else { return Ok(()) };
        now.step(at, entry, effect, state)?;
        if at.0.is_multiple_of(WHOLE) {
            now.table.compare(state).map_err(broken(own::TABLE))?;
        }
        Ok(())
    }

    /// Compares the whole state of a node that has applied all entries.
    fn compare(&mut self, state: &ControlPlaneState, sessions: &Sessions<Answer>) -> Result<(), Broken> {
        let Some(now) = &mut self.now else { return Ok(()) };
        now.table.compare(state).map_err(broken(own::TABLE))?;
        now.sessions.compare(sessions).map_err(broken(own::SESSIONS))
    }

    /// The references as they were after the entry at an index, with the state then.
    fn at(&self, through: Index) -> Result<(ControlPlaneState, References), Broken> {
        let (mut state, mut references) = self.began.clone();
        for ((entry, effect), index) in self.entries.iter().zip(self.first.0..=through.0) {
            if let (Content::Payload { payload, .. }, Effect::Answered { repeated: false, .. }) =
                (&entry.content, effect)
            {
                state.apply(Index(index), payload, &mut None);
            }
            references.step(Index(index), entry, effect, &state)?;
        }
        Ok((state, references))
    }

    /// Beside the log of the next history, which begins with an index and a state. It continues from a backup, or from all that a
    /// survivor has: entries that were never committed may be among them.
    fn continued(
        &self,
        survivor: Option<&Survivor>,
        began: Index,
        after: &ControlPlaneState,
    ) -> Result<Option<Self>, Broken> {
        let Some(now) = &self.now else { return Ok(None) };
        let known = survivor.map_or(Index(began.0 - 1), |disk| disk.snapshot.last.index);
        let (_, mut then) = self.at(known)?;
        if let Some(disk) = survivor {
            let unreadable = |error: SnapshotError| (own::DISK, Disagreement::new("D3", error, "a snapshot"));
            let applied = disk.snapshot.applied::<ControlPlaneState>().map_err(unreadable)?;
            let (mut state, mut sessions) = (applied.machine().clone(), applied.sessions().clone());
            for (entry, at) in disk.log.from(known.next(), u32::MAX).iter().zip(known.next().0..) {
                let effect = effect_of(&mut state, &mut sessions, Index(at), entry);
                then.step(Index(at), entry, &effect, &state)?;
            }
        }
        let mut table = now.table.clone();
        table.restore(&then.table);
        table.recovered(began, after).map_err(broken(own::TABLE))?;
        let references = References { table, sessions: then.sessions };
        Ok(Some(Self::beginning(after.clone(), references, began)))
    }
}

/// Applies an entry.
fn effect_of(
    state: &mut ControlPlaneState,
    sessions: &mut Sessions<Answer>,
    at: Index,
    entry: &Entry<ControlPlaneEntry>,
) -> Effect<Answer> {
    let (ticket, payload) = match &entry.content {
        Content::OpenSession => return Effect::SessionOpened(sessions.open(at)),
        Content::CloseSession(id) => {
            sessions.close(*id);
            return Effect::SessionClosed(*id);
        }
        Content::Payload { ticket, payload } => (ticket, payload),
    };
    match ticket.map(|ticket| sessions.admit(ticket, at)) {
        Some(Admission::Repeated(answer)) => return Effect::Answered { answer, repeated: true },
        Some(Admission::Refused(refusal)) => return Effect::SessionRefused(refusal),
        Some(Admission::New) | None => {}
    }
    let answer = state.apply(at, payload, &mut None);
    if let Some(ticket) = ticket {
        sessions.answered(*ticket, answer);
    }
    Effect::Answered { answer, repeated: false }
}

impl Judge {
    /// Judges what a node made of an entry, by the references.
    pub(super) fn judge_entry(
        &mut self,
        node: u8,
        at: Index,
        entry: &Entry<ControlPlaneEntry>,
        effect: &Effect<Answer>,
    ) {
        let judged = self.beside.applied(at, entry, effect, self.now.table.state());
        if let Err(wrong) = judged {
            self.references_differ(node, at, &wrong);
        }
    }

    /// Compares the whole state of a node that has applied all entries, now and then. `always`: also now.
    pub(super) fn compare_state(&mut self, node: u8, id: NodeId, always: bool) {
        self.beside.compared += 1;
        let Some(host) = self.hosts.get(&id).filter(|_| always || self.beside.compared.is_multiple_of(WHOLE))
        else {
            return;
        };
        let applied = host.engine.node().applied();
        let at = applied.last().index;
        if let Err(wrong) = self.beside.compare(applied.machine(), applied.sessions()) {
            self.references_differ(node, at, &wrong);
        } else {
            self.event_log.count("mark", "a state compared with its reference");
        }
    }

    /// The reference is of no use after this. What else differs in the whole state is told as well.
    fn references_differ(&mut self, node: u8, at: Index, (id, disagreement): &Broken) {
        let whole =
            self.beside.now.take().and_then(|mut now| now.table.compare(self.now.table.state()).err());
        let whole = whole.map_or_else(String::new, |whole| format!("; the whole state: {whole}"));
        let Disagreement { machine, reference, rule } = disagreement;
        self.find(id, format!("n{node} at {at}: {machine}{whole}"), format!("by {rule}: {reference}"));
    }

    /// Call when all nodes are lost, with the disk of the one that is left.
    pub fn lost(&mut self, survivor: Option<Survivor>) {
        self.survivor = survivor;
    }

    /// The references continue in the history that begins with an index and a state.
    pub(super) fn references_continue(&mut self, began: Index, after: &ControlPlaneState) {
        let survivor = self.survivor.take();
        match self.beside.continued(survivor.as_ref(), began, after) {
            Ok(Some(next)) => {
                self.event_log.count("mark", "references continued in a new history");
                self.beside = next;
            }
            Ok(None) => self.beside.ended(began),
            Err(wrong) => {
                self.references_differ(0, began, &wrong);
                self.beside.ended(began);
            }
        }
    }
}
