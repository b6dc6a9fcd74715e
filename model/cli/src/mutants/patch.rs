//! A patch in `tests/mutants`: its header and its diff.

use super::error::Error;
use super::header::{Fields, Key};
use super::judge::{Judge, TRACE};
use cutover_report::{Engine, Expect};

/// Directory of the patches, relative to the root of the repository.
pub const DIR: &str = "tests/mutants";
/// Subdirectories: of the patches that the simulator judges, of those after which a goal cannot be reached, of those that whatever
/// finds them kills, and of those that were drawn.
pub const FOLDERS: [&str; 5] = ["sim", "goals", "kinds", "drawn", "copies"];
/// The invariant of a header whose mutant any violation kills.
const ANY: &str = "any";

/// A known bug, as a patch of the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// File name in [`DIR`], with the extension `.patch`.
    pub name: String,
    /// Number in the list of published bugs, if the patch repeats one.
    pub bug: Option<u32>,
    /// The rule of the protocol that the patch leaves out, if it names one.
    pub rule: Option<String>,
    /// Where the bug was published.
    pub source: Option<String>,
    /// What the patch changes, in one line.
    pub mechanism: String,
    /// The kind of bug, if the patch is one of several of a kind.
    pub kind: Option<String>,
    /// A run in which the bug does harm.
    pub harm: Option<String>,
    /// Why nothing has to find it, if it changes nothing that anybody could notice.
    pub equivalent: Option<String>,
    /// Whether every engine judges it, and any violation kills.
    pub any: bool,
    /// Id of the invariant that must fail; `None` for a patch that must survive in all scopes.
    pub invariant: Option<String>,
    /// Name of the scope in which the invariant must fail, or the file of the trace that must diverge; `None` only for a
    /// patch that must not compile.
    pub scope: Option<String>,
    /// Number of the step at which the trace must diverge, if a trace judges the mutant.
    pub step: Option<u64>,
    /// The verdict that the mutant must get.
    pub expect: Expect,
    /// A remark of the author.
    pub note: Option<String>,
    /// The header as written.
    pub header: String,
    /// The diff without the header; empty for a patch that changes nothing.
    pub diff: String,
    /// Paths of the files that the diff touches, before and after, relative to the root.
    pub files: Vec<String>,
}

impl Patch {
    /// Reads a patch from the text of the file `name` in [`DIR`].
    ///
    /// # Errors
    /// [`Error::Unreadable`] for the first line that does not have the form of [`super::header`].
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let file = format!("{DIR}/{name}");
        let fields = Fields::read(&file, text)?;
        let expect = match fields.get(Key::Expect) {
            None | Some("killed") => Expect::Killed,
            Some("survives") => Expect::Survives,
            Some("does-not-compile") => Expect::DoesNotCompile,
            Some("open") => Expect::Open,
            Some(_) => {
                return Err(fields.wrong(Key::Expect, "killed, survives, open or does-not-compile"));
            }
        };
        let bug = number(&fields)?;
        let any = fields.get(Key::Invariant) == Some(ANY);
        let Named { invariant, scope, step } =
            if any { anything(&fields, expect)? } else { judge(&fields, expect)? };
        let control = invariant.is_none() && step.is_none() && !any;
        if fields.get(Key::Bug).is_none() && fields.get(Key::Rule).is_none() && !control {
            return Err(fields.missing("`# bug: NUMBER` or `# rule: TEXT`"));
        }
        let (header, diff) = text.split_at(fields.end());
        let body_line = header.lines().count() + 1;
        Ok(Self {
            bug,
            rule: fields.owned(Key::Rule),
            source: fields.owned(Key::Source),
            mechanism: fields.required(Key::Mechanism)?,
            scope,
            step,
            note: fields.owned(Key::Note),
            kind: fields.owned(Key::Kind),
            harm: fields.owned(Key::Harm),
            equivalent: fields.owned(Key::Equivalent),
            any,
            files: files(&file, body_line, diff, expect)?,
            header: header.trim_end().to_owned(),
            diff: diff.to_owned(),
            name: name.to_owned(),
            invariant,
            expect,
        })
    }

    /// Path relative to the root of the repository.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{DIR}/{}", self.name)
    }

    /// File name without `.patch`.
    #[must_use]
    pub fn stem(&self) -> &str {
        self.name.strip_suffix(".patch").unwrap_or(&self.name)
    }

    /// The bug's number, or else the rule, for a column of a table.
    #[must_use]
    pub fn origin(&self) -> String {
        match (self.bug, &self.rule) {
            (Some(bug), _) => bug.to_string(),
            (None, Some(rule)) => rule.clone(),
            (None, None) => "-".to_owned(),
        }
    }

    /// What judges the mutant: the engine that its header names, or every one of `all`.
    #[must_use]
    pub fn judges(&self, all: &[Engine]) -> Vec<Judge> {
        if self.any {
            return all.iter().copied().map(Judge::anywhere).collect();
        }
        let named = Judge::named(self.scope.as_deref());
        if all.contains(&named.engine()) { vec![named] } else { Vec::new() }
    }

    /// What must find the mutant: the invariant's id, the step at which the trace must diverge, or `none`.
    #[must_use]
    pub fn named(&self) -> String {
        match (&self.invariant, self.step) {
            (Some(id), _) => id.clone(),
            (None, Some(step)) => divergence(step),
            (None, None) if self.any => ANY.to_owned(),
            (None, None) => "none".to_owned(),
        }
    }
}

/// The text that stands for the divergence of a trace in the scoreboard.
#[must_use]
pub(super) fn divergence(step: u64) -> String {
    format!("divergence at step {step}")
}

/// What must find a mutant, and where.
struct Named {
    invariant: Option<String>,
    scope: Option<String>,
    step: Option<u64>,
}

/// A mutant that any violation kills, wherever it is found.
fn anything(fields: &Fields<'_>, expect: Expect) -> Result<Named, Error> {
    for other in [Key::Scope, Key::Trace, Key::Step] {
        if fields.get(other).is_some() {
            return Err(fields.wrong(other, "none beside `invariant: any`"));
        }
    }
    match expect {
        Expect::Killed | Expect::Open => Ok(Named { invariant: None, scope: None, step: None }),
        Expect::Survives | Expect::DoesNotCompile => {
            Err(fields.wrong(Key::Expect, "killed or open, beside `invariant: any`"))
        }
    }
}

fn judge(fields: &Fields<'_>, expect: Expect) -> Result<Named, Error> {
    if expect == Expect::Open {
        return Err(fields.wrong(Key::Expect, "`open` beside `invariant: any` only"));
    }
    let Some(trace) = fields.owned(Key::Trace) else {
        if fields.get(Key::Step).is_some() {
            return Err(fields.wrong(Key::Step, "no step without a trace"));
        }
        let (invariant, scope) = (invariant(fields, expect)?, scope(fields, expect)?);
        return Ok(Named { invariant, scope, step: None });
    };
    for other in [Key::Invariant, Key::Scope] {
        if fields.get(other).is_some() {
            return Err(fields.wrong(other, "a trace, or an invariant with its scope"));
        }
    }
    if expect != Expect::Killed {
        return Err(fields.wrong(Key::Expect, "killed: a trace must diverge"));
    }
    let relative = trace.ends_with(TRACE) && !trace.starts_with('/') && !trace.contains("..");
    if !relative || trace.contains(char::is_whitespace) {
        return Err(fields.wrong(Key::Trace, "the file of a trace, such as traces/regress/NAME.trace"));
    }
    let step = fields.required(Key::Step)?.parse().ok().filter(|step| *step > 0);
    let step = step.ok_or_else(|| fields.wrong(Key::Step, "the number of a step, from 1"))?;
    Ok(Named { invariant: None, scope: Some(trace), step: Some(step) })
}

fn number(fields: &Fields<'_>) -> Result<Option<u32>, Error> {
    match fields.get(Key::Bug).map(str::parse) {
        None => Ok(None),
        Some(Ok(bug)) => Ok(Some(bug)),
        Some(Err(_)) => Err(fields.wrong(Key::Bug, "the number of a bug")),
    }
}

fn invariant(fields: &Fields<'_>, expect: Expect) -> Result<Option<String>, Error> {
    let id = fields.required(Key::Invariant)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match (id.as_str(), expect) {
        ("none", Expect::Survives) => Ok(None),
        ("none", Expect::Killed | Expect::DoesNotCompile | Expect::Open) => {
            Err(fields.wrong(Key::Invariant, "an invariant's id (`none` needs `expect: survives`)"))
        }
        (text, _) if text.contains('.') && text.chars().all(allowed) => Ok(Some(id)),
        (_, _) => Err(fields.wrong(Key::Invariant, "an invariant's id such as migration.cas")),
    }
}

fn scope(fields: &Fields<'_>, expect: Expect) -> Result<Option<String>, Error> {
    match (fields.owned(Key::Scope), expect) {
        (None, Expect::DoesNotCompile) => Ok(None),
        (None, Expect::Killed | Expect::Survives | Expect::Open) => fields.required(Key::Scope).map(Some),
        (Some(scope), _) if scope.contains(char::is_whitespace) => {
            Err(fields.wrong(Key::Scope, "one scope such as migration/moves"))
        }
        (Some(scope), _) => Ok(Some(scope)),
    }
}

/// The files in the diff's `diff --git` lines. A line of a hunk cannot be taken for one, since it starts with a
/// space, a sign or a backslash.
fn files(file: &str, first: usize, diff: &str, expect: Expect) -> Result<Vec<String>, Error> {
    let unreadable = |line: usize, found: String, expected: &str| Error::Unreadable {
        file: file.to_owned(),
        line,
        found,
        expected: expected.to_owned(),
    };
    let start = diff.lines().enumerate().find(|(_, l)| !l.trim().is_empty());
    match start {
        None if expect == Expect::Survives => return Ok(Vec::new()),
        None => {
            return Err(unreadable(first, "the end of the file".to_owned(), "a diff"));
        }
        Some((_, line)) if line.starts_with("diff --git ") => {}
        Some((index, line)) => {
            return Err(unreadable(
                first + index,
                format!("`{}`", line.trim_end()),
                "`# key: value` or `diff --git a/FILE b/FILE`",
            ));
        }
    }
    let mut files = Vec::new();
    for (index, line) in diff.lines().enumerate() {
        let Some(names) = line.strip_prefix("diff --git ") else {
            continue;
        };
        let pair = names.strip_prefix("a/").and_then(|n| n.split_once(" b/"));
        let safe = |path: &str| !path.is_empty() && path.split('/').all(|part| part != "..");
        match pair {
            Some((old, new)) if safe(old) && safe(new) => {
                files.extend([old.to_owned(), new.to_owned()]);
            }
            Some(_) | None => {
                let found = format!("`{line}`");
                return Err(unreadable(first + index, found, "`diff --git a/FILE b/FILE`"));
            }
        }
    }
    files.sort_unstable();
    files.dedup();
    Ok(files)
}
