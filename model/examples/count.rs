#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm)]
use cutover_model::search::*;
use cutover_model::scope;
use cutover_model::cluster::World;
use cutover_model::environment::Environment;
use std::sync::Arc;
use std::time::{Duration,Instant};
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut scope = scope::all().into_iter().find(|s| s.name == args[0]).unwrap();
    let mut secs = 60;
    {
    let c = scope.cluster.as_mut().unwrap();
    for a in &args[1..] {
        let (k, v) = a.split_once('=').unwrap();
        let n: u64 = v.parse().unwrap();
        match k {
            "t" => c.terms = n, "w" => c.writes = n as u8, "c" => c.crashes = n as u8, "m" => c.in_flight = n as u8,
            "d" => c.duplicates = scope::Duplicates::AtMost(n as u8), "r" => c.reads = n as u8, "x" => c.transfers = n as u8,
            "ch" => c.changes = n as u8, "e" => c.limits.append_entries_max = n as u32, "win" => c.limits.window = n as u8, "at" => c.attempts = n as u8,
            "stable" => c.limits.elections = if n == 1 { cutover::raft::Elections::Stable } else { cutover::raft::Elections::Plain },
            "l" => c.entries = n, "ling" => c.lingers = n == 1, "to" => c.timeouts = n as u8, "hb" => c.heartbeats = n == 1, "drop" => c.loses_old = n == 1, "sess" => c.session = n == 1, "sym" => c.symmetric = n == 1,
            "compact" => c.limits.compact_after_entries = n, "wipes" => c.wipes = n as u8,
            "s" => secs = n,
            _ => panic!("{k}"),
        }
    }
    }
    let watch = scope.judged();
    let world = Arc::new(World::new(scope));
    let s = Searched { world: Arc::clone(&world), watch };
    let mut w = Watcher { until: Some(Instant::now() + Duration::from_secs(secs)), memory: None, interrupted: &|| false, progress: &mut |_| () };
    let f = s.run(Order::DepthFirst { threads: 2, symmetry: true }, &mut w);
    println!("{args:?} complete={} unique={} generated={} depth={} {:.1?} {}", f.complete, f.unique, f.generated, f.depth, f.took, if f.witness.is_some() {"VIOLATED"} else {""});
    if std::env::var("MARKS").is_ok() { for r in world.reached() { println!("   {r}"); } }
}
