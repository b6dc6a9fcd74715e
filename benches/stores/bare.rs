//! Bare redb with the durability of a store's groups: one file, one table of rows.

use crate::{ROWS, VALUE, key};
use redb::{Database, Durability, TableDefinition};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

fn database(folder: &Path) -> Database {
    let path = folder.join("bare.redb");
    let _old = std::fs::remove_file(&path);
    Database::builder().set_cache_size(16 << 20).create(path).expect("a file")
}

/// Commits rows as a store commits a group: at once, in two phases.
fn commit(database: &Database, rows: &[u64]) {
    let mut transaction = database.begin_write().expect("a transaction");
    transaction.set_durability(Durability::Immediate).expect("no savepoint");
    transaction.set_two_phase_commit(true);
    {
        let mut table = transaction.open_table(TABLE).expect("a table");
        for number in rows {
            table.insert(&*key(*number), &[7; VALUE][..]).expect("a row");
        }
    }
    transaction.commit().expect("a commit");
}

/// Runs a function in so many threads for some time. Returns how often it was called per second.
fn calls(clients: usize, run: Duration, call: impl Fn(u64) + Sync) -> f64 {
    let began = Instant::now();
    let counts = std::thread::scope(|scope| {
        let client = |client: usize| {
            let call = &call;
            move || {
                let mut number = client as u64;
                let mut calls = 0_u64;
                while began.elapsed() < run {
                    number = (number + clients as u64) % ROWS;
                    call(number);
                    calls += 1;
                }
                calls
            }
        };
        let threads: Vec<_> = (0..clients).map(|number| scope.spawn(client(number))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client ends")).sum::<u64>()
    });
    counts as f64 / began.elapsed().as_secs_f64()
}

/// Each client commits its own row. redb has one writer at a time.
pub fn each(folder: &Path, clients: usize, run: Duration) -> f64 {
    let database = database(folder);
    calls(clients, run, |number| commit(&database, &[number]))
}

type Waiting = (u64, SyncSender<()>);

fn writer(database: &Database, queue: &Receiver<Waiting>) {
    while let Ok(first) = queue.recv() {
        let group: Vec<Waiting> = std::iter::once(first).chain(queue.try_iter()).collect();
        let rows: Vec<u64> = group.iter().map(|(row, _)| *row).collect();
        commit(database, &rows);
        group.into_iter().for_each(|(_, done)| done.send(()).expect("the client waits"));
    }
}

/// A thread commits all rows that wait in one transaction.
pub fn grouped(folder: &Path, clients: usize, run: Duration) -> f64 {
    let database = Arc::new(database(folder));
    let (ask, queue) = sync_channel::<Waiting>(1024);
    let thread = std::thread::spawn(move || writer(&database, &queue));
    let ask = Mutex::new(ask);
    let found = calls(clients, run, |number| {
        let (done, wait) = sync_channel(1);
        let ask = ask.lock().expect("no panic").clone();
        ask.send((number, done)).expect("the writer waits");
        wait.recv().expect("it answers");
    });
    drop(ask);
    thread.join().expect("it ends");
    found
}
