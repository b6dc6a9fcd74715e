//! The registry of invariants: their ids, claims and sources. Machines name them in [`enforce!`](crate::enforce), the
//! monitors of `core::invariant` judge them.
//!
//! May import: nothing.

use core::fmt;

/// What must be known to judge an invariant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JudgedBy {
    /// The steps of one node or sink, by its machine: it halts at a place where it [enforces](crate::enforce) the invariant.
    Node,
    /// The steps of one node or sink and its disk, by an observer beside it. The machine does not see its disk, or a check in
    /// it could only repeat the comparison that decides.
    Observer,
    /// The types of the protocol, by the compiler.
    Compiler,
    /// The states of several nodes at one moment.
    Cluster,
    /// The whole run up to now.
    History,
    /// The ways that lead on from a state with no further fault: it is a goal that something can still happen.
    Ways,
}

/// An entry of the registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Invariant {
    /// The stable name, such as `raft.log-matching`. Its prefix selects the environments that judge it.
    pub id: &'static str,
    /// The claim, in one sentence.
    pub claim: &'static str,
    /// The paper, bug or design that the invariant comes from.
    pub source: &'static str,
    /// What must be known to judge the invariant.
    pub scope: JudgedBy,
}

impl Invariant {
    /// An invariant that is judged on several nodes at one moment.
    #[must_use]
    pub const fn new(id: &'static str, claim: &'static str, source: &'static str) -> Self {
        Self { id, claim, source, scope: JudgedBy::Cluster }
    }
}

macro_rules! registry {
    ($($name:ident $scope:ident $id:literal $claim:literal $source:literal)*) => {
        /// The id of an invariant.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Id { $(#[doc = $claim] $name,)* }

        /// All invariants, in the order of [`Id`].
        pub const REGISTRY: &[Invariant] = &[
            $(Invariant { id: $id, claim: $claim, source: $source, scope: JudgedBy::$scope },)*
        ];

        impl Id {
            /// All ids, in the order of the registry.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The invariant's entry in the registry.
            #[must_use]
            pub const fn entry(self) -> &'static Invariant {
                match self {
                    $(Self::$name => &Invariant { id: $id, claim: $claim, source: $source, scope: JudgedBy::$scope },)*
                }
            }
        }
    };
}

registry! {
    SingleReadPlacement Cluster "migration.single-read-placement"
        "At each committed revision every node resolves reads to the same single placement, and only that sink serves strong reads with that revision's token."
        "osproxy docs/06 INV-M4"
    NoCommitInCutover Cluster "migration.no-commit-in-cutover"
        "No sink applies a client write while the committed phase is Cutover; under `timed`, none after the wait has ended."
        "osproxy docs/06 INV-M1"
    CommitAtOwnerOnly Cluster "migration.commit-at-owner-only"
        "A client write is applied only at the committed write placement, with a token of the current ownership period."
        "osproxy docs/06 INV-M2"
    NoAdmitStale Observer "migration.no-admit-stale"
        "The gate admits neither in cutover nor at an epoch other than that of the view it was given."
        "osproxy docs/06 section 2"
    NoLostWrite History "migration.no-lost-write"
        "The id of every acknowledged write is in the applied history of the read placement."
        "vitess#6951, SERVER-26885"
    CleanAbort History "migration.clean-abort"
        "After an abort no read, a stale one included, is served from the discarded copy."
        "citus#6580"
    EpochMonotone History "migration.epoch-monotone"
        "A partition's epoch rises with every change of its placement, and no migration id is used twice."
        "KIP-903, cockroach#134116"
    Cas Cluster "migration.cas"
        "A transition applies only against the state that it and its statements name, and a refused one changes nothing."
        "reddb recover_interrupted_move"
    StaleControllerHarmless Cluster "migration.stale-controller-harmless"
        "No request of a controller takes from the present owner a read or write that its epoch allows, except the seal of the migration in flight, once the record says that it may block writes."
        "foundationdb#1821, kvrocks-controller#268"
    StaleMoverHarmless Cluster "migration.stale-mover-harmless"
        "No chunk changes the copy that serves reads."
        "SERVER-27941, ADR 0012"
    DebtKept Cluster "migration.debt-kept"
        "As long as the source of a forced move may acknowledge writes, the record says so."
        "reddb ownership_force"
    CopyKnown Cluster "migration.copy-known"
        "The record names each copy that a store has: as the owner's, as the target's of the migration in flight, or as one to be dropped."
        "citus#6580"
    FenceMonotone History "sink.fence-monotone"
        "A sink's fences and its newest migration id never go back: not by a reset, a drop, a crash or a failover."
        "bookkeeper#2614"
    FenceNotAhead Cluster "sink.fence-not-ahead"
        "No fence exceeds the committed epoch."
        "kvrocks-controller#268"
    FenceRespected Observer "sink.fence-respected"
        "A sink applies no write and serves no read whose token its fences refuse."
        "cockroach#10414"
    StatementDurable Observer "sink.statement-durable"
        "What a sink has stated, a crash does not take back."
        "SERVER-78414, bookkeeper#1591"
    ApplyOnce Node "sink.apply-once"
        "A write id is applied at most once in a copy."
        "akka-raft#64, fluree/db#1716"
    Prefix Cluster "sink.prefix"
        "Until its flip, a copy is a gap-free prefix of its source's durable history."
        "SERVER-78414, Jepsen Dgraph 1.1.1"
    Linearizable History "history.linearizable"
        "Strong reads and writes of a key are linearizable, across moves; judged until a force."
        "Herlihy and Wing 1990; Jepsen Dgraph 1.1.1"
    ElectionSafety Cluster "raft.election-safety"
        "At most one node leads in a term."
        "Raft, figure 3; SandTable, Xraft election_safety"
    LogMatching Cluster "raft.log-matching"
        "Two logs that have an entry of the same index and term are equal up to there."
        "Raft, figure 3 and section 5.3"
    LeaderCompleteness Cluster "raft.leader-completeness"
        "What was committed in a term is in the log of every leader of a higher term, and of every node that could be elected to one as things stand."
        "Raft, figure 3 and section 5.4; logcabin issue 44"
    StateMachineSafety Cluster "raft.state-machine-safety"
        "What is committed at an index is the same everywhere and for ever, is on the disks of a quorum when it is first told, and nodes that have applied the same prefix are in the same state."
        "Raft, figure 3; etcd v3.5 post-mortem; yugabyte issue 32875"
    VoteDurable Cluster "raft.vote-durable"
        "A node tells no second vote in a term, across restarts."
        "Raft, figure 2; ongardie/raft.tla pull request 5"
    Monotone Cluster "raft.monotone"
        "The term that a node speaks in never goes back, restarts included; its commit not within one run, and what a leader knows a follower to have not within a term."
        "ongardie/raft.tla pull requests 18 and 19"
    QuorumOverlap Cluster "raft.quorum-overlap"
        "In any log at most one configuration lies above what is committed, and every quorum of each configuration meets every quorum of the next."
        "Ongaro 2015, raft-dev; thesis, section 4.1"
    ReadLinearizable History "raft.read-linearizable"
        "A read that is served sees everything that was committed when it came in."
        "thesis, section 6.4; etcd issues 7331 and 20418"
    RetryOnce History "raft.apply-once"
        "A request of a session is applied at one index at most."
        "thesis, section 6.3; akka-raft issue 64"
    CallTruthful History "raft.call-truthful"
        "What the client of a call is told is so: a request that is done was applied, one that is not done never will be, and one without a ticket is committed once at most."
        "thesis, section 6.3; the retry rule of `core::retry`"
    OutsiderHarmless Cluster "raft.outsider-harmless"
        "A message of a node that the receiver's committed log shows to be no member, removed since or never admitted, changes nothing at the receiver."
        "thesis, section 4.2.3"
    TermBounded Cluster "raft.term-bounded"
        "No message moves a node's term further ahead than its limits allow: terms advance by elections, and the last one ends all elections."
        "the limit `term_leap_max`"
    VotersOnly Cluster "raft.voters-only"
        "Only voters count, and only voters are asked to lead: whoever leads has the votes of a quorum of them on their disks; a leader goes on after a quorum check, and (asked in walks) confirms a read, by their answers alone; it hands over to one of them."
        "Raft 5.2; thesis, sections 3.10, 4.2.1, 6.2 and 6.4"
    RefusalsTrue Observer "raft.refusals-true"
        "A request that a node refuses changes nothing there, sends and answers nothing, and the reason is so: it does not lead, it has committed nothing in its term, its limit is reached."
        "cutover: a caller that is told `not taken` goes elsewhere, or gives up"
    Undisturbed Observer "raft.undisturbed"
        "A campaign that a leader has not asked for changes nothing at that leader, nor at a node that is in contact with it (asked in walks)."
        "thesis, sections 4.2.3 and 9.6; the feature `stable`"
    CampaignAnswered Observer "raft.campaign-answered"
        "A node that hears from no leader answers a member that campaigns; only a vote that it gives puts off its own campaign (asked in walks)."
        "Ongaro and Ousterhout, section 5.2"
    HandsOver Observer "raft.hands-over"
        "A leader that is asked to hand over begins to: to the voter that is named, or to one that answers; it asks a voter that has its whole log to stand at once (asked in walks)."
        "thesis, section 3.10"
    ConfigurationLogged Observer "raft.configuration-logged"
        "The configurations that a node has beside the committed one are those of the entries in its log."
        "thesis, section 4.1: a configuration whose entry is removed counts no more"
    MembersKnown Observer "raft.members-known"
        "A node knows certificate and addresses of every member of every configuration that it has (asked in walks)."
        "thesis, section 4.1: a configuration counts from the moment at which it is in the log"
    ForcedAudited Observer "raft.forced-audited"
        "A change of the members that an operator forced is in the audit as soon as it is applied (asked in walks)."
        "cutover: who took responsibility for what, and when"
    DiskAgrees Observer "raft.disk-agrees-with-its-reference"
        "What a node's disk holds after a write and after a crash is what the rules of a node's disk make of its batches, and nothing leaves the node that promises more (asked in walks)."
        "`docs/protocol.md`, rules D"
    IdsOnce Observer "raft.ids-once"
        "An engine gives out no id of a read or a proposal twice while it runs (asked in walks)."
        "cutover: what waits is found by its id"
    NoUserData Compiler "raft.no-user-data"
        "No entry of the log can hold user data: there is no type for it."
        "the published control-plane boundary"
}

impl Id {
    /// The id's bit in a set.
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << (self as u8)
    }

    /// The id with this name in the registry; `None` if there is none.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|candidate| candidate.entry().id == id)
    }

    /// The ids in a set, in the order of the registry.
    pub fn in_set(bits: u64) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |id| bits & id.bit() != 0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().id)
    }
}

/// A set of ids has a bit for each.
const _: () = assert!(Id::ALL.len() <= 64, "wider sets are needed");
