//! The transitions that walks take: abstract states with the kinds of input that were taken in them, and what was never reached.

use super::error::Error;
use cutover_report::{Line, Walk};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How the names of the scopes begin that are made for walks. Of the others, which are searched, a few walks say little.
const WALKED: &str = "walk/";

/// What the walks of a scope took, all runs together.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) steps: u64,
    /// The most distinct abstract states of one run: a run prints their number, and not which they are.
    pub(super) states: u64,
    /// The most distinct transitions of one run.
    pub(super) transitions: u64,
    /// What no run took or reached, by name.
    pub(super) never: Vec<String>,
}

/// Reads what the walks of the last runs said, by scope, from the directory in which it was kept.
///
/// # Errors
/// [`Error::Io`] if the directory or a file in it cannot be read.
pub(super) fn read(dir: &Path) -> Result<BTreeMap<String, Taken>, Error> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io(dir))? {
        let path = entry.map_err(Error::io(dir))?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            texts.push(fs::read_to_string(&path).map_err(Error::io(&path))?);
        }
    }
    Ok(summed(&texts))
}

fn summed(texts: &[String]) -> BTreeMap<String, Taken> {
    let lines = texts.iter().flat_map(|text| text.lines());
    let walks = lines.filter_map(|line| match serde_json::from_str(line) {
        Ok(Line::Walk(walk)) if walk.scope.starts_with(WALKED) => Some(*walk),
        Ok(_) | Err(_) => None,
    });
    let mut scopes: BTreeMap<String, Taken> = BTreeMap::new();
    for Walk { scope, steps, states, transitions, never, .. } in walks {
        let first = !scopes.contains_key(&scope);
        let taken = scopes.entry(scope).or_default();
        taken.steps += steps;
        taken.states = taken.states.max(states);
        taken.transitions = taken.transitions.max(transitions);
        if first {
            taken.never = never;
        } else {
            taken.never.retain(|name| never.contains(name));
        }
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::summed;

    fn line(scope: &str, states: u64, never: &str) -> String {
        format!(
            r#"{{"type":"walk","scope":"{scope}","seed":1,"walks":2,"steps":10,"seconds":0.5,"states":{states},"transitions":{},"kinds":{{}},"never":[{never}]}}"#,
            states * 2
        )
    }

    #[test]
    fn what_one_run_reached_was_reached() {
        let one = format!("{}\nnot a line\n", line("walk/a", 4, r#""force","wipe""#));
        let other = format!("{}\n{}", line("walk/a", 3, r#""wipe","drop""#), line("walk/b", 1, r#""drop""#));
        let scopes = summed(&[one, other]);
        let a = &scopes["walk/a"];
        assert_eq!(
            (a.steps, a.states, a.transitions, a.never.as_slice()),
            (20, 4, 8, &["wipe".to_owned()][..])
        );
        assert_eq!(scopes["walk/b"].never, ["drop"]);
    }
}
