//! The outputs of a fence, judged.

use super::Disagreement;
use crate::beside::statements::{dropped, ended, evidence, prepared, reading, receipt, speaker};
use crate::store::made::Made;
use crate::store::state::{Effect, Says};
use cutover::core::fence::{Body, Output, Refusal, Reply, Request};

/// The only output is a refusal that names one of these rules. It changes nothing, so nothing has to be durable for it.
pub fn is_refused(
    rule: &'static str,
    request: &Request,
    violated: &[Refusal],
    outputs: &[Output],
) -> Result<(), Disagreement> {
    match outputs {
        // F2
        [Output::Reply(Reply::Refused { request: of, refusal })]
            if of == request && violated.contains(refusal) =>
        {
            Ok(())
        }
        _ => Err(Disagreement::new(rule, (request, outputs), ("is refused", violated))),
    }
}

/// The effects come first and in order, then a `Persist`, then what is said, in order.
pub fn is_made(
    rule: &'static str,
    request: &Request,
    (effects, says): &Made,
    outputs: &[Output],
) -> Result<(), Disagreement> {
    let other = || Disagreement::new(rule, outputs, (effects, says));
    let (mut effects_left, mut says_left) = (effects.as_slice(), says.as_slice());
    let mut durable = matches!(says.as_slice(), [] | [Says::Admitted(_)]);
    for output in outputs {
        if matches!(output, Output::Persist) {
            durable |= effects_left.is_empty();
            continue;
        }
        if let Some(effect) = effect_of(output) {
            match effects_left.split_first() {
                Some((next, rest)) if *next == effect => effects_left = rest,
                Some(_) | None => return Err(other()),
            }
            continue;
        }
        match says_left.split_first() {
            Some((next, rest)) if says_of(request, output).as_ref() == Some(next) => says_left = rest,
            Some(_) | None => return Err(other()),
        }
        if !durable || !effects_left.is_empty() {
            return Err(Disagreement::new("F15", outputs, (effects, "are durable before", says)));
        }
    }
    if says_left.is_empty() && effects_left.is_empty() { Ok(()) } else { Err(other()) }
}

fn effect_of(output: &Output) -> Option<Effect> {
    match output {
        Output::Erase => Some(Effect::Erase),
        Output::Import { rows } => Some(Effect::Import(rows.iter().cloned().collect())),
        Output::Append(change) => Some(Effect::Append(change.clone())),
        Output::Trim { through } => Some(Effect::Trim(*through)),
        Output::Persist
        | Output::Admitted(_)
        | Output::Serve(_)
        | Output::Hand(_)
        | Output::Pull { .. }
        | Output::Reply(_)
        | Output::Halt(_) => None,
    }
}

fn says_of(asked: &Request, output: &Output) -> Option<Says> {
    Some(match output {
        Output::Admitted(write) => Says::Admitted(write.clone()),
        Output::Serve(read) => Says::Serves(read.clone()),
        Output::Hand(export) => Says::Hands(export.clone()),
        Output::Pull { migration, source } => Says::Pulls(*migration, *source),
        Output::Reply(Reply::Prepared(of)) => Says::Prepared(prepared(of)),
        Output::Reply(Reply::Sealed(of)) => Says::Sealed(receipt(of)),
        Output::Reply(Reply::Evidence(of)) => Says::Evidence(evidence(of)),
        Output::Reply(Reply::Watermark(of)) => Says::Reading(reading(of), of.sealed_through()),
        Output::Reply(Reply::Dropped(of)) => Says::Dropped(dropped(of)),
        Output::Reply(Reply::Ended(of)) => Says::Ended(ended(of)),
        Output::Reply(Reply::ChunkTaken(of)) => {
            Says::Taken(speaker(of.origin()), of.migration(), of.position(), of.complete())
        }
        Output::Reply(Reply::Applied { write, position }) => Says::Applied(write.clone(), *position),
        Output::Reply(reply @ Reply::Refused { .. }) => return differs(asked, reply),
        Output::Erase
        | Output::Import { .. }
        | Output::Append(_)
        | Output::Trim { .. }
        | Output::Persist
        | Output::Halt(_) => return None,
    })
}

/// That a row differs is said in a refusal. All others have been judged before.
fn differs(asked: &Request, reply: &Reply) -> Option<Says> {
    let Reply::Refused { request, refusal: Refusal::Differs { found } } = reply else { return None };
    let Body::Write(write) = &request.body else { return None };
    (request == asked).then(|| Says::Differs(write.clone(), found.clone()))
}

/// These effects and nothing else, in order: nothing is said, so nothing has to be durable.
pub fn are_effects(rule: &'static str, effects: &[Effect], outputs: &[Output]) -> Result<(), Disagreement> {
    let done: Option<Vec<Effect>> = outputs.iter().map(effect_of).collect();
    if done.as_deref() == Some(effects) { Ok(()) } else { Err(Disagreement::new(rule, outputs, effects)) }
}
