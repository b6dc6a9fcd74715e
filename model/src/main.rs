//! dev
use cutover_model::{search::*, world::*, scope};
use std::sync::Arc;
fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let threads: usize = std::env::args().nth(2).and_then(|t| t.parse().ok()).unwrap_or(2);
    let scope = scope::all().into_iter().find(|s| s.name == name).unwrap();
    let world = Arc::new(World::new(scope));
    let s = Searched { world: world.clone(), watch: all_invariants() };
    let mut p = |p: Progress| if p.took.as_millis() % 2000 < 100 { eprintln!("{p:?}") };
    let mut w = Watcher { until: Some(std::time::Instant::now()+std::time::Duration::from_secs(120)), memory: None, interrupted: &|| false, progress: &mut p };
    let f = s.run(Order::DepthFirst { threads, symmetry: true }, &mut w);
    println!("{} complete={} gen={} unique={} depth={} {:?}", name, f.complete, f.generated, f.unique, f.depth, f.took);
    for m in mark::Mark::in_set(world.reached.load(std::sync::atomic::Ordering::Relaxed)) { println!("  REACHED {}", m.text()); }
    if f.witness.is_some() {
        let f = s.run(Order::BreadthFirst, &mut w);
        let mut st = world.initial();
        for a in f.witness.unwrap() {
            println!("{}", world.directive(&st, a).unwrap());
            let o = world.explain(&st, a).unwrap();
            for l in o.said { println!("    > {l}"); }
            for v in o.violations { println!("    VIOLATES {} {} / {}", v.id, v.found, v.against); }
            st = o.state;
        }
    }
}
