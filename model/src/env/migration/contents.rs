//! The rows of the environment, and what its writes do to them.

use super::step::now;
use super::{Kind, Log, Migration, PARTITION, SINKS, Sink, id};
use cutover::core::fence::{Body, Cell, Input, Key, Mutation, Request, Value, Write};
use cutover::core::ids::WriteId;
use cutover::core::invariant::{Fact, Findings, Monitor, Register, SinkStep};

/// The key of a row.
///
/// # Panics
/// Never: it is short.
#[must_use]
pub fn key(number: u8) -> Key {
    let bytes = [b'k', b'0' + number];
    Key::try_from(bytes.as_slice()).unwrap_or_else(|_| unreachable!("two bytes"))
}

fn value(bytes: &[u8]) -> Value {
    Value::try_from(bytes).unwrap_or_else(|_| unreachable!("few bytes"))
}

impl Migration {
    fn kind(&self, session: u8, serial: u8) -> Kind {
        let before = if self.bounds.symmetric { 0 } else { usize::from(session.saturating_sub(1)) };
        let kinds = self.bounds.mutations;
        let at = (before + usize::from(serial.saturating_sub(1))) % kinds.len().max(1);
        kinds.get(at).copied().unwrap_or(Kind::Put(0))
    }

    /// What a gateway's write does. Its value does not name the gateway: it must be the same after an exchange of gateways.
    pub(super) fn mutation(&self, session: u8, serial: u8) -> Mutation {
        let value = || value(&[b'v', b'0' + serial]);
        match self.kind(session, serial) {
            Kind::Put(number) => Mutation::put(key(number), value()),
            Kind::Delete(number) => Mutation::delete(key(number)),
            Kind::Insert(number) => Mutation::cas(key(number), None, Some(value())),
            Kind::Both => {
                let cells = [0, 1].map(|number| Cell { key: key(number), value: Some(value()) });
                Mutation::new(None, cells.to_vec()).unwrap_or_else(|_| unreachable!("two rows"))
            }
        }
    }

    /// The register of a row: the writes that set or delete it.
    pub(super) fn register(&self, number: u8) -> Register {
        let before = (self.bounds.rows > 0).then(|| (id(1, 0), before(self.bounds.rows)));
        let sessions = 1..=self.bounds.gateways;
        let writes =
            sessions.flat_map(|session| (1..=self.bounds.writes_each).map(move |serial| (session, serial)));
        let writes = writes.map(|(session, serial)| (id(session, serial), self.mutation(session, serial)));
        let of =
            |mutation: &Mutation| mutation.effects().iter().find(|cell| cell.key == key(number)).cloned();
        let cells: Vec<(WriteId, Cell)> = before
            .into_iter()
            .chain(writes)
            .filter_map(|(id, mutation)| Some((id, of(&mutation)?)))
            .collect();
        let deletes = |(id, cell): &(WriteId, Cell)| cell.value.is_none().then_some(*id);
        let deletions: Vec<_> = cells.iter().filter_map(deletes).collect();
        let mut register = Register::with_deletions(cells.iter().map(|(id, _)| *id).collect(), &deletions);
        for id in cells.iter().map(|(id, _)| *id).filter(|id| id.serial.0 == 0) {
            register.write_invoked(id);
            register.write_returned(id);
        }
        register
    }

    /// Writes the rows that are there before, at the first owner.
    pub(super) fn filled(&self, mut sinks: [Sink; 2], log: &Log, monitor: &mut Monitor) -> [Sink; 2] {
        let record = log.current().map(AsRef::as_ref);
        let Some(token) = record.map(|record| record.epoch) else { return sinks };
        if self.bounds.rows > 0 {
            let write = Write { id: id(1, 0), token, mutation: before(self.bounds.rows) };
            let body = Body::Write(write.clone());
            let request = Request { store: SINKS[0], partition: PARTITION, body };
            let before = sinks[0].clone();
            let Sink { fence, data, .. } = &mut sinks[0];
            for input in [Input::Request(request.clone()), Input::Apply(write)] {
                let rows = data.rows().clone();
                fence.handle(&input, &rows).iter().for_each(|output| data.perform(output));
            }
            sinks[0].sync();
            let step =
                SinkStep { request: Some(&request), before: now(&before), after: now(&sinks[0]), record };
            monitor.feed(&Fact::SinkStepped(step), &mut Findings::new(false));
        }
        sinks
    }
}

/// A write that every store takes.
pub(super) fn probe() -> Mutation {
    Mutation::put(key(0), value(b"p"))
}

/// The write that sets the rows that are there before: `k1`, and `k0` if there are two.
fn before(rows: u8) -> Mutation {
    let numbers = if rows > 1 { vec![0, 1] } else { vec![1] };
    let cells = numbers.into_iter().map(|number| Cell { key: key(number), value: Some(value(b"v")) });
    Mutation::new(None, cells.collect()).unwrap_or_else(|_| unreachable!("at most two rows"))
}
