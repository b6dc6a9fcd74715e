//! The seeds of a longer walk.

/// Those of `WALK_SEEDS`, as `1000..1100`.
pub fn asked_for() -> std::ops::Range<u64> {
    let seeds = std::env::var("WALK_SEEDS").unwrap_or_else(|_| "1000..1010".to_owned());
    let (first, end) = seeds.split_once("..").expect("first..end");
    first.parse().expect("a number")..end.parse().expect("a number")
}
