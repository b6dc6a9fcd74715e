//! Requests that are sent again under their tickets.

use super::made::{Cluster, address, anybody};
use cutover::core::control_plane::PartitionName;
use cutover::core::fence::{Dropped, StatementOrigin};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};
use cutover::core::migration::{Expected, Operator, Reason, Transition};
use cutover::core::placement::Guarantee;
use cutover::node::proto::v1::{
    ApplyResponse, OpenSessionRequest, Ticket, error_detail::Why, migrations_client::MigrationsClient,
    sessions_client::SessionsClient,
};
use cutover::node::proto::{PartitionSelector, detail_of, request};

/// What a request was answered: the result, or a refusal of the log.
#[derive(PartialEq, Debug)]
enum Told {
    Applied(ApplyResponse),
    Refused(String),
}

const CREATE: Transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };

/// Requests by name, of which some take the name away and one finds nobody of that name.
fn requests() -> Vec<(&'static str, Transition)> {
    let expected = |migration| Expected { migration: MigrationId(migration), epoch: Epoch(1) };
    let store = Placement(0);
    let origin = StatementOrigin { store, partition: PartitionId(1), incarnation: Incarnation(1) };
    let operator = Operator::try_from("ann".to_owned()).unwrap();
    let reason = Reason::try_from("its disk burned".to_owned()).unwrap();
    vec![
        ("acme", CREATE),
        ("globex", Transition::Delete { expected: expected(2) }),
        ("globex", CREATE),
        ("acme", Transition::Delete { expected: expected(1) }),
        ("acme", Transition::ForgetCopy { dropped: Dropped::reported(origin, MigrationId(1)).into() }),
        ("globex", Transition::Delete { expected: expected(2) }),
        ("globex", Transition::WriteOff { placement: store, copy: MigrationId(2), operator, reason }),
    ]
}

/// The answers are lost, and the names go, and are others' in the end. Each request that is sent again is answered as it was.
#[test]
fn a_request_by_name_is_answered_alike_when_its_name_is_gone() {
    let cluster = Cluster::plain(1);
    let at = address(cluster.nodes[0].client);
    let plain = cutover::node::tls::Security::Plain;
    cluster.run(async {
        let channel = cutover::node::tls::channel(&at, &plain, &anybody()).await.unwrap();
        let opened = SessionsClient::new(channel.clone()).open(OpenSessionRequest {}).await.unwrap();
        let opened = opened.into_inner();
        let ask = async |serial, name: &str, transition: Transition| {
            let by = PartitionSelector::Name(PartitionName::try_from(name.to_owned()).unwrap());
            let (session, history) = (opened.session, opened.history);
            let ticket = Ticket { session, serial, history, acknowledged_through: 0 };
            let asked = request(by, transition, Some(ticket));
            match MigrationsClient::new(channel.clone()).apply(asked).await {
                Ok(answer) => {
                    let ApplyResponse { partition, epoch, .. } = answer.into_inner();
                    // The index is that of the entry that was answered; `repeated` says that it is another one.
                    Told::Applied(ApplyResponse { partition, epoch, ..ApplyResponse::default() })
                }
                Err(status) => match detail_of(&status) {
                    Some(Why::Refused(refused)) if refused.decided => Told::Refused(refused.reason),
                    other => panic!("{name} {serial}: {status:?}, {other:?}"),
                },
            }
        };
        let mut first = Vec::new();
        for (serial, (name, transition)) in (1..).zip(requests()) {
            first.push(ask(serial, name, transition).await);
        }
        let refused = first.iter().filter(|told| matches!(told, Told::Refused(_)));
        assert_eq!(refused.collect::<Vec<_>>(), [&Told::Refused("UnknownName".to_owned())]);
        for (serial, name) in [(8, "globex"), (9, "acme")] {
            assert!(matches!(ask(serial, name, CREATE).await, Told::Applied(_)), "{name}");
        }
        for (serial, (name, transition)) in (1..).zip(requests()) {
            let told = ask(serial, name, transition).await;
            assert_eq!(told, first[usize::try_from(serial).unwrap() - 1], "{name} {serial}");
        }
    });
}
