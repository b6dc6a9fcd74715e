//! Checks two-phase commit: `cargo run --release -p cutover-model --example two_phase_commit -- check`.

mod protocol;

fn main() -> std::process::ExitCode {
    cutover_cli::main::<(protocol::TwoPhaseCommit,)>()
}
