//! Scripts of a migration: their state and their commands.

use super::arguments::Arguments;
use super::say;
use super::store::{SMALL, Store, config};
use cutover::core::fence::{
    CatchUpEvidence, Chunk, Ended, Enforcement, Input, Output as Does, Reply, Request,
};
use cutover::core::ids::{PartitionId, Placement};
use cutover::core::migration::{
    AbortReason, Caps, Command, Controller, Event, Operator, Output, PartitionRecord, PlacementTable, Policy,
    Reason, Timer, Transition,
};
use cutover::core::placement::Guarantee;
use datadriven::TestCase;
use std::collections::{BTreeMap, VecDeque};

#[path = "stores.rs"]
mod stores;

const P1: PartitionId = PartitionId(1);

/// A message of a controller that has not been delivered.
#[derive(Clone)]
enum Message {
    Request(Request),
    Command(Command),
}

/// A controller with its timers.
struct Named {
    machine: Controller,
    timers: Vec<Timer>,
    /// The record at the time when the controller was paused.
    paused: Option<PartitionRecord>,
}

/// The state of a script: the table, stores and controllers.
pub struct MigrationScript {
    table: PlacementTable,
    stores: BTreeMap<Placement, Store>,
    controllers: BTreeMap<String, Named>,
    queue: VecDeque<(String, Message)>,
    chunks: BTreeMap<String, Chunk>,
    /// The last `Ended` statement of each store.
    ended: BTreeMap<Placement, Ended>,
    /// The last evidence of each store.
    evidence: BTreeMap<Placement, CatchUpEvidence>,
    lines: Vec<String>,
}

impl MigrationScript {
    pub fn new() -> Self {
        Self {
            table: PlacementTable::new(Caps::PRODUCTION),
            stores: BTreeMap::new(),
            controllers: BTreeMap::new(),
            queue: VecDeque::new(),
            chunks: BTreeMap::new(),
            ended: BTreeMap::new(),
            evidence: BTreeMap::new(),
            lines: Vec::new(),
        }
    }

    /// Runs one command and returns all output.
    pub fn run(&mut self, case: &mut TestCase) -> String {
        let directive = case.directive.clone();
        let mut given = Arguments(case);
        let known = self.operator(&directive, &mut given)
            || self.controller(&directive, &mut given)
            || self.store_directly(&directive, &mut given);
        assert!(known, "{directive} is no command");
        given.0.expect_empty().unwrap();
        if self.lines.is_empty() {
            self.say("ok");
        }
        self.lines.drain(..).map(|line| line + "\n").collect()
    }

    fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn record(&self) -> Option<PartitionRecord> {
        self.table.record(P1).cloned()
    }

    fn store(&mut self, at: Placement) -> &mut Store {
        self.stores.entry(at).or_insert_with(|| Store::new(config(at, P1, Enforcement::Tokens, SMALL)))
    }

    /// Commands of an operator, given directly to the log, and commands that print the state.
    fn operator(&mut self, directive: &str, given: &mut Arguments<'_>) -> bool {
        let expected = self.record().map(|record| record.expected());
        let transition = match directive {
            "create" => {
                let guarantee = if given.flag("timed") { Guarantee::Timed } else { Guarantee::Sealed };
                Transition::Create { placement: given.placement("at"), guarantee }
            }
            "begin" => Transition::Begin { expected: expected.unwrap(), to: given.placement("to") },
            "abort" => Transition::Abort { expected: expected.unwrap(), why: AbortReason::Operator },
            "complete" => {
                let evidence = self.evidence[&given.placement("to")].into();
                Transition::Complete { expected: expected.unwrap(), evidence }
            }
            "delete" => Transition::Delete { expected: expected.unwrap() },
            "retire" => {
                Transition::RetireCopy { placement: given.placement("at"), copy: given.migration("copy") }
            }
            "force" => {
                let ended = self.ended[&given.placement("to")].into();
                let partial = given.flag("partial");
                let operator = Operator::try_from(given.text("operator")).unwrap();
                let reason = Reason::try_from(given.text("reason")).unwrap();
                Transition::Force { expected: expected.unwrap(), ended, partial, operator, reason }
            }
            "write-off" => {
                let operator = Operator::try_from(given.text("operator")).unwrap();
                let reason = Reason::try_from(given.text("reason")).unwrap();
                let (placement, copy) = (given.placement("at"), given.migration("copy"));
                Transition::WriteOff { placement, copy, operator, reason }
            }
            "caps" => {
                let copies = u32::try_from(given.number("old-copies", None)).unwrap();
                self.table =
                    PlacementTable::new(Caps { old_copies_per_partition: copies, ..Caps::PRODUCTION });
                return true;
            }
            "plan" => {
                match self.table.plan(P1, given.placement("to"), &Policy::PRODUCTION) {
                    Ok(plan) => self.say(format!("{plan}; {:?}", plan.steps())),
                    Err(error) => self.say(format!("refused: {error}")),
                }
                return true;
            }
            "show" => {
                for line in say::record(self.record().as_ref()) {
                    self.say(line);
                }
                let stores: Vec<_> = self.stores.values().map(say::store).collect();
                self.lines.extend(stores);
                return true;
            }
            _ => return false,
        };
        self.commit(&Command { partition: P1, transition });
        true
    }

    fn commit(&mut self, command: &Command) {
        match self.table.apply(command) {
            Ok(_) => self.lines.extend(say::record(self.table.record(command.partition))),
            Err(error) => self.say(format!("refused: {error}")),
        }
    }

    /// Commands that control a controller.
    fn controller(&mut self, directive: &str, given: &mut Arguments<'_>) -> bool {
        match directive {
            "controller" => {
                let lag_writes_max = given.maybe("lag").map(|text| text.parse().unwrap());
                let machine = Controller::new(Policy { lag_writes_max, ..Policy::PRODUCTION });
                let name = given.word();
                self.controllers.insert(name, Named { machine, timers: Vec::new(), paused: None });
            }
            "observe" => {
                let by = by(given);
                self.feed(&by, &Event::Observed);
            }
            "takeover" => {
                let by = by(given);
                self.feed(&by, &Event::TookOver);
            }
            "fire" => {
                let (by, of) = (by(given), given.maybe("migration").unwrap_or_default());
                let word = given.word();
                let timers = &mut self.named(&by).timers;
                let meant = |timer: &Timer| {
                    let said = say::timer(timer);
                    said.starts_with(&word) && said.contains(&of)
                };
                let at = timers.iter().rposition(meant);
                let timer = timers.remove(at.unwrap_or_else(|| panic!("{by} has set no timer {word}")));
                self.feed(&by, &Event::TimerFired(timer));
            }
            "pause" => {
                let record = self.record();
                self.named(&by(given)).paused = record;
            }
            "resume" => self.named(&by(given)).paused = None,
            "deliver" => {
                let again = given.flag("again");
                let Some((by, message)) = self.queue.pop_front() else {
                    self.say("nothing is on its way");
                    return true;
                };
                if again {
                    self.queue.push_front((by.clone(), message.clone()));
                }
                self.deliver(&by, &message);
            }
            "lose" => {
                let Some((by, message)) = self.queue.pop_front() else {
                    self.say("nothing is on its way");
                    return true;
                };
                self.say(format!("lost: {by}>{}", heading(&message)));
            }
            "delay" => {
                let message = self.queue.pop_front().unwrap();
                self.say(format!("now last: {}>{}", message.0, heading(&message.1)));
                self.queue.push_back(message);
            }
            _ => return false,
        }
        true
    }

    fn named(&mut self, name: &str) -> &mut Named {
        let machine = || Controller::new(Policy { lag_writes_max: None, ..Policy::PRODUCTION });
        let new = || Named { machine: machine(), timers: Vec::new(), paused: None };
        self.controllers.entry(name.to_owned()).or_insert_with(new)
    }

    /// Gives a controller an event with the record that it knows, and prints its outputs.
    fn feed(&mut self, by: &str, event: &Event) {
        let current = self.record();
        let named = self.named(by);
        let Some(record) = named.paused.clone().or(current) else {
            self.say(format!("{by} finds no record"));
            return;
        };
        let outputs = named.machine.handle(&record, event);
        if outputs.is_empty() {
            self.say(format!("{by} does nothing"));
        }
        for output in outputs {
            let message = match output {
                Output::Send(request) => Message::Request(request),
                Output::Propose(command) => Message::Command(command),
                Output::SetTimer(timer) => {
                    self.say(format!("{by} sets timer {}", say::timer(&timer)));
                    let timers = &mut self.named(by).timers;
                    if !timers.contains(&timer) {
                        timers.push(timer);
                    }
                    continue;
                }
            };
            self.say(format!("{by}>{}", heading(&message)));
            self.queue.push_back((by.to_owned(), message));
        }
    }

    fn deliver(&mut self, by: &str, message: &Message) {
        match message {
            Message::Command(command) => {
                self.say(format!("log: {}", say::command(command)));
                self.commit(command);
            }
            Message::Request(request) => {
                for reply in self.ask(request) {
                    self.feed(by, &Event::Replied(reply));
                }
            }
        }
    }

    /// Gives a request to a store and returns its replies.
    fn ask(&mut self, request: &Request) -> Vec<Reply> {
        self.step(request.store, &Input::Request(request.clone()))
    }

    fn step(&mut self, at: Placement, input: &Input) -> Vec<Reply> {
        let outputs = self.store(at).step(input);
        let mut replies = Vec::new();
        for output in &outputs {
            let found = self.store(at).served.clone().and_then(|(_, row)| row);
            self.say(format!("{at}: {}", say::output(output, found.as_ref())));
            if let Does::Reply(reply) = output {
                if let Reply::Ended(ended) = reply {
                    self.ended.insert(at, *ended);
                }
                if let Reply::Evidence(evidence) = reply {
                    self.evidence.insert(at, *evidence);
                }
                replies.push(reply.clone());
            }
        }
        replies
    }
}

fn by(given: &mut Arguments<'_>) -> String {
    given.maybe("by").unwrap_or_else(|| "one".to_owned())
}

fn heading(message: &Message) -> String {
    match message {
        Message::Request(request) => format!("{} {}", request.store, say::body(&request.body)),
        Message::Command(command) => format!("log {}", say::command(command)),
    }
}
