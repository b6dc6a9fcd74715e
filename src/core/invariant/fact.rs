//! The facts about a migration's run on which the migration invariants are judged.

use crate::core::fence::{
    CatchUpEvidence, Chunk, Contents, Dropped, Durable, Ended, Fence, Key, Prepared, Request, Row,
    SealReceipt, WatermarkReading, Write,
};
use crate::core::gate::Consistency;
use crate::core::ids::{Epoch, MigrationId, Placement, Position, WriteId};
use crate::core::migration::{Command, MigrationError, PartitionRecord};
use crate::core::placement::Resolution;

/// A sink at one moment: its fence and data, each as in memory and as on disk.
#[derive(Clone, Copy, Debug)]
pub struct SinkNow<'a> {
    /// The fence, as in memory.
    pub fence: &'a Fence,
    /// The rows and changes, as in memory.
    pub data: &'a Contents,
    /// The fence's durable state, which a crash leaves.
    pub durable: &'a Durable,
    /// The durable rows and changes.
    pub durable_data: &'a Contents,
}

/// A step of one sink, before and after.
#[derive(Clone, Copy, Debug)]
pub struct SinkStep<'a> {
    /// The request that caused the step; `None` for a crash.
    pub request: Option<&'a Request>,
    /// The sink before the step.
    pub before: SinkNow<'a>,
    /// The sink after the step.
    pub after: SinkNow<'a>,
    /// The committed record at that moment.
    pub record: Option<&'a PartitionRecord>,
}

/// A read that a sink answered.
#[derive(Clone, Copy, Debug)]
pub struct ReadServed<'a> {
    /// The reader's number; only strong reads are followed by it.
    pub reader: u8,
    /// The consistency that the reader requested.
    pub consistency: Consistency,
    /// The committed state that the reader resolved.
    pub resolved: &'a PartitionRecord,
    /// The token of the read.
    pub token: Epoch,
    /// The sink that served the read.
    pub store: Placement,
    /// The copy that the sink read the value from.
    pub copy: MigrationId,
    /// The sink's fences at that moment.
    pub fences: &'a Durable,
    /// The key of the row.
    pub key: &'a Key,
    /// The row whose value was returned; `None`: there is none.
    pub value: Option<&'a Row>,
}

/// A statement of a sink, or data that left it.
#[derive(Clone, Copy, Debug)]
pub enum Statement<'a> {
    /// The sink is prepared for a copy.
    Prepared(&'a Prepared),
    /// The sink is sealed.
    Sealed(&'a SealReceipt),
    /// The sink's copy has caught up to a position.
    Evidence(&'a CatchUpEvidence),
    /// The sink's writes reach a position.
    Watermark(&'a WatermarkReading),
    /// The sink dropped a copy.
    Dropped(&'a Dropped),
    /// The sink takes no more chunks.
    Ended(&'a Ended),
    /// A write has taken effect.
    Applied(&'a Write),
    /// The sink sent a chunk to the mover.
    Handed(&'a Chunk),
    /// The sink showed a row, or that there is none, as of this position.
    Read(Position),
}

/// A fact about a migration's run.
#[derive(Clone, Copy, Debug)]
pub enum Fact<'a> {
    /// A command was applied or refused.
    Decided {
        /// The record before the command.
        before: Option<&'a PartitionRecord>,
        /// The command that was committed.
        command: &'a Command,
        /// The partition's new epoch, or why the command was refused.
        outcome: Result<Epoch, MigrationError>,
        /// The record after the command.
        after: Option<&'a PartitionRecord>,
        /// The store of the new read placement.
        owner: Option<SinkNow<'a>>,
    },
    /// Everything that was committed after this record is lost: the log goes on from it, in a recovered cluster.
    Recovered(Option<&'a PartitionRecord>),
    /// Under `timed`: a controller's wait in the cutover of this record has ended.
    Waited(&'a PartitionRecord),
    /// A node resolved the partition from this committed record.
    Resolved(&'a PartitionRecord, &'a Resolution),
    /// A gate admitted a write.
    Admitted {
        /// The resolution that the gate used.
        view: &'a Resolution,
        /// The token of the write.
        token: Epoch,
        /// The sink that the write is sent to.
        store: Placement,
    },
    /// A client invoked a write.
    WriteInvoked(WriteId),
    /// A client invoked a strong read.
    ReadInvoked(u8),
    /// A sink applied a client write.
    Wrote {
        /// The sink that applied the write.
        store: Placement,
        /// The id and token of the write.
        write: &'a Write,
        /// The sink's fences at that moment.
        fences: &'a Durable,
        /// The committed record at that moment; `None` if the partition has none.
        record: Option<&'a PartitionRecord>,
    },
    /// A client received the acknowledgement of a write.
    Acknowledged(WriteId),
    /// A sink answered a read.
    ReadServed(ReadServed<'a>),
    /// A sink handled a request or crashed.
    SinkStepped(SinkStep<'a>),
    /// A sink sent a statement, about this copy or by a sink whose newest copy this was.
    Stated(Statement<'a>, MigrationId, SinkNow<'a>),
    /// The record and all sinks after a step.
    Now(Option<&'a PartitionRecord>, &'a [SinkNow<'a>]),
}
