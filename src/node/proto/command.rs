//! Conversions of transitions and their parts between protobuf messages and the types of the protocol.

use super::digest::{abort_reason, abort_reason_of, digest, digest_of};
use super::v1::{self, apply_request::Transition as Wire, partition_ref::By};
use crate::core::control_plane::{AddressError, NameError, PartitionName, StoreValueError};
use crate::core::fence::{
    CatchUpEvidence, Claim, Dropped, Ended, MutationError, Prepared, SealReceipt, StatementOrigin,
    WatermarkReading,
};
use crate::core::ids::{
    Epoch, HistoryId, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId,
};
use crate::core::migration::{Expected, Operator, Reason, Release, Settlement, TextError, Transition};
use crate::core::placement::Guarantee;
use crate::core::raft::Ticket;
use thiserror::Error;

/// Why a message of a client is not a valid request. The call fails with `INVALID_ARGUMENT`.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Malformed {
    /// A required field is not set.
    #[error("{field} is missing")]
    Missing {
        /// The path of the field, such as `expected`.
        field: &'static str,
    },
    /// A number exceeds the range of the protocol's type.
    #[error("{field} is {found}, at most {max} is allowed")]
    TooLarge {
        /// The path of the field.
        field: &'static str,
        /// The number in the message.
        found: u64,
        /// The largest number allowed.
        max: u64,
    },
    /// The name of the partition is empty, too long, or has a forbidden character.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A text or a list of a store is too long, or has a forbidden character.
    #[error(transparent)]
    Store(#[from] StoreValueError),
    /// A text is not an address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A key, a value or a write exceeds a limit.
    #[error(transparent)]
    Mutation(#[from] MutationError),
    /// The operator's name or the reason is empty or too long.
    #[error(transparent)]
    Text(#[from] TextError),
}

/// A reference to a partition in a request: by number or by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PartitionSelector {
    /// The number that the log gave the partition.
    Id(PartitionId),
    /// The name, which the node resolves to a number.
    Name(PartitionName),
}

impl core::fmt::Display for PartitionSelector {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => write!(f, "{name}"),
        }
    }
}

pub(super) fn need<T>(field: &'static str, value: Option<T>) -> Result<T, Malformed> {
    value.ok_or(Malformed::Missing { field })
}

impl TryFrom<Option<v1::PartitionRef>> for PartitionSelector {
    type Error = Malformed;

    fn try_from(wire: Option<v1::PartitionRef>) -> Result<Self, Malformed> {
        match need("partition", wire.and_then(|wire| wire.by))? {
            By::Id(id) => Ok(Self::Id(PartitionId(id))),
            By::Name(name) => Ok(Self::Name(PartitionName::try_from(name)?)),
        }
    }
}

impl From<PartitionSelector> for v1::PartitionRef {
    fn from(asked: PartitionSelector) -> Self {
        Self {
            by: Some(match asked {
                PartitionSelector::Id(id) => By::Id(id.0),
                PartitionSelector::Name(name) => By::Name(name.into()),
            }),
        }
    }
}

impl From<v1::Ticket> for Ticket {
    fn from(wire: v1::Ticket) -> Self {
        let (session, serial) = (SessionId(wire.session), Serial(wire.serial));
        Self { session, serial, acknowledged_through: Serial(wire.acknowledged_through) }
    }
}

impl v1::Ticket {
    /// The ticket of a session that was opened in this history.
    #[must_use]
    pub const fn of(ticket: Ticket, history: HistoryId) -> Self {
        Self {
            session: ticket.session.0,
            serial: ticket.serial.0,
            acknowledged_through: ticket.acknowledged_through.0,
            history: history.0,
        }
    }
}

/// Converts a guarantee; an unspecified one is an error.
pub(crate) fn guarantee(found: i32) -> Result<Guarantee, Malformed> {
    match v1::Guarantee::try_from(found) {
        Ok(v1::Guarantee::Sealed) => Ok(Guarantee::Sealed),
        Ok(v1::Guarantee::Timed) => Ok(Guarantee::Timed),
        Ok(v1::Guarantee::Unspecified) | Err(_) => Err(Malformed::Missing { field: "guarantee" }),
    }
}

pub(super) fn expected(wire: Option<v1::Expected>) -> Result<Expected, Malformed> {
    let wire = need("expected", wire)?;
    Ok(Expected { migration: MigrationId(wire.migration), epoch: Epoch(wire.epoch) })
}

impl From<Expected> for v1::Expected {
    fn from(expected: Expected) -> Self {
        Self { migration: expected.migration.0, epoch: expected.epoch.0 }
    }
}

fn origin(wire: Option<v1::StatementOrigin>) -> Result<StatementOrigin, Malformed> {
    let wire = need("origin", wire)?;
    let (partition, incarnation) = (PartitionId(wire.partition), Incarnation(wire.incarnation));
    Ok(StatementOrigin { store: Placement(wire.store), partition, incarnation })
}

impl From<StatementOrigin> for v1::StatementOrigin {
    fn from(origin: StatementOrigin) -> Self {
        Self { store: origin.store.0, partition: origin.partition.0, incarnation: origin.incarnation.0 }
    }
}

macro_rules! statement {
    ($name:ident, $missing:literal { $($field:ident $wire:ident $make:expr, $back:expr;)* }) => {
        impl TryFrom<Option<v1::$name>> for Claim<$name> {
            type Error = Malformed;

            fn try_from(wire: Option<v1::$name>) -> Result<Self, Malformed> {
                let wire = need($missing, wire)?;
                Ok($name::reported(origin(wire.origin)?, $($make(wire.$wire),)*).into())
            }
        }

        impl From<Claim<$name>> for v1::$name {
            fn from(statement: Claim<$name>) -> Self {
                Self { origin: Some(statement.origin().into()), $($wire: $back(statement.$field()),)* }
            }
        }
    };
}

const fn same(value: bool) -> bool {
    value
}

statement!(Prepared, "prepared" {
    migration migration MigrationId, |id: MigrationId| id.0;
    closed_through closed_through Epoch, |epoch: Epoch| epoch.0;
    enforces enforces same, same;
    finished finished same, same;
});
statement!(SealReceipt, "receipt" {
    migration migration MigrationId, |id: MigrationId| id.0;
    through through Epoch, |epoch: Epoch| epoch.0;
    watermark watermark Position, |position: Position| position.0;
    digest digest digest, digest_of;
    target target_incarnation Incarnation, |incarnation: Incarnation| incarnation.0;
});
statement!(CatchUpEvidence, "evidence" {
    migration migration MigrationId, |id: MigrationId| id.0;
    epoch epoch Epoch, |epoch: Epoch| epoch.0;
    position position Position, |position: Position| position.0;
    digest digest digest, digest_of;
    enforces enforces same, same;
});
statement!(WatermarkReading, "reading" {
    migration migration MigrationId, |id: MigrationId| id.0;
    epoch epoch Epoch, |epoch: Epoch| epoch.0;
    position position Position, |position: Position| position.0;
    digest digest digest, digest_of;
    sealed_through sealed_through Epoch, |epoch: Epoch| epoch.0;
});
statement!(Ended, "ended" {
    migration migration MigrationId, |id: MigrationId| id.0;
    epoch epoch Epoch, |epoch: Epoch| epoch.0;
    position position Position, |position: Position| position.0;
    complete complete same, same;
    enforces enforces same, same;
});
statement!(Dropped, "dropped" {
    copy copy MigrationId, |id: MigrationId| id.0;
});

impl TryFrom<Wire> for Transition {
    type Error = Malformed;

    fn try_from(wire: Wire) -> Result<Self, Malformed> {
        Ok(match wire {
            Wire::Create(v1::Create { placement: at, guarantee: kind }) => {
                Self::Create { placement: Placement(at), guarantee: guarantee(kind)? }
            }
            Wire::Open(open) => {
                Self::Open { expected: expected(open.expected)?, prepared: open.prepared.try_into()? }
            }
            Wire::Begin(begin) => {
                Self::Begin { expected: expected(begin.expected)?, to: Placement(begin.to) }
            }
            Wire::EnterCutover(enter) => {
                Self::EnterCutover { expected: expected(enter.expected)?, receipt: enter.receipt.try_into()? }
            }
            Wire::StartBlock(start) => {
                Self::StartBlock { expected: expected(start.expected)?, target: Incarnation(start.target) }
            }
            Wire::EnterTimedCutover(enter) => Self::EnterTimedCutover {
                expected: expected(enter.expected)?,
                prepared: enter.prepared.try_into()?,
            },
            Wire::RecordWatermark(record) => Self::RecordWatermark {
                expected: expected(record.expected)?,
                reading: record.reading.try_into()?,
            },
            Wire::Complete(complete) => Self::Complete {
                expected: expected(complete.expected)?,
                evidence: complete.evidence.try_into()?,
            },
            Wire::Abort(abort) => {
                Self::Abort { expected: expected(abort.expected)?, why: abort_reason(abort.reason) }
            }
            Wire::Force(force) => Self::Force {
                expected: expected(force.expected)?,
                ended: force.ended.try_into()?,
                partial: force.partial,
                operator: Operator::try_from(force.operator)?,
                reason: Reason::try_from(force.reason)?,
            },
            Wire::Settle(settle) => {
                Self::Settle { migration: MigrationId(settle.migration), proof: proof(settle.proof)? }
            }
            Wire::RetireCopy(retire) => {
                Self::RetireCopy { placement: Placement(retire.placement), copy: MigrationId(retire.copy) }
            }
            Wire::ForgetCopy(forget) => Self::ForgetCopy { dropped: forget.dropped.try_into()? },
            Wire::Delete(delete) => Self::Delete { expected: expected(delete.expected)? },
            Wire::WriteOff(off) => Self::WriteOff {
                placement: Placement(off.placement),
                copy: MigrationId(off.copy),
                operator: Operator::try_from(off.operator)?,
                reason: Reason::try_from(off.reason)?,
            },
            Wire::Release(release) => Self::Release {
                expected: expected(release.expected)?,
                how: how(release.how)?,
                operator: Operator::try_from(release.operator)?,
                reason: Reason::try_from(release.reason)?,
            },
        })
    }
}

fn how(wire: Option<v1::release::How>) -> Result<Release, Malformed> {
    Ok(match need("how", wire)? {
        v1::release::How::Resume(v1::Resume {}) => Release::Resume,
        v1::release::How::KeepSource(v1::KeepSource {}) => Release::KeepSource,
        v1::release::How::AcceptTarget(accept) => {
            Release::AcceptTarget { guarantee: guarantee(accept.guarantee)? }
        }
    })
}

fn proof(wire: Option<v1::settle::Proof>) -> Result<Settlement, Malformed> {
    Ok(match need("proof", wire)? {
        v1::settle::Proof::Sealed(receipt) => Settlement::Sealed(Some(receipt).try_into()?),
        v1::settle::Proof::Closed(prepared) => Settlement::Closed(Some(prepared).try_into()?),
        v1::settle::Proof::Dropped(dropped) => Settlement::Dropped(Some(dropped).try_into()?),
    })
}

impl From<Transition> for Wire {
    fn from(transition: Transition) -> Self {
        let some = |expected: Expected| Some(expected.into());
        match transition {
            Transition::Create { placement, guarantee } => {
                Self::Create(v1::Create { placement: placement.0, guarantee: guarantee_of(guarantee) })
            }
            Transition::Open { expected, prepared } => {
                Self::Open(v1::Open { expected: some(expected), prepared: Some(prepared.into()) })
            }
            Transition::Begin { expected, to } => {
                Self::Begin(v1::Begin { expected: some(expected), to: to.0 })
            }
            Transition::EnterCutover { expected, receipt } => Self::EnterCutover(v1::EnterCutover {
                expected: some(expected),
                receipt: Some(receipt.into()),
            }),
            Transition::StartBlock { expected, target } => {
                Self::StartBlock(v1::StartBlock { expected: some(expected), target: target.0 })
            }
            Transition::EnterTimedCutover { expected, prepared } => {
                Self::EnterTimedCutover(v1::EnterTimedCutover {
                    expected: some(expected),
                    prepared: Some(prepared.into()),
                })
            }
            Transition::RecordWatermark { expected, reading } => Self::RecordWatermark(v1::RecordWatermark {
                expected: some(expected),
                reading: Some(reading.into()),
            }),
            Transition::Complete { expected, evidence } => {
                Self::Complete(v1::Complete { expected: some(expected), evidence: Some(evidence.into()) })
            }
            Transition::Abort { expected, why } => {
                Self::Abort(v1::Abort { expected: some(expected), reason: abort_reason_of(why) })
            }
            Transition::Force { expected, ended, partial, operator, reason } => Self::Force(v1::Force {
                expected: some(expected),
                ended: Some(ended.into()),
                partial,
                operator: operator.into(),
                reason: reason.into(),
            }),
            Transition::Settle { migration, proof } => Self::Settle(v1::Settle {
                migration: migration.0,
                proof: Some(match proof {
                    Settlement::Sealed(receipt) => v1::settle::Proof::Sealed(receipt.into()),
                    Settlement::Closed(prepared) => v1::settle::Proof::Closed(prepared.into()),
                    Settlement::Dropped(dropped) => v1::settle::Proof::Dropped(dropped.into()),
                }),
            }),
            Transition::RetireCopy { placement, copy } => {
                Self::RetireCopy(v1::RetireCopy { placement: placement.0, copy: copy.0 })
            }
            Transition::ForgetCopy { dropped } => {
                Self::ForgetCopy(v1::ForgetCopy { dropped: Some(dropped.into()) })
            }
            Transition::Delete { expected } => Self::Delete(v1::Delete { expected: some(expected) }),
            Transition::WriteOff { placement, copy, operator, reason } => Self::WriteOff(v1::WriteOff {
                placement: placement.0,
                copy: copy.0,
                operator: operator.into(),
                reason: reason.into(),
            }),
            Transition::Release { expected, how, operator, reason } => Self::Release(v1::Release {
                expected: some(expected),
                how: Some(released(how)),
                operator: operator.into(),
                reason: reason.into(),
            }),
        }
    }
}

/// The protobuf number of a guarantee.
pub(crate) const fn guarantee_of(guarantee: Guarantee) -> i32 {
    match guarantee {
        Guarantee::Sealed => v1::Guarantee::Sealed as i32,
        Guarantee::Timed => v1::Guarantee::Timed as i32,
    }
}

/// The request that proposes a transition. Without a ticket it is not protected against being applied twice.
#[must_use]
pub fn request(
    partition: PartitionSelector,
    transition: Transition,
    ticket: Option<v1::Ticket>,
) -> v1::ApplyRequest {
    v1::ApplyRequest { partition: Some(partition.into()), ticket, transition: Some(transition.into()) }
}

fn released(how: Release) -> v1::release::How {
    match how {
        Release::Resume => v1::release::How::Resume(v1::Resume {}),
        Release::KeepSource => v1::release::How::KeepSource(v1::KeepSource {}),
        Release::AcceptTarget { guarantee } => {
            v1::release::How::AcceptTarget(v1::AcceptTarget { guarantee: guarantee_of(guarantee) })
        }
    }
}
