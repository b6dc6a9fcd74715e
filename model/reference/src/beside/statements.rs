//! Statements of stores in the references' types.

use crate::statement::{Dropped, Ended, Prepared, Reached, Receipt, Speaker};
use crate::table::command::Guarantee;
use cutover::core::{fence, placement};

pub const fn speaker(origin: fence::StatementOrigin) -> Speaker {
    Speaker { store: origin.store, partition: origin.partition, incarnation: origin.incarnation }
}

pub const fn prepared(of: &fence::Prepared) -> Prepared {
    let (migration, closed_through) = (of.migration(), of.closed_through());
    let (enforces, finished) = (of.enforces(), of.finished());
    Prepared { by: speaker(of.origin()), migration, closed_through, enforces, finished }
}

pub const fn receipt(of: &fence::SealReceipt) -> Receipt {
    Receipt {
        by: speaker(of.origin()),
        migration: of.migration(),
        through: of.through(),
        watermark: of.watermark(),
        digest: of.digest(),
        target: of.target(),
    }
}

pub const fn evidence(of: &fence::CatchUpEvidence) -> Reached {
    let (migration, epoch, position) = (of.migration(), of.epoch(), of.position());
    let (digest, enforces) = (of.digest(), of.enforces());
    Reached { by: speaker(of.origin()), migration, epoch, position, digest, enforces }
}

pub const fn reading(of: &fence::WatermarkReading) -> Reached {
    let (migration, epoch, position) = (of.migration(), of.epoch(), of.position());
    Reached { by: speaker(of.origin()), migration, epoch, position, digest: of.digest(), enforces: false }
}

pub const fn ended(of: &fence::Ended) -> Ended {
    Ended {
        by: speaker(of.origin()),
        migration: of.migration(),
        epoch: of.epoch(),
        position: of.position(),
        complete: of.complete(),
        enforces: of.enforces(),
    }
}

pub const fn dropped(of: &fence::Dropped) -> Dropped {
    Dropped { by: speaker(of.origin()), copy: of.copy() }
}

/// A guarantee in the words of the reference.
pub const fn guarantee(guarantee: placement::Guarantee) -> Guarantee {
    match guarantee {
        placement::Guarantee::Sealed => Guarantee::Sealed,
        placement::Guarantee::Timed => Guarantee::Timed,
    }
}
