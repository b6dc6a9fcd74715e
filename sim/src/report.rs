//! What is printed: results to stdout, progress to stderr.

use crate::campaign::{Campaign, Ran};
use crate::cli::{code, exit};
use crate::judge::own;
use crate::run::Verdict;
use crate::shrink::story;
use core::time::Duration;
use cutover::core::invariant::Id;
use cutover::core::raft::Mark;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Lines of a failed run that are shown.
const LINES: usize = 15;

/// Of fewer seeds than this, nobody expects that they reach everything.
const FEW: u64 = 50;

/// What came of a campaign so far.
pub struct Report {
    format: Format,
    campaign: Campaign,
    without: Vec<String>,
    began: Instant,
    bar: ProgressBar,
    verdicts: BTreeMap<Verdict, u64>,
    counts: BTreeMap<(&'static str, &'static str), u64>,
    simulated_ns: u64,
    wall: Duration,
    differs: u64,
    ran: u64,
}

impl Report {
    /// Of nothing yet.
    #[must_use]
    pub fn new(format: Format, campaign: Campaign, without: Vec<String>) -> Self {
        let bar = ProgressBar::new(campaign.seeds);
        if let Ok(style) =
            ProgressStyle::with_template(" simulate  {bar:26} {pos:>8}/{len}  {msg}  {elapsed_precise}")
        {
            bar.set_style(style);
        }
        Self {
            format,
            campaign,
            without,
            began: Instant::now(),
            bar,
            verdicts: BTreeMap::new(),
            counts: BTreeMap::new(),
            simulated_ns: 0,
            wall: Duration::ZERO,
            differs: 0,
            ran: 0,
        }
    }

    /// The first line.
    pub fn start(&self) {
        if self.format == Format::Json {
            let Campaign { from, seeds, jobs, check_recordings, twice, .. } = self.campaign.clone();
            println!(
                "{}",
                json!({
                    "type": "run-started", "schema": "cutover.run/1", "command": "sim",
                    "version": env!("CARGO_PKG_VERSION"),
                    "options": {
                        "from": hex(from), "seeds": seeds, "jobs": jobs,
                        "check_recordings": check_recordings, "twice": twice, "without": self.without,
                    },
                })
            );
        }
    }

    /// One more seed is done.
    pub fn ran(&mut self, ran: &Ran) {
        let outcome = &ran.outcome;
        *self.verdicts.entry(outcome.verdict).or_default() += 1;
        for (what, count) in &outcome.counts {
            *self.counts.entry(*what).or_default() += count;
        }
        self.simulated_ns += outcome.simulated_ns;
        self.wall += ran.wall;
        self.ran += 1;
        self.differs += u64::from(ran.differs.is_some());
        self.bar.set_position(self.ran);
        let failed = self.ran - self.of(Verdict::Holds);
        self.bar.set_message(format!("{failed} failed   {} s simulated", self.simulated_ns / 1_000_000_000));
        match self.format {
            Format::Json => self.line(ran),
            Format::Human => self.bar.suspend(|| self.words(ran)),
        }
    }

    fn of(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }

    fn line(&self, ran: &Ran) {
        let outcome = &ran.outcome;
        let finding = outcome.findings.first();
        let stuck = (outcome.verdict == Verdict::Stuck).then_some(own::CONVERGES);
        println!(
            "{}",
            json!({
                "type": "seed", "seed": hex(ran.seed), "verdict": outcome.verdict.name(),
                "invariant": finding.map(|finding| finding.id).or(stuck),
                "found": finding.map(|finding| format!("{}; {}", finding.found, finding.against)),
                "note": Some(&outcome.note).filter(|note| !note.is_empty()),
                "deterministic": ran.differs.is_none(),
                "hash": format!("{:016x}", outcome.hash),
                "simulated_s": millis(outcome.simulated_ns / 1_000_000), "wall_s": millis(as_millis(ran.wall)),
                "events": outcome.events, "options": self.campaign.options(ran.seed),
            })
        );
    }

    fn words(&self, ran: &Ran) {
        let (outcome, seed) = (&ran.outcome, hex(ran.seed));
        if let Some(differs) = ran.differs {
            println!("   DIFFERS  seed {seed}   {:016x}, then {differs:016x}", outcome.hash);
            return;
        }
        if outcome.verdict == Verdict::Holds {
            if self.campaign.seeds == 1 {
                println!(
                    "   HOLDS  seed {seed}   hash {:016x}   {} events in {} s simulated",
                    outcome.hash,
                    outcome.events,
                    millis(outcome.simulated_ns / 1_000_000)
                );
            }
            return;
        }
        let name = if outcome.verdict == Verdict::Violated { "FAIL" } else { outcome.verdict.name() };
        let (id, at_ns) =
            outcome.findings.first().map_or(("", outcome.simulated_ns), |found| (found.id, found.at_ns));
        println!("{name}  {id}   seed {seed}   t={}s", millis(at_ns / 1_000_000));
        if let Some(entry) = Id::named(id).map(Id::entry) {
            println!("      {}", entry.claim);
        }
        if let Some(finding) = outcome.findings.first() {
            println!("\n      {}\n      {}\n", finding.found, finding.against);
        }
        if !outcome.note.is_empty() {
            println!("      {}", outcome.note);
        }
        let shrunk = ran.shrunk.as_ref();
        let shown = shrunk.map_or(outcome, |shrunk| &shrunk.outcome);
        for line in shown.log.iter().flat_map(|log| story(log, LINES)) {
            println!("      {line}");
        }
        let given = self.without.iter().map(String::as_str);
        let without: Vec<&str> = given.chain(shrunk.iter().flat_map(|it| it.without.clone())).collect();
        let without =
            if without.is_empty() { String::new() } else { format!(" --without {}", without.join(",")) };
        if let Some(shrunk) = shrunk {
            let needs = if shrunk.needs.is_empty() { "no fault".to_owned() } else { shrunk.needs.join(", ") };
            println!("\n  it takes    {needs}");
        }
        println!("  same run    cutover sim --seed {seed}{without}");
        println!("  all of it   cutover sim --seed {seed}{without} --log events.txt\n");
    }

    /// The summary; returns the exit code.
    #[must_use]
    pub fn finish(self) -> u8 {
        self.bar.finish_and_clear();
        let code = self.code();
        let missing: Vec<&str> = Mark::ALL
            .iter()
            .map(|mark| mark.text())
            .filter(|text| !self.counts.contains_key(&("mark", *text)))
            .collect();
        match self.format {
            Format::Json => self.finish_lines(code, &missing),
            Format::Human => self.finish_words(&missing),
        }
        code
    }

    fn code(&self) -> u8 {
        let worst = self.verdicts.keys().next_back().copied();
        match worst {
            None => exit::NOTHING,
            Some(_) if self.differs > 0 => exit::DIFFERS,
            // What is not safe counts more than what is not known, and that more than what stands still.
            Some(worst) => code(worst),
        }
    }

    fn finish_lines(&self, code: u8, missing: &[&str]) {
        for ((group, name), count) in &self.counts {
            match *group {
                "fault" => println!("{}", json!({"type": "fault", "kind": name, "count": count})),
                "mark" => println!("{}", json!({"type": "mark", "mark": name, "count": count})),
                other => {
                    println!("{}", json!({"type": "count", "group": other, "what": name, "count": count}))
                }
            }
        }
        for name in missing {
            println!("{}", json!({"type": "mark", "mark": name, "count": 0}));
        }
        let seconds = millis(as_millis(self.began.elapsed()));
        println!("{}", json!({"type": "run-finished", "exit": code, "seconds": seconds}));
    }

    fn finish_words(&self, missing: &[&str]) {
        let verdicts: Vec<String> =
            self.verdicts.iter().map(|(verdict, count)| format!("{} {count}", verdict.name())).collect();
        println!("   seeds  {}", verdicts.join("   "));
        for group in ["fault", "client", "operator"] {
            let of = |((in_group, name), count): (&(&str, &str), &u64)| {
                (*in_group == group).then(|| format!("{name} {count}"))
            };
            let all: Vec<String> = self.counts.iter().filter_map(of).collect();
            println!("{group:>8}  {}", all.join("  "));
        }
        let reached = Mark::ALL.len() - missing.len();
        let few = self.ran < FEW;
        let rest = if missing.is_empty() || few {
            String::new()
        } else {
            format!("; missing: {}", missing.join(", "))
        };
        println!("   marks  {reached}/{} reached{rest}", Mark::ALL.len());
        let wall_ms = as_millis(self.wall).max(1);
        println!(
            "    done  {} s simulated in {} s, {} times as fast on one core",
            self.simulated_ns / 1_000_000_000,
            millis(as_millis(self.began.elapsed())),
            self.simulated_ns / 1_000_000 / wall_ms
        );
    }
}

fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds as seconds.
fn millis(millis: u64) -> String {
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

/// A seed as it is printed.
fn hex(seed: u64) -> String {
    format!("{seed:#x}")
}
