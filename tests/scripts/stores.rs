//! Commands that send something directly to a store, as a client, the mover or a misrouted message would.

use super::MigrationScript;
use crate::arguments::{Arguments, placement};
use crate::say;
use crate::store::{SMALL, Store, config};
use cutover::core::fence::{
    Body, Chunk, DropCopy, End, Enforcement, EvidenceQuery, Export, Input, Prepare, Read, Request, Seal,
    Stuck, WatermarkQuery, Write,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};

impl MigrationScript {
    /// Commands that send something directly to a store.
    pub(super) fn store_directly(&mut self, directive: &str, given: &mut Arguments<'_>) -> bool {
        let at = given.maybe("at").map(|text| placement(&text));
        if self.life(directive, at, given) {
            return true;
        }
        let at = at.unwrap();
        // A misrouted request may reach another store than it names, or name another partition.
        let store = given.maybe("for").map_or(at, |text| placement(&text));
        let partition = PartitionId(given.number("partition", Some(1)));
        if directive == "apply" || directive == "write" {
            let write = write(given);
            let request = Request { store, partition, body: Body::Write(write.clone()) };
            if directive == "apply" || self.ask(&request).is_empty() {
                self.step(at, &Input::Apply(write));
            }
            return true;
        }
        if directive == "export" {
            let (export, name) = (self.export(given), given.text("as"));
            self.ask(&Request { store, partition, body: Body::Export(export) });
            let handed = self.store(at).handed.clone();
            handed.iter().for_each(|chunk| self.say(format!("  {}", say::chunk(chunk))));
            self.chunks.extend(handed.map(|chunk| (name, chunk)));
            return true;
        }
        let Some(body) = self.body(directive, given) else { return false };
        self.step(at, &Input::Request(Request { store, partition, body }));
        true
    }

    fn body(&self, directive: &str, given: &mut Arguments<'_>) -> Option<Body> {
        let migration = |given: &mut Arguments<'_>| given.migration("migration");
        Some(match directive {
            "admit" => Body::Write(write(given)),
            "read" => {
                let (token, word) = (given.epoch("token"), given.word());
                Body::Read(Read { token, key: crate::arguments::key(&word) })
            }
            "chunk" => Body::Chunk(self.chunk(given)),
            "prepare" => {
                let source = given.maybe("from").map(|text| placement(&text));
                let keep = given.maybe("keep").map(|text| MigrationId(text[1..].parse().unwrap()));
                let (migration, closed_through) = (migration(given), given.epoch("closed"));
                Body::Prepare(Prepare { migration, closed_through, source, keep })
            }
            "seal" => {
                let target = Incarnation(given.number("target", Some(1)));
                let (migration, through) = (migration(given), given.epoch("through"));
                Body::Seal(Seal { migration, through, target })
            }
            "evidence" => Body::Evidence(EvidenceQuery {
                migration: migration(given),
                epoch: given.epoch("epoch"),
                at_least: given.position("least", Some(0)),
            }),
            "watermark" => {
                let (migration, epoch) = (migration(given), given.epoch("epoch"));
                Body::Watermark(WatermarkQuery { migration, epoch })
            }
            "end" => Body::End(End { migration: migration(given), epoch: given.epoch("epoch") }),
            "drop" => {
                let sealed_through = given.maybe("sealed").map(|text| Epoch(text.parse().unwrap()));
                Body::Drop(DropCopy { copy: given.migration("copy"), sealed_through })
            }
            _ => return None,
        })
    }

    /// Commands that make a store, or destroy a part of it, and what its storage and its mover tell it.
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
            "trim" => {
                let through = given.position("through", None);
                self.step(at.unwrap(), &Input::Trim { through });
            }
            "stuck" => {
                let migration = given.migration("migration");
                let why = match given.word().as_str() {
                    "trimmed" => Stuck::Trimmed,
                    "other-source" => Stuck::OtherSource,
                    "no-source" => Stuck::NoSource,
                    word => panic!("{word} is no reason"),
                };
                self.step(at.unwrap(), &Input::Stuck { migration, why });
            }
            _ => return false,
        }
        true
    }

    /// What the mover asks for: from where the copy at `to=` is, or from where the script says.
    fn export(&mut self, given: &mut Arguments<'_>) -> Export {
        let to = given.maybe("to").map(|text| placement(&text));
        let (after, position, migration) = match to {
            Some(to) => {
                let durable = self.store(to).fence.durable();
                let copy = durable.copy().unwrap();
                (copy.frontier().clone(), copy.position(), durable.newest())
            }
            None => (
                given.frontier("after").unwrap(),
                given.position("from", Some(0)),
                given.migration("migration"),
            ),
        };
        let limit = u32::try_from(given.number("limit", Some(3))).unwrap();
        Export { migration, after, position, limit }
    }

    /// A chunk that was exported, or one that differs from it as the script says.
    fn chunk(&self, given: &mut Arguments<'_>) -> Chunk {
        let mut chunk = self.chunks[&given.text("name")].clone();
        if given.0.args.contains_key("migration") {
            chunk.migration = given.migration("migration");
        }
        chunk.source = Incarnation(given.number("source", Some(chunk.source.0)));
        chunk.from = Position(given.number("from", Some(chunk.from.0)));
        chunk.position = Position(given.number("position", Some(chunk.position.0)));
        chunk.after = given.frontier("after").unwrap_or(chunk.after);
        chunk.through = given.frontier("through").unwrap_or(chunk.through);
        let without = given.list("without");
        chunk.rows.retain(|(key, _)| !without.contains(&key.to_string()));
        let without = given.list("without-change");
        chunk.changes.retain(|change| !without.contains(&change.position.to_string()));
        if given.flag("without-ids") {
            chunk.applied = None;
        }
        chunk
    }
}

fn write(given: &mut Arguments<'_>) -> Write {
    let (token, id) = (given.epoch("token"), given.write_id());
    Write { token, id, mutation: given.mutation() }
}
