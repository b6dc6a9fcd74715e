//! Selects the patches of a run, and their order.

use super::error::Error;
use super::judge::Judge;
use super::patch::Patch;
use cutover_report::{Chosen as Why, Engine, Expect};
use std::collections::BTreeSet;

/// A patch that the run will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// The selected patch.
    pub patch: &'a Patch,
    /// Why it was selected.
    pub why: Why,
}

/// The selection on the command line. If all fields are empty, all patches are selected.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Names of patches, or parts of names.
    pub patterns: Vec<String>,
    /// The files that changed, if only what they concern is selected.
    pub changed: Option<BTreeSet<String>>,
    /// How many of the other patches to draw at random, and the seed.
    pub sample: Option<(usize, String)>,
    /// The engines that may judge.
    pub engines: Vec<Engine>,
    /// Whether every engine judges every patch, and not only the one that its header names.
    pub everywhere: bool,
}

impl Selection {
    /// What judges a patch.
    #[must_use]
    pub fn judges(&self, patch: &Patch) -> Vec<Judge> {
        let mut judges = patch.judges(&self.engines);
        let compiles = patch.expect != Expect::DoesNotCompile && patch.expect != Expect::Survives;
        if self.everywhere && compiles && !patch.any {
            let own: Vec<_> = judges.iter().map(Judge::engine).collect();
            let others = self.engines.iter().filter(|engine| !own.contains(engine));
            judges.extend(others.copied().map(Judge::anywhere));
        }
        judges
    }
}

/// Selects from `patches`, which are sorted by name. The order is: patches that must survive, then patches named or
/// changed, then those drawn at random, and last those that every engine judges, which takes longest and is never drawn.
/// Unless there are patterns, patches that must survive are always added.
///
/// # Errors
/// [`Error::Usage`] for a pattern that fits no patch.
pub fn choose<'a>(patches: &'a [Patch], selection: &Selection) -> Result<Vec<Chosen<'a>>, Error> {
    let named = named(patches, &selection.patterns)?;
    let judged = |patch: &&Patch| !selection.judges(patch).is_empty();
    let patches = || patches.iter().filter(judged);
    let nothing_asked =
        selection.patterns.is_empty() && selection.changed.is_none() && selection.sample.is_none();
    // Nobody knows yet whether an open one is found, so no change rests on it: it is judged when it is named.
    let gates = |patch: &Patch| patch.expect != Expect::Open;
    let why = |patch: &Patch| {
        if nothing_asked || named.contains(patch.name.as_str()) {
            Some(Why::Named)
        } else if gates(patch) && selection.changed.as_ref().is_some_and(|c| concerns(patch, c)) {
            Some(Why::Changed)
        } else {
            None
        }
    };
    let chosen = |patch: &'a Patch| why(patch).map(|why| Chosen { patch, why });
    let mut all: Vec<_> = patches().filter_map(chosen).collect();
    if let Some((count, seed)) = &selection.sample {
        let drawable = |patch: &&Patch| patch.expect != Expect::Survives && !patch.any;
        let others = patches().filter(|patch| why(patch).is_none()).filter(drawable);
        all.extend(draw(others, *count, seed));
    }
    if !all.is_empty() && selection.patterns.is_empty() {
        all.retain(|one| one.patch.expect != Expect::Survives);
        let canaries = patches()
            .filter(|patch| patch.expect == Expect::Survives)
            .map(|patch| Chosen { patch, why: Why::Canary });
        all.splice(0..0, canaries);
    }
    all.sort_by_key(|one| one.patch.any);
    Ok(all)
}

fn named<'a>(patches: &'a [Patch], patterns: &[String]) -> Result<BTreeSet<&'a str>, Error> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let exact = |patch: &&Patch| patch.name == *pattern || patch.stem() == pattern;
        let part = |patch: &&Patch| patch.name.contains(pattern.as_str());
        let before = found.len();
        if let Some(one) = patches.iter().find(exact) {
            found.insert(one.name.as_str());
            continue;
        }
        found.extend(patches.iter().filter(part).map(|patch| patch.name.as_str()));
        if found.len() == before && !patches.iter().any(|patch| part(&patch)) {
            return Err(Error::Usage(format!(
                "no patch fits `{pattern}`: found {} patches, `cutover mutants --list` names them",
                patches.len()
            )));
        }
    }
    Ok(found)
}

fn concerns(patch: &Patch, changed: &BTreeSet<String>) -> bool {
    changed.contains(&patch.path()) || patch.files.iter().any(|file| changed.contains(file))
}

/// The `count` patches with the smallest hashes of seed and name.
fn draw<'a>(
    others: impl Iterator<Item = &'a Patch>,
    count: usize,
    seed: &str,
) -> impl Iterator<Item = Chosen<'a>> {
    let mut ranked: Vec<_> =
        others.map(|patch| (fnv1a(seed.bytes().chain(patch.name.bytes())), patch)).collect();
    ranked.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.name.cmp(&y.name)));
    ranked.into_iter().take(count).map(|(_, patch)| Chosen { patch, why: Why::Sampled })
}

fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::super::error::Error;
    use super::super::patch::Patch;
    use super::{Chosen, Selection, Why, choose, fnv1a};
    use cutover_report::Engine;
    use std::collections::BTreeSet;

    fn patches() -> Result<Vec<Patch>, Error> {
        let one = |name: &str, tail: &str| {
            let text = format!(
                "# rule: r\n# mechanism: m\n# scope: s\n{tail}\ndiff --git a/src/{name}.rs b/src/{name}.rs\n"
            );
            Patch::parse(&format!("{name}.patch"), &text)
        };
        let killed = "# invariant: a.b";
        Ok(vec![
            one("apply", killed)?,
            one("apply-late", killed)?,
            one("cas", killed)?,
            one("none", "# invariant: none\n# expect: survives")?,
            one("seal", killed)?,
        ])
    }

    fn everything() -> Selection {
        Selection { engines: vec![Engine::Check, Engine::Walk], ..Selection::default() }
    }

    fn names(chosen: &[Chosen<'_>]) -> Vec<(String, Why)> {
        let pair = |one: &Chosen<'_>| (one.patch.stem().to_owned(), one.why);
        chosen.iter().map(pair).collect()
    }

    fn pairs(expected: &[(&str, Why)]) -> Vec<(String, Why)> {
        let own = |&(name, why): &(&str, Why)| (name.to_owned(), why);
        expected.iter().map(own).collect()
    }

    #[test]
    fn nothing_asked_for_means_all_with_the_canary_first() -> Result<(), Error> {
        let patches = patches()?;
        let got = names(&choose(&patches, &everything())?);
        let n = Why::Named;
        let expected = [("none", Why::Canary), ("apply", n), ("apply-late", n), ("cas", n), ("seal", n)];
        assert_eq!(got, pairs(&expected));
        Ok(())
    }

    #[test]
    fn a_pattern_is_a_part_of_a_name_and_an_exact_name_wins() -> Result<(), Error> {
        let patches = patches()?;
        let by = |patterns: &[&str]| {
            let patterns = patterns.iter().map(|p| (*p).to_owned()).collect();
            let selection = Selection { patterns, ..everything() };
            choose(&patches, &selection).map(|chosen| names(&chosen))
        };
        let n = Why::Named;
        assert_eq!(by(&["app"])?, pairs(&[("apply", n), ("apply-late", n)]));
        assert_eq!(by(&["apply"])?, pairs(&[("apply", n)]));
        assert_eq!(by(&["ea", "seal"])?, pairs(&[("seal", n)]));
        let wrong = by(&["sael"]).err().map(|error| error.to_string());
        let expected = "no patch fits `sael`: found 5 patches, `cutover mutants --list` names them";
        assert_eq!(wrong.as_deref(), Some(expected));
        Ok(())
    }

    #[test]
    fn a_change_to_the_patch_or_to_its_file_chooses_it() -> Result<(), Error> {
        let patches = patches()?;
        let by = |changed: &[&str]| {
            let changed: BTreeSet<_> = changed.iter().map(|c| (*c).to_owned()).collect();
            let selection = Selection { changed: Some(changed), ..everything() };
            choose(&patches, &selection).map(|chosen| names(&chosen))
        };
        let (canary, c) = (("none", Why::Canary), Why::Changed);
        let both = by(&["src/cas.rs", "tests/mutants/seal.patch"])?;
        assert_eq!(both, pairs(&[canary, ("cas", c), ("seal", c)]));
        assert_eq!(by(&["README.md"])?, pairs(&[]));
        Ok(())
    }

    #[test]
    fn the_same_seed_draws_the_same_patches() -> Result<(), Error> {
        let patches = patches()?;
        let by = |count: usize, seed: &str| {
            let selection = Selection { sample: Some((count, seed.to_owned())), ..everything() };
            choose(&patches, &selection).map(|chosen| names(&chosen))
        };
        assert_eq!(fnv1a("a".bytes()), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(by(2, "x")?, by(2, "x")?);
        assert_eq!(by(9, "x")?.len(), 5);
        let draws: BTreeSet<_> = (0..8)
            .map(|seed| by(1, &seed.to_string()).map(|drawn| format!("{drawn:?}")))
            .collect::<Result<_, _>>()?;
        assert!(draws.len() > 1);
        Ok(())
    }
}
