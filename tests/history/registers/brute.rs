//! A checker that tries every order, and every fate of an operation that has no answer: for a few operations on one key.

use cutover::core::invariant::history::registers::{Call, Key, Outcome, Value};

struct One {
    call: Call,
    outcome: Option<Outcome>,
    invoked: u64,
    ended: Option<u64>,
}

/// Whether some order explains the operations of a key.
pub fn is_linearizable(key: &Key) -> bool {
    let operations = (0..key.len()).map(|at| {
        let operation = key.operation(at).unwrap();
        let (invoked, ended) = operation.times();
        let outcome = operation.outcome();
        // Nobody knows when it takes effect.
        let ended = ended.filter(|_| outcome != Some(Outcome::Unknown));
        One { call: operation.call(), outcome, invoked, ended }
    });
    search(&operations.collect::<Vec<_>>(), &Value::Nothing, 0)
}

fn search(operations: &[One], state: &Value, placed: u32) -> bool {
    let is_open = |at: usize| placed & (1 << at) == 0;
    let needed = |at: &usize| is_open(*at) && operations[*at].ended.is_some();
    let Some(first_end) = (0..operations.len()).filter(needed).filter_map(|at| operations[at].ended).min()
    else {
        return true;
    };
    (0..operations.len()).filter(|at| is_open(*at)).any(|at| {
        operations[at].invoked < first_end
            && after(state, &operations[at]).is_some_and(|next| search(operations, &next, placed | 1 << at))
    })
}

/// The state after an operation; `None` if its answer does not fit.
fn after(state: &Value, operation: &One) -> Option<Value> {
    match (&operation.call, operation.outcome.as_ref().unwrap_or(&Outcome::Unknown)) {
        (_, Outcome::Failed) | (Call::Read, Outcome::Unknown) => Some(state.clone()),
        (Call::Read, Outcome::Read(seen)) => (seen == state).then(|| state.clone()),
        (Call::Write(new), Outcome::Done | Outcome::Unknown) => Some(new.clone()),
        (Call::Cas { expected, new }, Outcome::Done) => (expected == state).then(|| new.clone()),
        (Call::Cas { expected, new }, Outcome::Unknown) => {
            Some(if expected == state { new.clone() } else { state.clone() })
        }
        (Call::Cas { expected, .. }, Outcome::Refused) => (expected != state).then(|| state.clone()),
        (call, outcome) => panic!("{call} cannot end with {outcome}"),
    }
}
