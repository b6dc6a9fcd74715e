//! What a demo tells at its end: a table for people, a line for machines.

use super::clock::Micros;
use super::memory::Resident;
use super::verdict::{Arrival, percentile};
use crate::cli::exit;
use cutover_report::{Console, Demo, Line};

/// What a demo found.
#[derive(Clone, Debug)]
pub(super) struct Findings {
    pub(super) rows: u64,
    pub(super) acknowledged: u64,
    pub(super) lost: u64,
    pub(super) unknown: u64,
    pub(super) duplicates: u64,
    /// Blocked times of keys, sorted.
    pub(super) blocked: Vec<Micros>,
    pub(super) silence: Micros,
    /// Latencies of writes while no move was under way, sorted.
    pub(super) at_rest: Vec<Micros>,
    /// Latencies of writes while a target copied, sorted.
    pub(super) copying: Vec<Micros>,
    pub(super) resident: Resident,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) aborts: u64,
    pub(super) kills: u64,
    pub(super) operations: u64,
    pub(super) linearizable: Option<bool>,
    /// Why the history is not linearizable, or not judged.
    pub(super) why: String,
    /// Bytes of the table.
    pub(super) bytes: u64,
}

/// Milliseconds, rounded up: what was blocked at all was blocked for one at least.
pub(super) const fn millis(time: Micros) -> u64 {
    time.div_ceil(1_000)
}

/// A number with a comma before each three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The 99th percentile of what was measured.
fn p99(sorted: &[Micros]) -> Option<Micros> {
    (!sorted.is_empty()).then(|| percentile(sorted, 99))
}

fn known(kib: u64) -> Option<u64> {
    (kib > 0).then_some(kib)
}

impl Findings {
    /// The exit code for what was found.
    pub(super) fn code(&self) -> u8 {
        if self.lost > 0 || self.duplicates > 0 || self.linearizable == Some(false) {
            exit::REFUSED
        } else if self.linearizable.is_none() {
            exit::INDETERMINATE
        } else if self.acknowledged == 0 {
            exit::UNSETTLED
        } else {
            exit::DONE
        }
    }

    /// Tenths of a million bytes per second that moves copied: the median.
    fn copied(&self) -> u64 {
        let speed = |arrival: &Arrival| {
            let took = arrival.blocked.saturating_sub(arrival.begun).max(1);
            u64::try_from(u128::from(self.bytes) * 10 / u128::from(took)).unwrap_or(u64::MAX)
        };
        let mut all: Vec<u64> = self.arrivals.iter().map(speed).collect();
        all.sort_unstable();
        percentile(&all, 50)
    }

    fn copy_mb_s(&self) -> String {
        let copied = self.copied();
        format!("{}.{}", copied / 10, copied % 10)
    }

    /// The 99th percentile of latencies: at rest, and while a target copied.
    fn slowed(&self) -> String {
        match (p99(&self.at_rest), p99(&self.copying)) {
            (Some(rest), Some(copying)) => {
                let tenths = copying * 10 / rest.max(1);
                let ratio = format!("{}.{}", tenths / 10, tenths % 10);
                format!("{} ms at rest, {} ms while it copies: × {ratio}", millis(rest), millis(copying))
            }
            (Some(rest), None) => format!("{} ms at rest", millis(rest)),
            (None, Some(copying)) => format!("{} ms while it copies", millis(copying)),
            (None, None) => "not measured".to_owned(),
        }
    }

    fn resident(&self) -> String {
        let Resident { node, store, gateway } = self.resident;
        let all = [("node", node), ("store", store), ("gateway", gateway)];
        let told = |(name, kib)| Some(format!("{name} {} MiB", known(kib)?.div_ceil(1024)));
        let told: Vec<String> = all.into_iter().filter_map(told).collect();
        if told.is_empty() { "not measured".to_owned() } else { told.join(", ") }
    }

    fn line(&self) -> Demo {
        let blocked = |percent| millis(percentile(&self.blocked, percent));
        Demo {
            acknowledged: self.acknowledged,
            lost: self.lost,
            unknown: self.unknown,
            duplicates: self.duplicates,
            blocked_ms_p50: blocked(50),
            blocked_ms_p99: blocked(99),
            blocked_ms_max: blocked(100),
            silent_ms_max: millis(self.silence),
            at_rest_us_p99: p99(&self.at_rest),
            copying_us_p99: p99(&self.copying),
            node_kib_max: known(self.resident.node),
            store_kib_max: known(self.resident.store),
            gateway_kib_max: known(self.resident.gateway),
            bytes: self.bytes,
            copy_mb_s: self.copy_mb_s().parse().unwrap_or(0.0),
            rows: self.rows,
            moves: self.arrivals.len() as u64,
            aborts: self.aborts,
            kills: self.kills,
            linearizable: self.linearizable,
        }
    }

    /// The rows of the table: what, and how much.
    pub(super) fn table(&self) -> Vec<(&'static str, String)> {
        let blocked = |percent| grouped(millis(percentile(&self.blocked, percent)));
        let history = match self.linearizable {
            Some(true) => "linearizable",
            Some(false) => "NOT LINEARIZABLE",
            None => "not judged",
        };
        vec![
            ("acknowledged writes", grouped(self.acknowledged)),
            ("lost", grouped(self.lost)),
            ("outcome unknown", grouped(self.unknown)),
            ("duplicates", grouped(self.duplicates)),
            (
                "moves",
                format!("{} of {} rows, {} aborted", self.arrivals.len(), grouped(self.rows), self.aborts),
            ),
            ("copy", format!("{} MB/s", self.copy_mb_s())),
            (
                "blocked time per key",
                format!("p50 {} ms, p99 {} ms, max {} ms", blocked(50), blocked(99), blocked(100)),
            ),
            ("longest silence of a writer", format!("{} ms", grouped(millis(self.silence)))),
            ("p99 of a write", self.slowed()),
            ("most resident memory", self.resident()),
            ("processes killed", grouped(self.kills)),
            ("history", format!("{history} ({} operations)", grouped(self.operations))),
        ]
    }

    /// Tells it.
    pub(super) fn tell(&self, console: &Console) {
        console.say("");
        for (what, much) in self.table() {
            console.say(&format!("  {what:<28}  {much}"));
        }
        if !self.why.is_empty() {
            console.say(&format!("      {}", self.why));
        }
        console.line(&Line::Demo(Box::new(self.line())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Findings {
        Findings {
            rows: 1_000,
            acknowledged: 5_000,
            lost: 0,
            unknown: 2,
            duplicates: 0,
            blocked: vec![1, 9_001, 20_000],
            silence: 30_000,
            at_rest: vec![1_000, 2_000],
            copying: vec![3_500],
            resident: Resident { node: 0, store: 2_049, gateway: 10 },
            arrivals: vec![Arrival { begun: 0, blocked: 2_000_000, flipped: 2_100_000, watermark: None }],
            aborts: 0,
            kills: 0,
            operations: 7_000,
            linearizable: Some(true),
            why: String::new(),
            bytes: 25_000_000,
        }
    }

    #[test]
    fn whatever_is_wrong_is_in_the_exit_code() {
        let code = |change: fn(&mut Findings)| {
            let mut found = found();
            change(&mut found);
            found.code()
        };
        assert_eq!(code(|_| ()), exit::DONE);
        assert_eq!(code(|found| found.lost = 1), exit::REFUSED);
        assert_eq!(code(|found| found.duplicates = 1), exit::REFUSED);
        assert_eq!(code(|found| found.linearizable = Some(false)), exit::REFUSED);
        assert_eq!(code(|found| found.linearizable = None), exit::INDETERMINATE);
        assert_eq!(code(|found| found.acknowledged = 0), exit::UNSETTLED);
    }

    #[test]
    fn numbers_are_as_they_were_measured() {
        let line = found().line();
        assert_eq!((line.blocked_ms_p50, line.blocked_ms_p99, line.blocked_ms_max), (10, 20, 20));
        assert_eq!(line.copy_mb_s.to_string(), "12.5");
        assert_eq!((line.at_rest_us_p99, line.copying_us_p99), (Some(2_000), Some(3_500)));
        assert_eq!((line.node_kib_max, line.store_kib_max), (None, Some(2_049)));
        assert_eq!(found().slowed(), "2 ms at rest, 4 ms while it copies: × 1.7");
        assert_eq!(found().resident(), "store 3 MiB, gateway 1 MiB");
        assert_eq!([1, 999, 1_000, 1_234_567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
    }
}
