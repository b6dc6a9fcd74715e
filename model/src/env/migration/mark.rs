//! Situations that a scope may require its search to reach. Without them a pass proves nothing: a model that can do
//! nothing violates nothing.

cutover::core::marks! {
    /// A situation in a migration.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[repr(u8)]
    pub enum Mark {
        Completed "a migration completed",
        SealThenAbort "an abort after a seal",
        ThereAndBack "moved there and back",
        ThereAgain "moved there, back and there again",
        SealRefusedThenApplied "a write refused by the seal, then applied at the target",
        RetryOnceAcross "a retry applied once across the move",
        DuplicateAcknowledged "a repeated write acknowledged, not applied again",
        LateMoverRefused "a late mover refused",
        StaleControllerRefused "a stale controller refused",
        StaleCacheRefused "a stale cache refused by the sink",
        GapRefused "a chunk that does not go on where the copy is refused",
        RefusedAtApply "a write admitted, then refused when its turn came",
        CrashLost "a crash took back what was not synced",
        Forced "a forced completion",
        ForcedBack "forced there and back",
        LeftBehind "a write left behind by a forced move",
        Settled "a forced move settled",
        Dropped "an old copy dropped",
        Forgotten "an old copy forgotten",
        Deleted "a partition deleted",
        CreatedAgain "a partition created again",
        ReadAtTarget "a strong read served at the target",
        StaleReadServed "a stale read served",
        StaleReadRefused "a stale read refused",
        Wiped "a sink came back empty",
        OtherIncarnation "a statement of another incarnation refused",
        WriteForgotten "a retry too old to be told from a new write refused",
        WrongStoreRefused "a request at the wrong store refused",
        Waited "a wait ended",
        WaitLost "a wait lost with its controller",
        Expired "a write that missed its time",
        Restarted "a gateway restarted with a write under way",
        TakenOver "all controllers replaced, and what they were told lost",
        Restored "a log restored from an earlier state, with the flip or the abort of a migration lost",
        Resumed "a migration resumed after a restore",
        KeptSource "a source that kept its partition after a restore",
        AcceptedTarget "a target that kept its partition after a restore",
        InParts "a copy made of more than one chunk",
        ChangedBelow "a change taken for a row that was copied before",
        KeptCopy "a copy gone on with after an abort",
        Stuck "a copy that could not go on",
        Ended "a copy that was told to take no more chunks",
        ForcedPart "a partition forced to a part of a copy",
        Damaged "a chunk that lost something on the way",
        DigestRefused "a migration aborted because digests differ",
        DiffersRefused "a conditional write refused",
        GateSent "a write let out by the gate over a watched table",
        GateRefused "a write sent back by the gate over a watched table, to be resolved",
    }
}

impl From<Mark> for &'static str {
    fn from(mark: Mark) -> Self {
        mark.text()
    }
}
