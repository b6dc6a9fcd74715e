//! Requests to a sink, and the sources that their chunks are of.

use super::fence::{PARTITION, STORE};
use super::some;
use super::store::{Store, config};
use cutover::core::fence::{
    Body, Chunk, DropCopy, End, Enforcement, EvidenceQuery, Export, FenceLimits, Frontier, Input, Prepare,
    Read, Request, Seal, Stuck, WatermarkQuery, Write,
};
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};
use proptest::prelude::*;

/// The source of a migration after some writes; they differ between migrations.
pub fn source(limits: FenceLimits, migration: MigrationId, writes: u64) -> Store {
    let mut source = Store::new(config(Placement(1), PARTITION, Enforcement::Tokens, limits));
    let closed_through = Epoch::ZERO;
    let create = Prepare { migration: MigrationId(1), closed_through, source: None, keep: None };
    let _ = source.ask(Body::Prepare(create));
    for step in 0..writes {
        let mixed = step * (2 * migration.0 + 1) + migration.0;
        let id = WriteId { session: SessionId(1 + mixed % 3), serial: Serial(1 + mixed / 3 % 4) };
        let _ = source.write(Write { id, token: Epoch(1), mutation: some::put(id) });
    }
    source
}

/// The chunk of a source that follows there.
pub fn cut(mut source: Store, export: Export) -> Option<Chunk> {
    let _ = source.ask(Body::Export(export));
    source.handed
}

fn frontier() -> impl Strategy<Value = Frontier> {
    prop_oneof![
        3 => Just(Frontier::Nothing),
        2 => prop::sample::select(vec!["", "0", "1", "2", "3"])
            .prop_map(|text| Frontier::Through(some::key(text))),
        3 => Just(Frontier::Everything),
    ]
}

fn export() -> impl Strategy<Value = Export> {
    (0_u64..5, frontier(), 0_u64..9, 0_u32..5).prop_map(|(migration, after, position, limit)| Export {
        migration: MigrationId(migration),
        after,
        position: Position(position),
        limit,
    })
}

fn stuck() -> impl Strategy<Value = Stuck> {
    prop::sample::select(vec![Stuck::Trimmed, Stuck::OtherSource, Stuck::NoSource])
}

/// Any request, to this store or misrouted from another. The sources of chunks have these limits.
pub fn input(limits: FenceLimits) -> impl Strategy<Value = Input> {
    let migration = || (0_u64..5).prop_map(MigrationId);
    let epoch = || (0_u64..7).prop_map(Epoch);
    let write = || {
        (some::write_id(3, 4), epoch(), some::mutation()).prop_map(|(id, token, mutation)| Write {
            id,
            token,
            mutation,
        })
    };
    let chunk = (export(), 0_u64..9, 1_u64..3).prop_filter_map(
        "the source has it",
        move |(export, writes, source_life)| {
            let chunk = cut(source(limits, export.migration, writes), export)?;
            Some(Chunk { source: Incarnation(source_life), ..chunk })
        },
    );
    let prepare = (migration(), epoch(), any::<bool>(), prop::option::weighted(0.3, migration())).prop_map(
        |(migration, closed_through, copied, keep)| {
            Body::Prepare(Prepare { migration, closed_through, source: copied.then_some(Placement(1)), keep })
        },
    );
    let body = prop_oneof![
        4 => prepare,
        2 => (migration(), epoch(), 1_u64..3).prop_map(|(migration, through, target)| {
            Body::Seal(Seal { migration, through, target: Incarnation(target) })
        }),
        1 => (migration(), epoch(), 0_u64..5).prop_map(|(migration, epoch, at_least)| {
            Body::Evidence(EvidenceQuery { migration, epoch, at_least: Position(at_least) })
        }),
        1 => (migration(), epoch()).prop_map(|(migration, epoch)| Body::Watermark(WatermarkQuery { migration, epoch })),
        1 => (migration(), prop::option::of(epoch()))
            .prop_map(|(copy, sealed_through)| Body::Drop(DropCopy { copy, sealed_through })),
        1 => export().prop_map(Body::Export),
        4 => chunk.prop_map(Body::Chunk),
        1 => (migration(), epoch()).prop_map(|(migration, epoch)| Body::End(End { migration, epoch })),
        5 => write().prop_map(Body::Write),
        1 => (epoch(), some::some_key()).prop_map(|(token, key)| Body::Read(Read { token, key })),
    ];
    let stray = prop_oneof![20 => Just((STORE, PARTITION)), 1 => Just((Placement(1), PARTITION)), 1 => Just((STORE, PartitionId(2)))];
    let request = (stray, body).prop_map(|((store, partition), body)| Request { store, partition, body });
    prop_oneof![
        16 => request.prop_map(Input::Request),
        4 => write().prop_map(Input::Apply),
        1 => (0_u64..12).prop_map(|through| Input::Trim { through: Position(through) }),
        1 => (migration(), stuck()).prop_map(|(migration, why)| Input::Stuck { migration, why }),
    ]
}
