"""A gateway in another language: writes and reads the rows of a partition while it moves, by docs/gateways.md and the descriptions.

    gateway.py CUTOVER_PROTO SINK_PROTO PARTITION STORE ENDPOINT,ENDPOINT,... [CA CERT KEY]

Prints a line when it has begun. Goes on until the partition is at STORE and it has written there, reads everything back,
and ends with 0 if everything was as it should.
"""

import sys
import time

import grpc
from cluster import DEADLINE_S, PATIENCE_S, Cluster, connect, stubs
from grpc_status import rpc_status

LEAP = 1 << 32
NOBODY = (1 << 64) - 1
ROWS = 50


class Unknown(Exception):
    """A write that was sent has no acknowledgement: done once, or never."""


class Refused(Exception):
    """A store's refusal of an attempt."""

    def __init__(self, refusal):
        super().__init__(refusal.reason)
        self.refusal = refusal


class Gateway:
    def __init__(self, cluster, sink, sink_rpc, files, name):
        self.cluster, self.pb, self.sink, self.sink_rpc = cluster, cluster.pb, sink, sink_rpc
        self.ref = self.pb.PartitionRef(name=name)
        self.session, self.serial = self.opened(), 0
        listed = cluster.call("Stores", "ListStores", self.pb.ListStoresRequest()).stores
        self.stores = {store.store: connect(store.endpoints[0], files) for store in listed}
        self.numbers = {store.name: store.store for store in listed}
        self.view = self.resolve()
        self.refusals, self.waits = [], 0

    def opened(self):
        """The session of writes: its number, above all that a log had before it was restored."""
        while True:
            opened = self.cluster.call("Sessions", "Open", self.pb.OpenSessionRequest())
            floor = self.cluster.call("Placements", "Floor", self.pb.FloorRequest(partition=NOBODY))
            if opened.history == floor.history:
                return floor.epoch // LEAP * LEAP + opened.session

    def resolve(self):
        return self.cluster.call("Placements", "Resolve", self.pb.ResolveRequest(partition=self.ref)).resolution

    def at(self, view):
        """Asks the store where the view has the partition."""
        store = getattr(view, "from")
        stub = self.sink_rpc.SinkStub(self.stores[store])
        return stub, self.sink.SinkTarget(store=store, partition=view.partition)

    def attempt(self, call, request):
        """An answer, a refusal, or nothing, of which nothing is known."""
        try:
            return call(request, timeout=DEADLINE_S)
        except grpc.RpcError as error:
            status = rpc_status.from_call(error)
            refusal = self.sink.SinkRefusal()
            if status is None or not any(detail.Unpack(refusal) for detail in status.details):
                return None
            self.refusals.append(refusal.reason)
            raise Refused(refusal) from None

    def write(self, effects, expects=None):
        """Writes once, wherever the partition is by then. Returns the position, or the refusal that the row differs."""
        self.serial += 1
        write_id = self.sink.WriteId(session=self.session, serial=self.serial)
        until, sent = time.monotonic() + PATIENCE_S, False
        while time.monotonic() < until:
            if self.view.phase == self.pb.PHASE_CUTOVER:
                self.waits += 1
            else:
                stub, target = self.at(self.view)
                request = self.sink.SinkWriteRequest(
                    target=target, id=write_id, token=self.view.epoch, expects=expects, effects=effects
                )
                try:
                    answer = self.attempt(stub.Write, request)
                    if answer is not None:
                        return answer.position
                    sent = True
                except Refused as refused:
                    if refused.refusal.reason == "Forgotten" or (refused.refusal.reason == "Differs" and sent):
                        raise Unknown from None
                    if refused.refusal.reason == "Differs":
                        return refused.refusal
            time.sleep(0.005)
            self.view = self.resolve()
        raise Unknown

    def read(self, key):
        """Reads what every write that was acknowledged before has left."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            view = self.resolve()
            if view.phase != self.pb.PHASE_CUTOVER:
                stub, target = self.at(view)
                try:
                    request = self.sink.SinkReadRequest(target=target, token=view.epoch, key=key)
                    answer = self.attempt(stub.Read, request)
                    if answer is not None:
                        return answer.value if answer.HasField("value") else None
                except Refused:
                    pass
            time.sleep(0.005)
        raise AssertionError("no answer to a read")


def tour(gateway, sink, store):
    """Writes rows until the partition is at a store, and some more there."""
    cell = lambda row, value: sink.Cell(key=b"row %d" % row, value=value and b"%d" % value)
    rows, there, number = {}, 0, 0
    while there < ROWS:
        number += 1
        row = number % ROWS
        if number % 7 == 0:
            # A batch: one row goes, another is set, or neither.
            gone = (row + 1) % ROWS
            gateway.write([cell(row, number), cell(gone, None)])
            rows[row], rows[gone] = number, None
        elif number % 5 == 0:
            # On the condition that the row is as this gateway left it; then, that it is not.
            position = gateway.write([cell(row, number)], expects=cell(row, rows.get(row)))
            assert isinstance(position, int), position
            differs = gateway.write([cell(row, 1)], expects=cell(row, number + 1))
            assert differs.reason == "Differs" and differs.value == b"%d" % number, differs
            rows[row] = number
        else:
            gateway.write([cell(row, number)])
            rows[row] = number
        if number % 11 == 0:
            found = gateway.read(b"row %d" % row)
            assert found == b"%d" % rows[row], (found, rows[row])
        if number == ROWS:
            print("begun", flush=True)
        there += getattr(gateway.view, "from") == store and gateway.view.phase == gateway.pb.PHASE_ACTIVE
    for row, value in rows.items():
        found = gateway.read(b"row %d" % row)
        assert found == (value and b"%d" % value), (row, found, value)
    return number


def main():
    (cutover_proto, sink_proto, name, store), endpoints, files = sys.argv[1:5], sys.argv[5].split(","), sys.argv[6:]
    kept, pb, rpc, sink, sink_rpc = stubs(cutover_proto, sink_proto)
    gateway = Gateway(Cluster(pb, rpc, endpoints, files), sink, sink_rpc, files, name)
    writes = tour(gateway, sink, gateway.numbers[store])
    moved = [reason for reason in gateway.refusals if reason != "Differs"]
    assert moved, "the old store has refused nothing"
    print(f"done, {writes} writes, refused by {sorted(set(moved))}, {gateway.waits} waits in a cutover")
    kept.cleanup()


if __name__ == "__main__":
    main()
