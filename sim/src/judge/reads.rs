//! What the services offer to read, compared with the log: each answer has everything that was committed when it was asked for,
//! and says what the log says.

use super::{Judge, Moment};
use crate::processes::member_of;
use crate::table::Table;
use cutover::core::control_plane::{ControlPlaneState, Registered};
use cutover::core::ids::{Epoch, HistoryId, Index, MigrationId, PartitionId, Revision, Term};
use cutover::core::invariant::Id;
use cutover::core::raft::{Applied, RoleName};
use cutover::node::proto::v1;

/// A violation: id of the invariant, the observed fact, the fact that it contradicts.
pub type Wrong = Option<(&'static str, String, String)>;

/// What was known when something was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    moment: Moment,
    committed: Index,
    /// What had been given out of the partition that is asked about.
    floor: (Epoch, MigrationId),
}

impl Before {
    /// The highest index that any node knew to be committed.
    pub(super) const fn committed(self) -> Index {
        self.committed
    }
}

/// A node as its machine is at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Look {
    history: HistoryId,
    role: RoleName,
    term: Term,
    leader: Option<u8>,
    commit: Index,
    last: Index,
    durable: Index,
    snapshot: Index,
    revision: Revision,
    counts: (u32, u32, u32),
    /// Whether it has an empty disk, or is not a member in its own log.
    outside: bool,
}

fn stale(found: String, against: String) -> Wrong {
    Some((Id::ReadLinearizable.entry().id, found, against))
}

impl Judge {
    /// The present, for an answer that is judged later; with what was given out of a partition.
    #[must_use]
    pub fn before(&self, partition: PartitionId) -> Before {
        let floor = self.table().state().table().returned(partition);
        Before { moment: self.moment(), committed: self.committed_through(), floor }
    }

    /// Whether the cluster has begun another history since.
    pub(super) fn is_anew(&self, before: Before) -> bool {
        before.moment.history != self.history()
    }

    /// What a store that lost its state starts from.
    pub fn floor(&self, partition: PartitionId, told: &v1::FloorResponse, before: Before) -> Wrong {
        if self.is_anew(before) || told.history != self.history().0 {
            return None;
        }
        let now = self.table().state().table().returned(partition);
        let found = (Epoch(told.epoch), MigrationId(told.migration));
        let between =
            before.floor.0 <= found.0 && found.0 <= now.0 && before.floor.1 <= found.1 && found.1 <= now.1;
        let against = format!("{:?} was given out when it was asked for, {now:?} is now", before.floor);
        if between { None } else { stale(format!("is told that {partition} starts from {found:?}"), against) }
    }

    /// The list of the members. `registered`: what is known of a node.
    pub fn members_as(
        &self,
        told: &v1::MembersResponse,
        before: Before,
        registered: fn(u8) -> Option<Registered>,
    ) -> Wrong {
        if self.is_anew(before) {
            return None;
        }
        let index = Index(told.index);
        if index < before.committed {
            let against = format!("{} was committed before it was asked for", before.committed);
            return stale(format!("is told the members as of {index}"), against);
        }
        let mut found: Vec<_> =
            told.members.iter().map(|member| (member.node, member.directory, member.voter)).collect();
        found.sort_unstable();
        let (_, now) = self.nodes().find(|(_, now)| now.node.commit() == index)?;
        let members = now.node.applied().configuration().members();
        let mut wanted: Vec<_> = members
            .iter()
            .map(|member| {
                let voter = member.role == cutover::core::raft::MemberRole::Voter;
                (u32::from(member.peer.node.0), member.peer.directory.0, voter)
            })
            .collect();
        wanted.sort_unstable();
        if found != wanted {
            return stale(
                format!("is told the members {found:?} as of {index}"),
                format!("the log says {wanted:?}"),
            );
        }
        told.members.iter().find_map(|member| {
            let known = registered(u8::try_from(member.node).ok()?)?;
            let text = known.endpoints.client.map(|address| address.to_string()).unwrap_or_default();
            let right = member.identity == known.identity.to_string() && member.client_address == text;
            (!right).then(|| {
                let found = format!(
                    "is told that n{} is {} at {}",
                    member.node, member.identity, member.client_address
                );
                (Id::ReadLinearizable.entry().id, found, format!("it is {} at {text}", known.identity))
            })
        })
    }

    /// A backup holds everything that was committed when it was asked for.
    pub fn backup(&self, applied: &Applied<ControlPlaneState>, before: Before) -> Wrong {
        if self.is_anew(before) || applied.history() != self.history() {
            return None;
        }
        let (last, table) = (applied.last().index, self.table());
        if last < before.committed {
            let against = format!("{} was committed before it was asked for", before.committed);
            return stale(format!("has a backup up to {last}"), against);
        }
        let same = if table.through() == last {
            applied.machine().table() == table.state().table()
                && applied.machine().directory() == table.state().directory()
        } else {
            records(applied, table, Revision(last.0))
        };
        let sessions = self.nodes().find(|(_, now)| now.node.applied().last() == applied.last());
        let known = sessions.is_none_or(|(_, now)| now.node.applied().sessions() == applied.sessions());
        let found = format!("has a backup up to {last} with {:?}", applied.machine().table());
        if same && known { None } else { stale(found, format!("the log makes {:?}", table.state().table())) }
    }

    /// An answer that has all that was committed rests on a read that the node's machine took after the question. What the node has published
    /// may be just as new by chance.
    pub fn rests_on_a_read(&self, node: u8, asked_ns: u64) -> Wrong {
        let last = self.read.get(&node).copied();
        if last.is_some_and(|at| at >= asked_ns) {
            return None;
        }
        let last = last.map_or("none".to_owned(), |at| format!("the last one at {at} ns"));
        stale(
            format!("is answered by n{node}, asked at {asked_ns} ns"),
            format!("of reads its machine took {last}"),
        )
    }

    /// A plan names a state that the partition had while it was asked for.
    pub fn plan(&self, partition: PartitionId, told: &v1::PlanResponse, before: Before) -> Wrong {
        let (from, expected) = (self.committed_before(before.moment), told.expected?);
        if self.is_anew(before) {
            return None;
        }
        let table = self.table();
        let later = table.changes().iter().rev().take_while(|change| change.revision > from);
        let later =
            later.filter(|change| change.partition == partition).filter_map(|change| change.record.clone());
        let mut all = table.record_at(partition, from).into_iter().chain(later);
        let fits =
            all.any(|record| (record.migration.0, record.epoch.0) == (expected.migration, expected.epoch));
        let found = format!("plans for {partition} from {expected:?}");
        if fits { None } else { stale(found, format!("it was not so from {from} on")) }
    }

    /// The audit lists every entry after an index that asks for it.
    pub fn audit(&self, after: Index, told: &v1::AuditResponse, before: Before) -> Wrong {
        let (from, table) = (self.committed_before(before.moment), self.table());
        if self.is_anew(before) || told.more {
            return None;
        }
        let found: Vec<u64> = told.entries.iter().map(|entry| entry.index).collect();
        let wanted: Vec<u64> = table.state().audit().after(after).map(|entry| entry.index.0).collect();
        let all = wanted.get(..found.len()) == Some(&found[..]);
        let fresh = wanted.get(found.len()).is_none_or(|missing| *missing > from.0);
        let said = format!("is told of {found:?} after {after}");
        if all && fresh { None } else { stale(said, format!("the log has {wanted:?}")) }
    }

    /// Whether a node was in contact with a leader at some moment since then, be it in an earlier start.
    #[must_use]
    pub fn was_led(&self, machine: u8, since_ns: u64) -> bool {
        self.led.get(&machine).is_some_and(|at| *at >= since_ns)
    }

    /// A node's machine as it is now, if the judge follows that machine.
    #[must_use]
    pub fn look(&self, machine: u8) -> Option<Look> {
        let now = self.hosts.get(&self.id(machine)).filter(|_| member_of(machine) == machine)?;
        let (node, me) = (now.engine.node(), now.me());
        let (members, state) = (node.configuration(), node.applied().machine());
        Some(Look {
            history: node.history(),
            role: node.role(),
            term: node.hard_state().term,
            leader: node.leader().map(|peer| peer.node.0),
            commit: node.commit(),
            last: node.log().last().index,
            durable: node.stable(),
            snapshot: node.snapshot().last.index,
            revision: state.revision(),
            counts: (
                state.table().partitions(),
                state.table().migrations_in_flight(),
                u32::try_from(node.applied().sessions().ids().count()).unwrap_or(u32::MAX),
            ),
            outside: node.history() == HistoryId::NONE
                || !(members.members().is_empty() || members.is_member(me)),
        })
    }
}

/// Whether a backup has the records of the table at a revision.
fn records(applied: &Applied<ControlPlaneState>, table: &Table, revision: Revision) -> bool {
    let all = table.all_at(revision);
    let wanted = all.values().filter_map(|change| change.record.as_ref());
    applied.machine().table().records().eq(wanted)
}

impl Look {
    /// The leader that the node knows.
    #[must_use]
    pub const fn leader(&self) -> Option<u8> {
        self.leader
    }

    /// The term of the node.
    #[must_use]
    pub const fn term(&self) -> Term {
        self.term
    }

    /// Compares a status with the machine before and after it was given.
    #[must_use]
    pub fn told(&self, after: &Self, told: &v1::StatusResponse) -> Option<(String, String)> {
        let found = Self {
            history: HistoryId(told.history),
            role: match told.role() {
                v1::Role::Leader => RoleName::Leader,
                v1::Role::Candidate => RoleName::Candidate,
                v1::Role::PreCandidate => RoleName::PreCandidate,
                v1::Role::Follower | v1::Role::Unspecified => RoleName::Follower,
            },
            term: Term(told.term),
            leader: told.leader.as_ref().and_then(|hint| u8::try_from(hint.node).ok()),
            commit: Index(told.commit),
            last: Index(told.last_index),
            durable: Index(told.durable_index),
            snapshot: Index(told.snapshot_index),
            revision: Revision(told.revision),
            counts: (told.partitions, told.migrations_in_flight, told.sessions),
            outside: !told.outside.is_empty(),
        };
        let grows = |from: u64, at: u64, to: u64| from <= at && at <= to;
        let between = grows(self.term.0, found.term.0, after.term.0)
            && grows(self.commit.0, found.commit.0, after.commit.0)
            && grows(self.revision.0, found.revision.0, after.revision.0)
            && grows(self.snapshot.0, found.snapshot.0, after.snapshot.0);
        // The leader is told by its address, which a node may not know.
        let same = Self { leader: self.leader, ..found.clone() } == *self
            && found.leader.is_none_or(|leader| Some(leader) == self.leader);
        let right = between && (self != after || same);
        (!right)
            .then(|| (format!("is told {found:?}"), format!("it was {self:?} before and {after:?} after")))
    }
}
