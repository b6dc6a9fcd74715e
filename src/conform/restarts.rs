//! What is left of a store that was killed.

use super::link::{denied, granted};
use super::moves::seal_of;
use super::writes::demand_row;
use super::{Ends, Suite, demand};
use crate::core::fence::Refusal;
use core::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a store may take until it serves again.
const SERVES: Duration = Duration::from_secs(60);

pub(super) async fn killed(suite: &Suite) -> Result<(), Ends> {
    let Some(restart) = &suite.restart else {
        return Err(Ends::NotOffered("no command to restart it was given (--restart)".to_owned()));
    };
    let (kept, sealed) = (suite.link.fresh().created().await?, suite.link.fresh().created().await?);
    let first = granted(kept.put((1, 1), 2, "k", "acknowledged").await?, "a write is applied")?;
    granted(sealed.put((1, 1), 2, "k", "v").await?, "a write is applied")?;
    let receipt = if suite.link.enforces() {
        Some(granted(sealed.seal(seal_of(2, 2)).await?, "a whole copy is sealed")?)
    } else {
        None
    };
    restart().await.map_err(Ends::Unknown)?;
    let again = timeout(SERVES, async {
        loop {
            match kept.row(2, "k").await {
                Err(Ends::Unknown(_)) => sleep(Duration::from_millis(50)).await,
                other => return other,
            }
        }
    });
    let row =
        again.await.map_err(|_| Ends::Unknown(format!("it does not serve again within {SERVES:?}")))??;
    demand(row.as_deref() == Some("acknowledged"), || {
        format!("row k: found {row:?}, expected what was acknowledged")
    })?;
    let repeated =
        granted(kept.put((1, 1), 2, "k", "a second effect").await?, "a write that was applied is known")?;
    demand(repeated == first, || format!("found {repeated}, expected {first}"))?;
    demand_row(&kept, 2, "k", Some("acknowledged")).await?;
    if let Some(receipt) = receipt {
        let fenced = |refusal: &Refusal| matches!(refusal, Refusal::Sealed { .. });
        denied(sealed.put((1, 2), 2, "k", "late").await?, fenced, "`Sealed`: the seal was acknowledged")?;
        let same = granted(sealed.seal(seal_of(2, 2)).await?, "a repeated seal is answered")?;
        demand(same == receipt, || format!("found {same:?}, expected {receipt:?}"))?;
    }
    Ok(())
}
