//! A fence in any state, in the reference's words.

use crate::beside::statements::receipt;
use crate::store::memory::Remembered;
use crate::store::state::{Copy, Settings, State, Store};
use cutover::core::fence::{
    self, Body, Config, Contents, Enforcement, Fence, Input, Prepare, Refusal, Reply, Request, Rows, Stuck,
};
use cutover::core::ids::{Epoch, MigrationId};

/// The store. What it remembers is as good as carried to it: nothing of what was before is known.
pub fn store(fence: &Fence, contents: &Contents) -> Store {
    let durable = fence.durable();
    let state = State {
        sealed_through: durable.sealed_through(),
        closed_through: durable.closed_through(),
        newest: durable.newest(),
        receipt: durable.receipt().map(receipt),
        copy: durable.copy().map(|of| copy(of, contents)),
    };
    let (waiting, stuck) = (fence.admitted().to_vec(), stuck(fence));
    Store { settings: settings(fence.config()), durable: state.clone(), state, waiting, stuck }
}

fn copy(copy: &fence::Copy, contents: &Contents) -> Copy {
    Copy {
        position: copy.position(),
        frontier: copy.frontier().clone(),
        rows: contents.rows().clone(),
        carried: Remembered::read(copy.applied()).unwrap_or_default(),
        since: Vec::new(),
        log: contents.log().to_vec(),
        logged_after: copy.logged_after(),
        finished: copy.finished(),
        source: copy.source(),
    }
}

/// Why the copy of the newest migration cannot go on. A fence tells it to nobody but to who asks for that copy, so it is asked.
fn stuck(fence: &Fence) -> Option<(MigrationId, Stuck)> {
    let Config { store, partition, .. } = *fence.config();
    let (migration, closed_through) = (fence.durable().newest(), Epoch::ZERO);
    let body = Body::Prepare(Prepare { migration, closed_through, source: Some(store), keep: None });
    let input = Input::Request(Request { store, partition, body });
    let answered = fence.clone().handle(&input, &Rows::new());
    answered.iter().find_map(|output| {
        let Reply::Refused { refusal: Refusal::Stuck { migration, why }, .. } = output.reply()? else {
            return None;
        };
        Some((*migration, *why))
    })
}

pub fn settings(config: &Config) -> Settings {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let limits = &config.limits;
    Settings {
        store: config.store,
        partition: config.partition,
        incarnation: config.incarnation,
        enforces: config.enforcement == Enforcement::Tokens,
        sessions_max: size(limits.sessions_max),
        writes_max: size(limits.writes_per_session_max),
        waiting_max: size(limits.admitted_max),
        chunk_items: size(limits.chunk_items_max),
        chunk_bytes: size(limits.chunk_bytes_max),
        apart: limits.positions_apart,
    }
}
