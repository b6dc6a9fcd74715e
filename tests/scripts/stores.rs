//! Commands that send something directly to a store, as a client, the mover or a misrouted message would.

use super::MigrationScript;
use crate::arguments::{Arguments, placement};
use crate::store::{SMALL, Store, config};
use cutover::core::fence::{
    Body, Chunk, DropCopy, Enforcement, EvidenceQuery, Export, Input, Prepare, Read, Request, Seal,
    WatermarkQuery, Write,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};

impl MigrationScript {
    /// Commands that send something directly to a store.
    pub(super) fn store_directly(&mut self, directive: &str, given: &mut Arguments<'_>) -> bool {
        let at = given.maybe("at").map(|text| placement(&text));
        if self.life(directive, at, given) {
            return true;
        }
        let body = match directive {
            "apply" => {
                let write = Write { id: given.write_id(), token: given.epoch("token") };
                self.step(at.unwrap(), &Input::Apply(write));
                return true;
            }
            "write" => {
                let write = Write { token: given.epoch("token"), id: given.write_id() };
                let request = Request { store: at.unwrap(), partition: super::P1, body: Body::Write(write) };
                if self.ask(&request).is_empty() {
                    self.step(at.unwrap(), &Input::Apply(write));
                }
                return true;
            }
            "export" => {
                let (migration, first) = (given.migration("migration"), given.position("first", None));
                let (count, name) = (given.number("count", Some(3)), given.text("as"));
                let body = Body::Export(Export { migration, first, count });
                self.ask(&Request { store: at.unwrap(), partition: super::P1, body });
                let handed = self.store(at.unwrap()).handed.clone();
                self.chunks.extend(handed.map(|chunk| (name, chunk)));
                return true;
            }
            "admit" => Body::Write(Write { token: given.epoch("token"), id: given.write_id() }),
            "read" => Body::Read(Read { token: given.epoch("token") }),
            "chunk" => Body::Chunk(self.chunk(given)),
            "prepare" => {
                let (migration, closed_through) = (given.migration("migration"), given.epoch("closed"));
                Body::Prepare(Prepare { migration, closed_through })
            }
            "seal" => {
                let target = Incarnation(given.number("target", Some(1)));
                Body::Seal(Seal {
                    migration: given.migration("migration"),
                    through: given.epoch("through"),
                    target,
                })
            }
            "evidence" => Body::Evidence(EvidenceQuery {
                migration: given.migration("migration"),
                epoch: given.epoch("epoch"),
                at_least: given.position("least", Some(0)),
            }),
            "watermark" => Body::Watermark(WatermarkQuery {
                migration: given.migration("migration"),
                epoch: given.epoch("epoch"),
            }),
            "drop" => {
                let sealed_through = given.maybe("sealed").map(|text| Epoch(text.parse().unwrap()));
                Body::Drop(DropCopy { copy: given.migration("copy"), sealed_through })
            }
            _ => return false,
        };
        // A misrouted request may reach another store than it names, or name another partition.
        let store = given.maybe("for").map_or(at.unwrap(), |text| placement(&text));
        let partition = PartitionId(given.number("partition", Some(1)));
        self.step(at.unwrap(), &Input::Request(Request { store, partition, body }));
        true
    }

    /// Commands that make a store, or destroy a part of it.
    fn life(&mut self, directive: &str, at: Option<Placement>, given: &mut Arguments<'_>) -> bool {
        match directive {
            "store" => {
                let enforcement =
                    if given.flag("plain") { Enforcement::Nothing } else { Enforcement::Tokens };
                let at = placement(&given.word());
                self.stores.insert(at, Store::new(config(at, super::P1, enforcement, SMALL)));
            }
            "crash" => self.store(at.unwrap()).crash(),
            "wipe" => {
                let (epoch, migration) = self
                    .record()
                    .map_or((Epoch(0), MigrationId(0)), |record| (record.epoch, record.migration));
                self.store(at.unwrap()).wipe(epoch, migration);
            }
            _ => return false,
        }
        true
    }

    /// A chunk that was exported, or a fabricated one.
    fn chunk(&self, given: &mut Arguments<'_>) -> Chunk {
        if let Some(name) = given.maybe("name") {
            return self.chunks[&name].clone();
        }
        let source = Incarnation(given.number("source", Some(1)));
        let (migration, first) = (given.migration("migration"), given.position("first", None));
        Chunk { migration, source, first, writes: given.write_ids("writes") }
    }
}
