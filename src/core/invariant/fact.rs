//! What happens in a run, as the invariants see it.

use crate::core::fence::{
    CatchUpEvidence, Chunk, Dropped, Durable, Fence, Prepared, Request, SealReceipt, WatermarkReading, Write,
};
use crate::core::gate::Consistency;
use crate::core::ids::{Epoch, MigrationId, Placement, WriteId};
use crate::core::migration::{Command, MigrationError, PartitionRecord};
use crate::core::placement::Resolution;

/// A sink at one moment: its machine and data, and what of both is durable.
#[derive(Clone, Copy, Debug)]
pub struct SinkNow<'a> {
    /// The machine.
    pub fence: &'a Fence,
    /// Write ids by position.
    pub data: &'a [WriteId],
    /// What a crash leaves of the machine.
    pub durable: &'a Durable,
    /// What a crash leaves of the data.
    pub durable_data: &'a [WriteId],
}

/// A step of one sink, before and after.
#[derive(Clone, Copy, Debug)]
pub struct SinkStep<'a> {
    /// The request that caused it; `None` for a crash.
    pub request: Option<&'a Request>,
    /// Before.
    pub before: SinkNow<'a>,
    /// After.
    pub after: SinkNow<'a>,
    /// The committed record.
    pub record: Option<&'a PartitionRecord>,
}

/// A run of writes that a sink handed out, or took.
pub type Copied<'a> = &'a Chunk;

/// A read that was answered.
#[derive(Clone, Copy, Debug)]
pub struct ReadServed<'a> {
    /// The reader, for strong reads.
    pub reader: u8,
    /// What was asked for.
    pub consistency: Consistency,
    /// The committed state that the reader resolved.
    pub resolved: &'a PartitionRecord,
    /// What the read carried.
    pub token: Epoch,
    /// The sink that answered.
    pub store: Placement,
    /// The copy that it answered from.
    pub copy: MigrationId,
    /// The sink's fences at that moment.
    pub fences: &'a Durable,
    /// The newest write that it saw.
    pub value: Option<WriteId>,
}

/// What a sink states.
#[derive(Clone, Copy, Debug)]
pub enum Statement<'a> {
    /// Ready for a copy.
    Prepared(&'a Prepared),
    /// Sealed.
    Sealed(&'a SealReceipt),
    /// Caught up to a position.
    Evidence(&'a CatchUpEvidence),
    /// Writes reach a position.
    Watermark(&'a WatermarkReading),
    /// Erased.
    Dropped(&'a Dropped),
    /// A write has taken effect.
    Applied(Write),
    /// Writes for the mover.
    Handed(Copied<'a>),
    /// The newest write, to a reader.
    Read(Option<WriteId>),
}

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub enum Fact<'a> {
    /// The log decided on a command.
    Decided {
        /// The record before.
        before: Option<&'a PartitionRecord>,
        /// The command.
        command: &'a Command,
        /// The partition's new epoch, or why it was refused.
        outcome: Result<Epoch, MigrationError>,
        /// The record after.
        after: Option<&'a PartitionRecord>,
        /// Write ids at the old and the new read placement, as they lie there.
        data: (&'a [WriteId], &'a [WriteId]),
    },
    /// Under `timed`: a controller has waited long enough in the cutover that is committed now.
    Waited(&'a PartitionRecord),
    /// A node resolved the partition from this committed record.
    Resolved(&'a PartitionRecord, &'a Resolution),
    /// A gate let a write out.
    Admitted {
        /// The view it was given.
        view: &'a Resolution,
        /// What the write carries.
        token: Epoch,
        /// Where it goes.
        store: Placement,
    },
    /// A client asks for a write.
    WriteInvoked(WriteId),
    /// A client asks for a strong read.
    ReadInvoked(u8),
    /// A sink applied a client write.
    Wrote {
        /// The sink.
        store: Placement,
        /// The write.
        write: Write,
        /// The sink's fences at that moment.
        fences: &'a Durable,
        /// The committed record.
        record: Option<&'a PartitionRecord>,
    },
    /// A client has its acknowledgement.
    Acknowledged(WriteId),
    /// A read was answered.
    ReadServed(ReadServed<'a>),
    /// A sink took a step.
    SinkStepped(SinkStep<'a>),
    /// A sink's statement left it; it was made of this copy, or of a store whose newest copy this was.
    Stated(Statement<'a>, MigrationId, SinkNow<'a>),
    /// The run stands here.
    Now(Option<&'a PartitionRecord>, &'a [SinkNow<'a>]),
}
