//! Moves of a partition, told as scripts: `tests/datadriven/*.txt`.
//!
//! A script is a list of commands, each followed by everything that the machines said. One partition, `p1`, its table,
//! stores by letter, and controllers by name (`one` unless `by=` names another). What a controller sends waits until
//! it is delivered; a controller reads the record anew for each event unless it is `paused`.
//!
//! Run with `REWRITE=1` in the environment to write down what was said, then read the difference.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "script/arguments.rs"]
mod arguments;
#[path = "script/say.rs"]
mod say;
#[path = "support/store.rs"]
mod store;
#[path = "script/world.rs"]
mod world;

use world::World;

#[test]
fn scripts() {
    let mut files = 0;
    datadriven::walk("tests/datadriven", |file| {
        files += 1;
        let mut world = World::new();
        file.run(|case| world.run(case));
    });
    assert!(files > 0, "no script was found");
}
