//! The exit codes of all programs in one table, from which help texts and documents are generated.

use std::fmt::Write as _;

/// A program whose exit codes are in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// `cutover`, the harness.
    FrontDoor,
    /// `cutover-sim`, started as `cutover sim`.
    Simulator,
    /// `cutoverd`, which runs the operator's verbs of `cutover`.
    Daemon,
}

/// A row of the table of exit codes.
#[derive(Clone, Copy, Debug)]
pub struct ExitCode {
    /// The exit status of the process.
    pub code: u8,
    /// Name of the Rust constant in this module, such as `VIOLATED`.
    pub name: &'static str,
    /// What the code tells the caller, as printed by `--help`.
    pub meaning: &'static str,
    /// The programs that return this code with this meaning.
    pub programs: &'static [Program],
}

macro_rules! exit_codes {
    ($($name:ident = $code:literal [$($program:ident),+] $meaning:literal;)+) => {
        $(
            #[doc = concat!("Exit code ", $code, ": ", $meaning, ".")]
            pub const $name: u8 = $code;
        )+

        /// All exit codes, in ascending order. A code has two rows if programs differ in its meaning.
        pub const TABLE: &[ExitCode] = &[$(ExitCode {
            code: $name,
            name: stringify!($name),
            meaning: $meaning,
            programs: &[$(Program::$program),+],
        }),+];
    };
}

exit_codes! {
    HOLDS = 0 [FrontDoor, Simulator] "holds, complete within its bounds";
    DONE = 0 [Daemon] "done";
    VIOLATED = 1 [FrontDoor, Simulator] "an invariant is violated, a mark is not reached, a known bug is not found, or a mutant survived";
    REFUSED = 1 [Daemon] "the cluster refused, an invariant is broken, or a demo lost a write";
    UNKNOWN = 2 [FrontDoor, Simulator] "unknown: a limit ended the search or the judging of a history, or a simulated cluster had no quorum of disks left";
    INDETERMINATE = 2 [Daemon] "unknown: it may or may not have been done";
    NOT_CONVERGED = 3 [Simulator] "a simulated cluster that could recover did not, after the faults had ended";
    UNSETTLED = 3 [Daemon] "a demo's move did not end, or its cluster did not come to rest";
    NOTHING = 4 [FrontDoor, Simulator] "nothing was run";
    REVIEW = 5 [FrontDoor] "a trace diverged, or is stale; a change needs a decision";
    NOT_DETERMINISTIC = 6 [Simulator] "the second run of a seed differed from the first";
    USAGE = 64 [FrontDoor, Simulator, Daemon] "wrong command line";
    DATA = 65 [FrontDoor, Daemon] "a file that cannot be read, or has the wrong format";
    UNAVAILABLE = 69 [Daemon] "no node answered in time, or an address is taken";
    INTERNAL = 70 [FrontDoor, Simulator, Daemon] "a defect of this program, or a disk that failed";
}

/// Codes of the given programs with their meanings. Where programs differ in a code's meaning, the daemon's is
/// marked as such.
fn meanings(programs: &[Program]) -> Vec<(u8, String)> {
    let mut all: Vec<(u8, String)> = Vec::new();
    let wanted = |row: &&ExitCode| row.programs.iter().any(|program| programs.contains(program));
    for row in TABLE.iter().filter(wanted) {
        let daemon_alone = *row.programs == [Program::Daemon] && programs.len() > 1;
        let meaning =
            if daemon_alone { format!("cutoverd: {}", row.meaning) } else { row.meaning.to_owned() };
        match all.last_mut() {
            Some((code, text)) if *code == row.code => {
                text.push_str("; ");
                text.push_str(&meaning);
            }
            Some(_) | None => all.push((row.code, meaning)),
        }
    }
    all
}

/// The list of exit codes for the `--help` of the given programs.
#[must_use]
pub fn help(programs: &[Program]) -> String {
    let mut text = "Exit codes:".to_owned();
    for (code, meaning) in meanings(programs) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {code:>2}  {meaning}");
    }
    text
}

/// The list of exit codes for the `--help` of one verb, with the verb's own meanings.
#[must_use]
pub fn help_of_verb(codes: &[(u8, &str)]) -> String {
    let codes: Vec<String> = codes.iter().map(|(code, meaning)| format!("{code} {meaning}")).collect();
    format!("Exit codes: {}.", codes.join("; "))
}

/// The exit codes of all programs as a table in Markdown.
#[must_use]
pub fn markdown() -> String {
    let all = meanings(&[Program::FrontDoor, Program::Simulator, Program::Daemon]);
    table(all.iter().map(|(code, meaning)| (*code, meaning.as_str())))
}

/// The exit codes of one verb as a table in Markdown.
#[must_use]
pub fn markdown_of_verb(codes: &[(u8, &str)]) -> String {
    table(codes.iter().copied())
}

fn table<'a>(rows: impl Iterator<Item = (u8, &'a str)>) -> String {
    let mut text = "| exit code | means |\n| --- | --- |\n".to_owned();
    for (code, meaning) in rows {
        let _ = writeln!(text, "| {code} | {meaning} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{INTERNAL, Program, TABLE, help, markdown};

    #[test]
    fn a_program_means_one_thing_by_a_code() {
        assert!(TABLE.is_sorted_by_key(|row| row.code));
        for program in [Program::FrontDoor, Program::Simulator, Program::Daemon] {
            let codes: Vec<u8> =
                TABLE.iter().filter(|row| row.programs.contains(&program)).map(|row| row.code).collect();
            let mut once = codes.clone();
            once.dedup();
            assert_eq!(codes, once, "{program:?}");
            assert!(codes.contains(&INTERNAL));
        }
    }

    #[test]
    fn what_only_the_daemon_means_is_marked_beside_the_others() {
        assert!(help(&[Program::Daemon]).contains("\n   0  done\n   1  the cluster refused"));
        let all = markdown();
        assert!(all.contains("| 0 | holds, complete within its bounds; cutoverd: done |"), "{all}");
        assert!(all.contains("| 69 | cutoverd: no node answered in time, or an address is taken |"), "{all}");
        assert!(all.contains("| 64 | wrong command line |"), "{all}");
    }
}
