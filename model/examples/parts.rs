#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, clippy::disallowed_types, clippy::disallowed_methods)]
use cutover_model::scope;
use cutover_model::cluster::World;
use cutover_model::environment::{Environment, Place};
use std::collections::{HashMap, HashSet};
fn main() {
    let mut scope = scope::all().into_iter().find(|s| s.name == std::env::args().nth(2).unwrap()).unwrap();
    let c = scope.cluster.as_mut().unwrap();
    c.entries = 1; c.heartbeats = false; c.crashes = 0; c.terms = 2; c.writes = 0; c.in_flight = std::env::args().nth(1).map_or(1, |a| a.parse().unwrap());
    let world = World::new(scope);
    let mut seen: HashSet<u64> = HashSet::new();
    let h = |s: &<World as Environment>::State| { let r = s.representative(); cutover_model::shared::hasher().hash_one(&r) };
    use std::hash::BuildHasher;
    let init = Environment::initial(&world);
    seen.insert(h(&init));
    let mut stack = vec![init];
    let mut sub: HashMap<String, HashSet<String>> = HashMap::new();
    let mut samples = Vec::new(); let mut freq: HashMap<String,u64> = HashMap::new(); let mut mfreq: HashMap<String,u64> = HashMap::new();
    while let Some(s) = stack.pop() {
        let f = s.facts();
        for (k, v) in &f { sub.entry(k.clone()).or_default().insert(v.clone()); }
        let mut ns: Vec<_> = f.iter().filter(|(k, _)| k.starts_with('n') && k != "net").map(|(_, v)| v.clone()).collect(); ns.sort();
        *freq.entry(ns.join(" / ")).or_insert(0u64) += 1;
        for (k, v) in &f { if k == "net" { for m in v.split("; ") { let m: String = m.split(' ').skip(2).collect::<Vec<_>>().join(" "); *mfreq.entry(m).or_insert(0u64) += 1; } } }
        let nodes: String = f.iter().filter(|(k, _)| k.starts_with('n') && k != "net").map(|(_, v)| v.clone()).collect::<Vec<_>>().join("/");
        sub.entry("nodes".into()).or_default().insert(nodes);
        sub.entry("all".into()).or_default().insert(format!("{f:?}"));
        if seen.len() % 5003 == 0 { samples.push(format!("{s:?}")); }
        let mut acts = Vec::new();
        Environment::actions(&world, &s, &mut acts);
        for a in acts { if let Some(n) = Environment::next(&world, &s, a) { if seen.insert(h(&n)) { stack.push(n); } } }
        if seen.len() > 2_000_000 { break; }
    }
    println!("unique {}", seen.len());
    let mut v: Vec<_> = freq.into_iter().collect(); v.sort_by_key(|x| std::cmp::Reverse(x.1));
    println!("distinct nodes visible (canonical-ish) {}", v.len());
    for (k, n) in v.iter().take(8) { println!("{n} {k}"); }
    let mut v: Vec<_> = mfreq.into_iter().collect(); v.sort_by_key(|x| std::cmp::Reverse(x.1));
    println!("distinct messages {}", v.len());
    for (k, n) in v.iter().take(60) { println!("{n} {k}"); }
    for (k, v) in &sub { println!("{k} {}", v.len()); }
    for s in samples.iter().rev().take(6) { println!("{s}"); }
}
