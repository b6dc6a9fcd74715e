"""A client in another language: what it needs is the interface's description, and nothing of ours.

    client.py PROTO ENDPOINT,ENDPOINT,... [CA CERT KEY]

The stubs are generated from the description into a directory that goes away. Ends with 0 if everything was as it should.
"""

import sys
import threading

import grpc
from cluster import DEADLINE_S, Cluster, stubs
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def moves(pb, cluster, name):
    """Drives a migration from its begin to its flip; returns the last revision."""
    ref = pb.PartitionRef(name=name)

    def apply(ticket=None, **transition):
        return cluster.call("Migrations", "Apply", pb.ApplyRequest(partition=ref, ticket=ticket, **transition))

    def record():
        return cluster.call("Placements", "Resolve", pb.ResolveRequest(partition=ref)).record

    def origin(store):
        return pb.StatementOrigin(store=store, partition=record().partition, incarnation=1)

    def expected():
        now = record()
        return pb.Expected(migration=now.migration, epoch=now.epoch)

    # Under a ticket, the same request is applied once.
    opened = cluster.call("Sessions", "Open", pb.OpenSessionRequest())
    session, history = opened.session, opened.history
    ticket = pb.Ticket(session=session, serial=1, history=history)
    create = pb.Create(placement=0, guarantee=pb.GUARANTEE_SEALED)
    first, again = apply(ticket, create=create), apply(ticket, create=create)
    assert not first.repeated and again.repeated, (first, again)
    assert (first.partition, first.epoch) == (again.partition, again.epoch)
    cluster.call("Sessions", "Close", pb.CloseSessionRequest(session=session, history=history))
    code, detail = cluster.refused(
        "Migrations",
        "Apply",
        pb.ApplyRequest(partition=ref, ticket=pb.Ticket(session=session, serial=2, history=history), create=create),
    )
    assert detail.WhichOneof("why") == "session_expired", (code, detail)

    now = record()
    prepared = pb.Prepared(origin=origin(0), migration=now.migration, closed_through=now.epoch - 1, enforces=True)
    apply(open=pb.Open(expected=expected(), prepared=prepared))
    stale = expected()
    plan = cluster.call("Migrations", "Plan", pb.PlanRequest(partition=ref, to=1))
    assert plan.expected == stale and plan.steps, plan
    begun = apply(begin=pb.Begin(expected=stale, to=1))
    assert begun.epoch == plan.draining_epoch, (begun, plan)

    # What rests on an old state is refused, and says in types what the state is.
    request = pb.ApplyRequest(partition=ref, begin=pb.Begin(expected=stale, to=2))
    code, detail = cluster.refused("Migrations", "Apply", request)
    assert code == grpc.StatusCode.FAILED_PRECONDITION, code
    assert detail.refused.reason in ("StaleExpectation", "AlreadyMigrating"), detail
    if detail.refused.reason == "StaleExpectation":
        assert detail.refused.got == stale and detail.refused.have == expected(), detail

    now = record()
    assert now.placed.phase == pb.PHASE_DRAINING, now
    receipt = pb.SealReceipt(
        origin=origin(0), migration=now.migration, through=now.epoch, watermark=5, target_incarnation=1
    )
    apply(enter_cutover=pb.EnterCutover(expected=expected(), receipt=receipt))
    now = record()
    assert now.placed.phase == pb.PHASE_CUTOVER and now.placed.cutover.watermark == 5, now
    evidence = pb.CatchUpEvidence(
        origin=origin(1), migration=now.migration, epoch=now.epoch, position=5, enforces=True
    )
    apply(complete=pb.Complete(expected=expected(), evidence=evidence))
    resolution = cluster.call("Placements", "Resolve", pb.ResolveRequest(partition=ref)).resolution
    assert (resolution.phase, getattr(resolution, "from")) == (pb.PHASE_ACTIVE, 1), resolution
    return resolution.revision


def watches(pb, cluster, work):
    """Everything that happens while the work is done is told, in order and without a gap."""
    stub = cluster.rpc.PlacementsStub(cluster.channels[cluster.at])
    stream = stub.Watch(pb.WatchRequest(after_revision=0))
    phases, seen, done = [], 0, []
    thread = threading.Thread(target=lambda: done.append(work()))
    thread.start()
    for message in stream:
        if message.WhichOneof("what") == "resync":
            seen = message.resync.revision
        if message.WhichOneof("what") == "change":
            change = message.change
            assert change.after_revision <= seen < change.revision, (seen, change)
            seen = change.revision
            phases.append(change.record.placed.phase)
        if done and seen >= done[0]:
            break
        assert thread.is_alive() or done, "the work failed"
    stream.cancel()
    thread.join()
    for phase in (pb.PHASE_DRAINING, pb.PHASE_CUTOVER, pb.PHASE_ACTIVE):
        assert phase in phases, phases


def main():
    proto, endpoints, files = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
    kept, pb, rpc = stubs(proto)
    cluster = Cluster(pb, rpc, endpoints, files)
    members = cluster.call("Cluster", "Members", pb.MembersRequest()).members
    assert len(members) == len(endpoints), members
    watches(pb, cluster, lambda: moves(pb, cluster, "moved-by-python"))
    code, _ = cluster.refused("Placements", "Resolve", pb.ResolveRequest(partition=pb.PartitionRef(name="nobody")))
    assert code == grpc.StatusCode.NOT_FOUND, code
    for channel in cluster.channels.values():
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE_S)
        assert health.status == health_pb2.HealthCheckResponse.SERVING, health
    print(f"done, {cluster.redirects} redirects", "with certificates" if files else "plain")
    reflects(cluster.channels[cluster.at])
    kept.cleanup()


def reflects(channel):
    """The description is also told by the node itself."""
    database = ProtoReflectionDescriptorDatabase(channel)
    services = set(database.get_services())
    wanted = {f"cutover.v1.{name}" for name in ("Placements", "Migrations", "Sessions", "Cluster")}
    assert wanted <= services, services
    file = database.FindFileContainingSymbol("cutover.v1.Placements")
    assert "ErrorDetail" in [message.name for message in file.message_type], file.name


if __name__ == "__main__":
    main()
