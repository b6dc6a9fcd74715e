//! Runs the simulator's tests, which need another build, so that `cargo test` covers them.

use std::path::Path;
use std::process::Command;

#[test]
fn the_simulator_passes_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ran = Command::new(env!("CARGO"))
        .args(["sim-test", "--quiet"])
        .current_dir(root)
        // Flags in the environment would replace the one that selects the simulator.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}\n{complaint}");
    assert!(said.contains("test result: ok"), "{said}");
}
