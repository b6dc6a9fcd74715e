//! One partition: its table, three stores of which one checks no tokens, and two controllers with their references.

use super::dice::Dice;
use super::stores::Store;
use super::tally::Tally;
use super::words;
use cutover::core::fence::{
    Config, Enforcement, Fence, FenceLimits, Input, Output as Does, Reply, Request, Write,
};
use cutover::core::ids::{Incarnation, PartitionId, Placement, Position};
use cutover::core::migration::{
    Caps, Command, Controller, Event, Output, PartitionRecord, PlacementTable, Policy, Timer,
};
use cutover_reference::beside::controller::ControllerBeside;

pub const PARTITION: PartitionId = PartitionId(1);
pub const STORES: [Placement; 3] = [Placement(0), Placement(1), Placement(2)];
/// The store that does not check tokens.
pub const PLAIN: Placement = Placement(2);

/// How much of what was sent may come again.
const PAST: usize = 32;

pub struct Hand {
    machine: Controller,
    beside: ControllerBeside,
    view: Option<PartitionRecord>,
    pub timers: Vec<Timer>,
}

impl Hand {
    fn new(policy: Policy) -> Self {
        let (machine, beside) = (Controller::new(policy), ControllerBeside::new(&policy));
        Self { machine, beside, view: None, timers: Vec::new() }
    }

    /// An operator holds the move back, or lets it go on.
    fn is_held_or_released(&mut self) {
        let policy = *self.machine.policy();
        let policy = Policy { hold: !policy.hold, ..policy };
        self.machine.follow(policy);
        self.beside.follows(&policy);
    }
}

pub struct World {
    pub dice: Dice,
    pub table: PlacementTable,
    pub fences: Vec<Store>,
    pub hands: Vec<Hand>,
    pub requests: Vec<Request>,
    pub replies: Vec<Reply>,
    pub proposals: Vec<Command>,
    pub history: Vec<PartitionRecord>,
    policy: Policy,
    pub writes: u64,
    /// Of a hundred events, how many are refusals and statements that nobody has made.
    pub made_up: u64,
}

fn fence(store: Placement, incarnation: Incarnation) -> Config {
    let enforcement = if store == PLAIN { Enforcement::Nothing } else { Enforcement::Tokens };
    let (partition, limits) = (PARTITION, FenceLimits::PRODUCTION);
    Config { store, partition, incarnation, enforcement, limits }
}

pub fn push<T>(into: &mut Vec<T>, one: T) {
    into.push(one);
    let surplus = into.len().saturating_sub(PAST);
    into.drain(..surplus);
}

impl World {
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, number);
        let lag_writes_max = dice.one_of(&[None, Some(0), Some(1), Some(3)]);
        let made_up = dice.one_of(&[0, 1, 4, 25]);
        let policy = Policy { lag_writes_max, ..Policy::PRODUCTION };
        Self {
            dice,
            table: PlacementTable::new(Caps { old_copies_per_partition: 3, ..Caps::PRODUCTION }),
            fences: STORES.map(|store| Store::of(Fence::unknown(fence(store, Incarnation(1))))).into(),
            hands: (0..2).map(|_| Hand::new(policy)).collect(),
            requests: Vec::new(),
            replies: Vec::new(),
            proposals: Vec::new(),
            history: Vec::new(),
            policy,
            writes: 0,
            made_up,
        }
    }

    pub fn record(&self) -> Option<PartitionRecord> {
        self.table.record(PARTITION).cloned()
    }

    pub fn step(&mut self, tally: &mut Tally) -> Result<(), String> {
        match self.dice.below(1_000) {
            0..3 if self.made_up > 1 => self.wipe(),
            0..4 => {
                let past = self.table.clone();
                self.commits(|table| *table = past.recovered(1));
            }
            4..60 => self.traffic(),
            60..160 => {
                if let Some(command) = self.ordered() {
                    self.apply(&command);
                }
            }
            160..340 => self.deliver(),
            340..500 => {
                if let Some(at) = self.newest(self.proposals.len()) {
                    let command = self.proposals[at].clone();
                    self.apply(&command);
                }
            }
            500..510 => {
                let at = self.hand();
                self.hands[at] = Hand::new(self.policy);
                self.reads(at);
                return self.event(at, &Event::TookOver, tally);
            }
            510..518 => {
                let at = self.hand();
                self.hands[at].is_held_or_released();
            }
            _ => {
                let at = self.hand();
                self.reads(at);
                let Some(view) = self.hands[at].view.clone() else { return Ok(()) };
                let event = self.any_event(at, &view);
                return self.event(at, &event, tally);
            }
        }
        Ok(())
    }

    fn hand(&mut self) -> usize {
        usize::try_from(self.dice.below(2)).expect("it is small")
    }

    /// A place in a list, mostly one of the last.
    pub fn newest(&mut self, len: usize) -> Option<usize> {
        let len = u64::try_from(len).expect("it is small");
        let last = len.checked_sub(1)?;
        let back = if self.dice.percent(75) { self.dice.below(len.min(4)) } else { self.dice.below(len) };
        usize::try_from(last - back).ok()
    }

    /// A controller reads the record: mostly the committed one, now and then one from before, or none.
    fn reads(&mut self, at: usize) {
        match self.dice.below(100) {
            0..6 => {
                if let Some(past) = self.newest(self.history.len()) {
                    self.hands[at].view = Some(self.history[past].clone());
                }
            }
            6..20 => {}
            _ => {
                let record = self.record();
                self.hands[at].view = record.or_else(|| self.hands[at].view.clone());
            }
        }
    }

    fn event(&mut self, at: usize, event: &Event, tally: &mut Tally) -> Result<(), String> {
        let hand = &mut self.hands[at];
        let Some(view) = hand.view.clone() else { return Ok(()) };
        if let Event::TimerFired(timer) = event {
            hand.timers.retain(|running| running != timer);
        }
        let before = hand.machine.clone();
        let outputs = hand.machine.handle(&view, event);
        let judged = hand.beside.handled(&view, event, &outputs, &hand.machine);
        judged.map_err(|disagreement| format!("{disagreement}\nbefore: {before:?}\nthe record: {view}"))?;
        if ControllerBeside::of(&hand.machine) != hand.beside {
            return Err("the reference is another than one beside the machine as it is".to_owned());
        }
        let situation = words::situation(&view, event);
        for done in words::done(&outputs) {
            tally.notes(format!("{situation}: {done}"));
        }
        for output in outputs {
            match output {
                Output::Send(request) => push(&mut self.requests, request),
                Output::Propose(command) => push(&mut self.proposals, command),
                Output::SetTimer(timer) if hand.timers.contains(&timer) => {}
                Output::SetTimer(timer) => hand.timers.push(timer),
            }
        }
        Ok(())
    }

    fn commits(&mut self, change: impl FnOnce(&mut PlacementTable)) {
        let before = self.record();
        change(&mut self.table);
        if let Some(before) = before
            && self.record().as_ref() != Some(&before)
        {
            push(&mut self.history, before);
        }
    }

    fn apply(&mut self, command: &Command) {
        self.commits(|table| {
            let _refused = table.apply(command);
        });
    }

    /// A request arrives, now and then at another store.
    fn deliver(&mut self) {
        let Some(at) = self.newest(self.requests.len()) else { return };
        let request = self.requests[at].clone();
        let at = if self.dice.percent(96) { request.store } else { self.dice.one_of(&STORES) };
        self.ask(at, request);
    }

    /// What a store makes of a request, and of the writes that wait.
    pub fn ask(&mut self, at: Placement, request: Request) -> Vec<Does> {
        let store = &mut self.fences[index(at)];
        let mut outputs = store.handle(&Input::Request(request));
        let admitted: Vec<Write> = store.fence.admitted().to_vec();
        for write in admitted {
            outputs.extend(store.handle(&Input::Apply(write)));
        }
        for reply in outputs.iter().filter_map(|output| output.reply()) {
            push(&mut self.replies, reply.clone());
        }
        outputs
    }

    pub fn end(&self, at: Placement) -> Position {
        let fence = &self.fences[index(at)].fence;
        fence.durable().copy().map_or(Position::ZERO, |copy| copy.position())
    }

    /// A store loses its state, and reads the record when it comes back.
    fn wipe(&mut self) {
        let store = self.dice.one_of(&STORES);
        let at = index(store);
        let incarnation = self.fences[at].fence.config().incarnation.next();
        let (epoch, migration) = self.table.returned(PARTITION);
        self.fences[at] = Store::of(Fence::returned(fence(store, incarnation), epoch, migration));
    }
}

/// The place of a store in the list of fences.
pub fn index(store: Placement) -> usize {
    usize::try_from(store.0).expect("there are few stores")
}
