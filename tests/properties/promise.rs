//! The guarantee of a partition comes from its store's statement.

use super::statements::{A, BY_A, BY_B, P, StatementFields, apply, draining, each, enforcement, expected};
use cutover::core::fence::Enforcement;
use cutover::core::ids::{Epoch, MigrationId};
use cutover::core::migration::{Caps, MigrationError, PlacementTable, Transition};
use cutover::core::placement::Guarantee;

/// At the opening, the store's statement must match the guarantee in the creation. A flip takes over the guarantee
/// from the target's statement.
#[test]
fn a_partition_promises_what_its_store_enforces() {
    let plain = |said: StatementFields| StatementFields { enforcement: Enforcement::Nothing, ..said };
    for (guarantee, wrong) in
        [(Guarantee::Sealed, Enforcement::Nothing), (Guarantee::Timed, Enforcement::Tokens)]
    {
        let mut table = PlacementTable::new(Caps::PRODUCTION);
        assert_eq!(apply(&mut table, Transition::Create { placement: A, guarantee }), Ok(Epoch(1)));
        let expected = expected(&table);
        let said = StatementFields { migration: MigrationId(1), ..BY_A };
        let open = |enforcement| {
            let prepared = StatementFields { enforcement, ..said }.prepared();
            Transition::Open { expected, prepared: prepared.into() }
        };
        let refused = Err(MigrationError::WrongGuarantee { have: guarantee });
        each(&table, [(open(enforcement(guarantee)), Ok(Epoch(1))), (open(wrong), refused)]);
    }
    let mut table = draining(Guarantee::Sealed);
    let enter = Transition::EnterCutover { expected: expected(&table), receipt: BY_A.receipt().into() };
    assert_eq!(apply(&mut table, enter), Ok(Epoch(3)));
    let expected = expected(&table);
    for (said, promised) in [(BY_B, Guarantee::Sealed), (plain(BY_B), Guarantee::Timed)] {
        let mut table = table.clone();
        let complete = Transition::Complete { expected, evidence: said.evidence().into() };
        assert_eq!(apply(&mut table, complete), Ok(Epoch(4)));
        assert_eq!(table.record(P).and_then(|record| record.placed).map(|p| p.guarantee), Some(promised));
    }
}
