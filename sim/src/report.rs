//! The output of a campaign: a line for each seed, then counters of faults and marks.

use crate::campaign::{Campaign, Ran};
use crate::judge::own;
use crate::run::Verdict;
use crate::shrink::story;
use crate::written;
use core::time::Duration;
use cutover::core::invariant::Id;
use cutover::core::raft::Mark;
use cutover_report::{Console, Format, Line, Options, Seconds, Seed, exit};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Maximum number of lines shown of a failing run.
const LINES: usize = 15;

/// Campaigns with fewer seeds need not reach every mark.
const FEW: u64 = 50;

/// The results of a campaign so far.
pub struct Report {
    console: Console,
    campaign: Campaign,
    without: Vec<String>,
    /// Where recordings are written.
    recordings: Option<PathBuf>,
    verdicts: BTreeMap<Verdict, u64>,
    /// Counters, by group and name.
    counts: BTreeMap<(&'static str, &'static str), u64>,
    simulated_ns: u64,
    wall: Duration,
    /// Number of seeds whose second run differed from the first.
    differs: u64,
    ran: u64,
}

impl Report {
    /// Starts the report of a campaign.
    #[must_use]
    pub fn new(format: Format, campaign: Campaign, without: Vec<String>) -> Self {
        let Campaign { from, seeds, jobs, check_recordings, twice, .. } = campaign;
        let options = json!({
            "from": hex(from), "seeds": seeds, "jobs": jobs, "check_recordings": check_recordings, "twice": twice,
            "without": without,
        });
        let mut console = Console::new(format, "sim", env!("CARGO_PKG_VERSION"), &options);
        console.begin("simulate", Some(seeds));
        Self {
            console,
            campaign,
            without,
            recordings: None,
            verdicts: BTreeMap::new(),
            counts: BTreeMap::new(),
            simulated_ns: 0,
            wall: Duration::ZERO,
            differs: 0,
            ran: 0,
        }
    }

    /// The same report, with the recordings of seeds that do not hold written to a directory.
    #[must_use]
    pub fn writing(self, recordings: Option<PathBuf>) -> Self {
        Self { recordings, ..self }
    }

    /// Adds the result of a seed.
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
        let failed = self.ran - self.of(Verdict::Holds);
        let simulated_s = self.simulated_ns / 1_000_000_000;
        self.console.step();
        self.console.progress(|| format!("{failed} failed   {simulated_s} s simulated"));
        self.console.line(&Line::Seed(Box::new(self.seed(ran))));
        let written = written::recordings(self.recordings.as_deref(), ran);
        if let Some(text) = self.words(ran, &written) {
            self.console.say(&text);
        }
    }

    fn of(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }

    fn seed(&self, ran: &Ran) -> Seed {
        let outcome = &ran.outcome;
        let finding = outcome.findings.first();
        let stuck = (outcome.verdict == Verdict::Stuck).then_some(own::CONVERGES);
        Seed {
            seed: hex(ran.seed),
            verdict: outcome.verdict,
            invariant: finding.map(|finding| finding.id).or(stuck).map(str::to_owned),
            found: finding.map(|finding| format!("{}; {}", finding.found, finding.against)),
            note: Some(outcome.note.clone()).filter(|note| !note.is_empty()),
            deterministic: ran.differs.is_none(),
            hash: format!("{:016x}", outcome.hash),
            simulated_s: Duration::from_nanos(outcome.simulated_ns).into(),
            wall_s: ran.wall.into(),
            events: outcome.events,
            options: match serde_json::to_value(self.campaign.options(ran.seed)) {
                Ok(Value::Object(options)) => options,
                Ok(_) | Err(_) => Options::new(),
            },
        }
    }

    /// A seed's result for people; `None` for one that holds among many.
    fn words(&self, ran: &Ran, written: &[String]) -> Option<String> {
        let (outcome, seed) = (&ran.outcome, hex(ran.seed));
        if let Some(differs) = ran.differs {
            return Some(format!("   DIFFERS  seed {seed}   {:016x}, then {differs:016x}", outcome.hash));
        }
        if outcome.verdict == Verdict::Holds {
            let (hash, events, simulated) = (outcome.hash, outcome.events, seconds(outcome.simulated_ns));
            return (self.campaign.seeds == 1).then(|| {
                format!(
                    "   HOLDS  seed {seed}   hash {hash:016x}   {events} events in {simulated} s simulated"
                )
            });
        }
        let name = if outcome.verdict == Verdict::Violated { "FAIL" } else { outcome.verdict.word() };
        let (id, at_ns) =
            outcome.findings.first().map_or(("", outcome.simulated_ns), |found| (found.id, found.at_ns));
        let mut lines = vec![format!("{name}  {id}   seed {seed}   t={}s", seconds(at_ns))];
        lines.extend(Id::named(id).map(|id| format!("      {}", id.entry().claim)));
        lines.extend(outcome.findings.first().map(|finding| {
            let (found, against) = (&finding.found, &finding.against);
            format!("\n      {found}\n      {against}\n")
        }));
        lines.extend(Some(&outcome.note).filter(|note| !note.is_empty()).map(|note| format!("      {note}")));
        lines.extend(self.failing_run(ran, &seed, written));
        Some(lines.join("\n") + "\n")
    }

    /// The last lines of a failing run, the faults that it needs, and the commands that repeat it.
    fn failing_run(&self, ran: &Ran, seed: &str, written: &[String]) -> Vec<String> {
        let shrunk = ran.shrunk.as_ref();
        let shown = shrunk.map_or(&ran.outcome, |shrunk| &shrunk.outcome);
        let last = shown.log.iter().flat_map(|log| story(log, LINES));
        let mut lines: Vec<String> = last.map(|line| format!("      {line}")).collect();
        let given = self.without.iter().map(String::as_str);
        let without: Vec<&str> = given.chain(shrunk.iter().flat_map(|it| it.without.clone())).collect();
        let without =
            if without.is_empty() { String::new() } else { format!(" --without {}", without.join(",")) };
        if let Some(shrunk) = shrunk {
            let needs = if shrunk.needs.is_empty() { "no fault".to_owned() } else { shrunk.needs.join(", ") };
            lines.push(format!("\n  needs       {needs}"));
        }
        lines.push(format!("  reproduce   cutover sim --seed {seed}{without}"));
        lines.push(format!("  full log    cutover sim --seed {seed}{without} --log events.txt"));
        if self.recordings.is_none() {
            lines.push(format!("  recordings  cutover sim --seed {seed}{without} --recordings runs"));
        }
        lines.extend_from_slice(written);
        lines.push(String::new());
        lines
    }

    /// Prints the summary and returns the exit code.
    #[must_use]
    pub fn finish(mut self) -> u8 {
        self.console.end();
        let code = self.code();
        let missing: Vec<&str> = Mark::ALL
            .iter()
            .map(|mark| mark.text())
            .filter(|text| !self.counts.contains_key(&("mark", *text)))
            .collect();
        self.count_lines(&missing);
        self.summary(&missing);
        self.console.finish(code)
    }

    fn code(&self) -> u8 {
        let worst = self.verdicts.keys().next_back().copied();
        match worst {
            None => exit::NOTHING,
            Some(_) if self.differs > 0 => exit::NOT_DETERMINISTIC,
            Some(worst) => code(worst),
        }
    }

    fn count_lines(&self, missing: &[&str]) {
        for ((group, name), &count) in &self.counts {
            let name = (*name).to_owned();
            self.console.line(&match *group {
                "fault" => Line::Fault { kind: name, count },
                "mark" => Line::Mark { mark: name, count },
                other => Line::Count { group: other.to_owned(), what: name, count },
            });
        }
        for name in missing {
            self.console.line(&Line::Mark { mark: (*name).to_owned(), count: 0 });
        }
    }

    fn summary(&self, missing: &[&str]) {
        let verdicts: Vec<String> =
            self.verdicts.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect();
        self.console.say(&format!("   seeds  {}", verdicts.join("   ")));
        for group in ["fault", "client", "operator", "twins"] {
            let of = |((in_group, name), count): (&(&str, &str), &u64)| {
                (*in_group == group).then(|| format!("{name} {count}"))
            };
            let all: Vec<String> = self.counts.iter().filter_map(of).collect();
            self.console.say(&format!("{group:>8}  {}", all.join("  ")));
        }
        let reached = Mark::ALL.len() - missing.len();
        let few = self.ran < FEW;
        let rest = if missing.is_empty() || few {
            String::new()
        } else {
            format!("; missing: {}", missing.join(", "))
        };
        self.console.say(&format!("   marks  {reached}/{} reached{rest}", Mark::ALL.len()));
        let wall_ms = u64::try_from(self.wall.as_millis()).unwrap_or(u64::MAX).max(1);
        self.console.say(&format!(
            "    done  {} s simulated in {} s, {} times as fast on one core",
            self.simulated_ns / 1_000_000_000,
            Seconds(self.console.elapsed()),
            self.simulated_ns / 1_000_000 / wall_ms
        ));
    }
}

/// Converts nanoseconds.
fn seconds(nanos: u64) -> Seconds {
    Duration::from_nanos(nanos).into()
}

/// A seed as printed, in hexadecimal.
fn hex(seed: u64) -> String {
    format!("{seed:#x}")
}

/// The exit code for a verdict.
#[must_use]
pub const fn code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Holds => exit::HOLDS,
        Verdict::Unknown => exit::UNKNOWN,
        Verdict::Stuck => exit::NOT_CONVERGED,
        Verdict::Violated | Verdict::Crashed => exit::VIOLATED,
    }
}
