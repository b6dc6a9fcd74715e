//! One build for many mutants. A mutant that differs in bodies of functions only is put beside the original body, and an environment
//! variable says which of them runs; so a compiler's minute is paid once, not for each mutant. The method is known as mutant schemata
//! (Untch, Offutt, Harrold: Mutation analysis using mutant schemata, ISSTA 1993).
//!
//! The others, whose patches change a type, a constant or a signature, are built one by one.

mod text;

use super::build::{Built, Tools};
use super::error::Error;
use super::judge::Program;
use super::patch::Patch;
use super::tree::{Checkout, Saved};
use cutover_report::Expect;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use text::{Body, bodies, join};

/// The variable that switches a mutant on.
pub(super) const VARIABLE: &str = "CUTOVER_MUTANT";
/// The crate whose functions can be joined.
const CRATE: &str = "src/";
const ROOT: &str = "src/lib.rs";
/// A round of the compiler shows the errors of one phase; there are not many phases.
const ROUNDS: u32 = 12;

/// What the crate gets besides.
const SWITCH: &str = "
/// Which mutant is switched on.
pub mod mutant {
    extern crate std;

    /// Whether it is this one.
    #[inline]
    pub fn is_on(number: u32) -> bool {
        static ON: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
        let read = || std::env::var(\"CUTOVER_MUTANT\").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        *ON.get_or_init(read) == number
    }
}
";

/// The bodies of a mutant, by file.
pub(super) type Bodies = BTreeMap<String, Vec<Body>>;
/// Mutants by their numbers, from 1.
pub(super) type Mutants = BTreeMap<u32, Bodies>;

/// The mutants that are in one build.
#[derive(Debug, Default)]
pub(super) struct Joint {
    numbers: BTreeMap<String, u32>,
    programs: BTreeMap<Program, PathBuf>,
    /// The files as they were.
    saved: RefCell<Option<Saved>>,
}

impl Joint {
    /// Joins what can be joined of `patches` in the copy, which stays so until [`Joint::undo`], and builds `programs`. `None` if the
    /// run is interrupted.
    ///
    /// # Errors
    /// [`Error`] if a program cannot be started, or a file not be read or written.
    pub(super) fn build(
        patches: &[&Patch],
        programs: &BTreeSet<Program>,
        checkout: &Checkout,
        tools: &Tools,
        stop: &AtomicBool,
    ) -> Result<Option<Self>, Error> {
        let logs = checkout.out.join("joint");
        fs::create_dir_all(&logs).map_err(Error::io(&logs))?;
        let (mut mutants, mut names) = (Mutants::new(), BTreeMap::new());
        for (patch, number) in patches.iter().zip(1..) {
            if let Some(bodies) = mutant(patch, checkout, tools)? {
                mutants.insert(number, bodies);
                names.insert(patch.name.clone(), number);
            }
        }
        let mut built = BTreeMap::new();
        let compiled = compiled(&checkout.tree, &mut mutants, &logs.join("build.stderr"), || {
            for program in programs {
                match tools.build(checkout, *program, &logs, stop)? {
                    None => return Ok(None),
                    Some(Built::Program(path)) => _ = built.insert(*program, path),
                    Some(Built::Refused(_)) => return Ok(Some(false)),
                }
            }
            Ok(Some(true))
        })?;
        let Some(saved) = compiled else { return Ok(None) };
        names.retain(|_, number| mutants.contains_key(number));
        Ok(Some(Self { numbers: names, programs: built, saved: RefCell::new(saved) }))
    }

    /// The number of a patch, if it is in the build.
    pub(super) fn number(&self, patch: &Patch) -> Option<u32> {
        self.numbers.get(&patch.name).copied()
    }

    /// The program of the build, if there is one.
    pub(super) fn program(&self, program: Program) -> Option<&Path> {
        self.saved.borrow().as_ref()?;
        self.programs.get(&program).map(PathBuf::as_path)
    }

    /// Makes the copy equal to the working tree again.
    ///
    /// # Errors
    /// [`Error`] if a file cannot be written.
    pub(super) fn undo(&self) -> Result<(), Error> {
        self.saved.borrow_mut().take().map_or(Ok(()), Saved::restore)
    }
}

/// Joins mutants in a copy, and leaves those out with which it does not compile. Returns what the files were before, if any mutant is left;
/// the outer `None` if the run is interrupted. `compile`: whether the copy compiles, with the errors in the file `errors`.
///
/// # Errors
/// [`Error`] if a file cannot be read or written, and those of `compile`.
pub(super) fn compiled(
    tree: &Path,
    mutants: &mut Mutants,
    errors: &Path,
    mut compile: impl FnMut() -> Result<Option<bool>, Error>,
) -> Result<Option<Option<Saved>>, Error> {
    if !tree.join(ROOT).is_file() {
        mutants.clear();
    }
    for _ in 0..ROUNDS {
        if mutants.is_empty() {
            return Ok(Some(None));
        }
        let files: BTreeSet<_> = mutants.values().flat_map(BTreeMap::keys).cloned().collect();
        let files: Vec<_> = files.into_iter().chain([ROOT.to_owned()]).collect();
        let saved = Saved::new(tree, &files)?;
        let places = write(tree, mutants)?;
        match compile() {
            Ok(Some(true)) => return Ok(Some(Some(saved))),
            Ok(Some(false)) => saved.restore()?,
            other => {
                saved.restore()?;
                return other.map(|_| None);
            }
        }
        let guilty = places.guilty(&fs::read_to_string(errors).map_err(Error::io(errors))?);
        if guilty.is_empty() {
            break;
        }
        mutants.retain(|number, _| !guilty.contains(number));
    }
    mutants.clear();
    Ok(Some(None))
}

/// The bodies in which a mutated file differs, if it differs in nothing else.
pub(super) fn bodies_of(file: &str, before: &str, after: &str) -> Option<Bodies> {
    Some(Bodies::from([(file.to_owned(), bodies(before, after)?)]))
}

/// The bodies of a mutant; `None` if it changes something else, or is to be refused by the compiler.
fn mutant(patch: &Patch, checkout: &Checkout, tools: &Tools) -> Result<Option<Bodies>, Error> {
    let of_crate = patch.files.iter().all(|file| file.starts_with(CRATE) && file != ROOT);
    if patch.expect == Expect::DoesNotCompile || patch.files.is_empty() || !of_crate {
        return Ok(None);
    }
    let tree = &checkout.tree;
    let read = |file: &String| fs::read_to_string(tree.join(file)).ok();
    let before: Vec<_> = patch.files.iter().map(read).collect();
    let saved = Saved::new(tree, &patch.files)?;
    let applies = tools.git.apply(tree, &patch.diff, false)?.is_none();
    let after: Vec<_> = patch.files.iter().map(read).collect();
    saved.restore()?;
    let mut found = Bodies::new();
    for ((file, before), after) in patch.files.iter().zip(before).zip(after) {
        let (Some(before), Some(after), true) = (before, after, applies) else { return Ok(None) };
        let Some(bodies) = bodies(&before, &after) else { return Ok(None) };
        found.insert(file.clone(), bodies);
    }
    Ok(Some(found))
}

/// Where the mutants stand in the files.
#[derive(Debug, Default)]
struct Places {
    lines: Vec<(String, Range<usize>, Vec<u32>)>,
    constants: Vec<(String, Vec<u32>)>,
}

impl Places {
    /// The mutants that the compiler's errors are about.
    fn guilty(&self, said: &str) -> BTreeSet<u32> {
        let mut guilty = BTreeSet::new();
        let mut in_error = false;
        for line in said.lines() {
            if line.starts_with("error") || line.starts_with("warning") {
                in_error = line.starts_with("error");
            }
            if !in_error {
                continue;
            }
            if let Some((file, number)) = place(line) {
                let here = |(of, lines, _): &&(String, Range<usize>, Vec<u32>)| {
                    *of == file && lines.contains(&number)
                };
                guilty.extend(self.lines.iter().filter(here).flat_map(|(_, _, mutants)| mutants));
            }
            // A function that was `const`, called where only such functions may be.
            if line.starts_with("error[E0015]") {
                let called = |(name, _): &&(String, Vec<u32>)| line.contains(&format!("{name}`"));
                guilty.extend(self.constants.iter().filter(called).flat_map(|(_, mutants)| mutants));
            }
        }
        guilty
    }
}

/// File and line of the compiler's ` --> src/core/x.rs:12:5`.
fn place(line: &str) -> Option<(&str, usize)> {
    let (_, place) = line.split_once("--> ")?;
    let mut parts = place.split(':');
    let (file, number) = (parts.next()?, parts.next()?.parse().ok()?);
    Some((file, number))
}

fn write(tree: &Path, mutants: &Mutants) -> Result<Places, Error> {
    let mut of_files: BTreeMap<&String, Vec<(u32, Body)>> = BTreeMap::new();
    for (number, bodies) in mutants {
        for (file, bodies) in bodies {
            of_files.entry(file).or_default().extend(bodies.iter().map(|body| (*number, body.clone())));
        }
    }
    let mut places = Places::default();
    let read = |path: &Path| fs::read_to_string(path).map_err(Error::io(path));
    for (file, mutants) in of_files {
        let path = tree.join(file);
        let Some(joined) = join(&read(&path)?, &mutants) else { continue };
        fs::write(&path, &joined.text).map_err(Error::io(&path))?;
        places.lines.extend(joined.lines.into_iter().map(|(lines, numbers)| (file.clone(), lines, numbers)));
        places.constants.extend(joined.constants);
    }
    let root = tree.join(ROOT);
    fs::write(&root, read(&root)? + SWITCH).map_err(Error::io(&root))?;
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn an_error_names_the_mutants_of_its_place() {
        let places = Places {
            lines: vec![("src/a.rs".to_owned(), 3..5, vec![1]), ("src/a.rs".to_owned(), 6..7, vec![1, 2])],
            constants: vec![("one".to_owned(), vec![3])],
        };
        let said = |text: &str| places.guilty(text).into_iter().collect::<Vec<_>>();
        assert_eq!(said("warning: x\n --> src/a.rs:4:1\nerror[E1]: y\n  --> src/a.rs:6:9\n"), [1, 2]);
        assert!(said("error: y\n  --> src/b.rs:4:9\n").is_empty());
        assert_eq!(said("error[E0015]: cannot call non-const method `A::one` in constants\n"), [3]);
    }
}
