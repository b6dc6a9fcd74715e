//! Help texts and documents contain the exit codes of the common table, and no other code defines any.

use super::ran::run;
use cutover_cli::exit::{self, Program, TABLE};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn help_lists_every_code() {
    let dir = tempfile::tempdir().unwrap();
    let help = run(dir.path(), &["--help"]).stdout;
    let all = exit::help(&[Program::FrontDoor, Program::Simulator, Program::Daemon]);
    assert!(words(&help).contains(&words(&all)), "{help}");
    assert!(TABLE.iter().all(|row| words(&help).contains(row.meaning)), "{help}");
    for verb in ["review", "mutants", "history", "coverage"] {
        let help = run(dir.path(), &[verb, "--help"]).stdout;
        assert!(words(&help).contains("Exit codes: 0 "), "{help}");
    }
}

#[test]
fn documents_list_the_same_codes() {
    let holds = |file: &str, table: String| {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(&table), "{file} has no such table:\n{table}");
    };
    holds("README.md", exit::markdown());
    holds("docs/reviewing.md", exit::markdown_of_verb(cutover_cli::review::CODES));
}

/// Numeric literals in a source text that are used as exit codes.
fn literals(text: &str) -> Vec<&str> {
    let code = |line: &&str| {
        ["ExitCode::from(", "process::exit("].iter().any(|call| {
            let argument = line.split(call).nth(1);
            argument.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        }) || (line.contains(": u8 = ")
            && TABLE.iter().any(|row| row.code > 9 && line.contains(&format!(" = {};", row.code))))
    };
    text.lines().filter(code).collect()
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn no_code_stands_outside_the_table() {
    assert_eq!(
        literals("ExitCode::from(64)\nconst DATA: u8 = 65;\nExitCode::from(code)\nlet x: u8 = 7;").len(),
        2
    );
    let mut files = Vec::new();
    for folder in ["src", "model/src", "model/cli/src", "sim/src"] {
        sources(&root().join(folder), &mut files);
    }
    assert!(files.len() > 100);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(literals(&text), Vec::<&str>::new(), "{}", file.display());
    }
}
