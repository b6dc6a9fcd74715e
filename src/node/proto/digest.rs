//! Digests and reasons of aborts as messages.

use super::v1;
use crate::core::fence::{Digest, RowsDigest};
use crate::core::migration::AbortReason;

/// A digest that is not set is that of nothing: it fits no copy that has anything.
pub(super) fn digest(wire: Option<v1::Digest>) -> Digest {
    let v1::Digest { rows_high, rows_low, ids_high, ids_low } = wire.unwrap_or_default();
    let whole = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
    Digest { rows: RowsDigest::of(whole(rows_high, rows_low)), ids: whole(ids_high, ids_low) }
}

/// The digest as a message.
pub(super) fn digest_of(digest: Digest) -> Option<v1::Digest> {
    let half = |number: u128| u64::try_from(number & u128::from(u64::MAX)).unwrap_or(u64::MAX);
    let (rows, ids) = (digest.rows.sum(), digest.ids);
    Some(v1::Digest {
        rows_high: half(rows >> 64),
        rows_low: half(rows),
        ids_high: half(ids >> 64),
        ids_low: half(ids),
    })
}

pub(super) fn abort_reason(found: i32) -> AbortReason {
    match v1::AbortReason::try_from(found) {
        Ok(v1::AbortReason::Budget) => AbortReason::Budget,
        Ok(v1::AbortReason::TakenOver) => AbortReason::TakenOver,
        Ok(v1::AbortReason::Refused) => AbortReason::Refused,
        Ok(v1::AbortReason::Broken) => AbortReason::Broken,
        Ok(v1::AbortReason::Ended) => AbortReason::Ended,
        Ok(v1::AbortReason::Digest) => AbortReason::Digest,
        Ok(v1::AbortReason::Unspecified) | Err(_) => AbortReason::Operator,
    }
}

pub(crate) const fn abort_reason_of(why: AbortReason) -> i32 {
    match why {
        AbortReason::Operator => v1::AbortReason::Unspecified as i32,
        AbortReason::Budget => v1::AbortReason::Budget as i32,
        AbortReason::TakenOver => v1::AbortReason::TakenOver as i32,
        AbortReason::Refused => v1::AbortReason::Refused as i32,
        AbortReason::Broken => v1::AbortReason::Broken as i32,
        AbortReason::Ended => v1::AbortReason::Ended as i32,
        AbortReason::Digest => v1::AbortReason::Digest as i32,
    }
}
