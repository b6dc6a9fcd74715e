"""What clients in Python share: the stubs, made from the descriptions alone, and following the leader."""

import importlib
import pathlib
import sys
import tempfile
import time

import grpc
from grpc_status import rpc_status
from grpc_tools import protoc

DEADLINE_S = 10
PATIENCE_S = 60


def stubs(*protos):
    """Generates and imports the messages and the calls of each description, which are in one directory."""
    out = tempfile.TemporaryDirectory()
    paths = [pathlib.Path(proto).resolve() for proto in protos]
    arguments = [f"-I{paths[0].parent}", f"--python_out={out.name}", f"--grpc_python_out={out.name}"]
    assert protoc.main(["protoc", *arguments, *(path.name for path in paths)]) == 0, "no valid description"
    sys.path.insert(0, out.name)
    names = (f"{path.stem}{kind}" for path in paths for kind in ("_pb2", "_pb2_grpc"))
    return out, *map(importlib.import_module, names)


def connect(endpoint, files):
    if not files:
        return grpc.insecure_channel(endpoint)
    ca, cert, key = (pathlib.Path(file).read_bytes() for file in files)
    return grpc.secure_channel(endpoint, grpc.ssl_channel_credentials(ca, key, cert))


class Cluster:
    """Follows the leader, by what the typed refusals say."""

    def __init__(self, pb, rpc, endpoints, files):
        self.pb, self.rpc = pb, rpc
        self.channels = {endpoint: connect(endpoint, files) for endpoint in endpoints}
        self.at = endpoints[-1]
        self.redirects = 0

    def detail(self, error):
        """The one detail of a refusal: google.rpc.Status in grpc-status-details-bin."""
        status = rpc_status.from_call(error)
        if status is None or not status.details:
            return None
        assert len(status.details) == 1, status
        found = self.pb.ErrorDetail()
        assert status.details[0].Unpack(found), status.details[0].type_url
        return found

    def call(self, service, method, request):
        until = time.monotonic() + PATIENCE_S
        while True:
            stub = getattr(self.rpc, f"{service}Stub")(self.channels[self.at])
            try:
                return getattr(stub, method)(request, timeout=DEADLINE_S)
            except grpc.RpcError as error:
                detail = self.detail(error)
                why = detail.WhichOneof("why") if detail else None
                if why not in ("not_leader", "busy") or time.monotonic() > until:
                    raise
                if why == "not_leader" and detail.not_leader.leader.client_address in self.channels:
                    self.at = detail.not_leader.leader.client_address
                    self.redirects += 1
                else:
                    time.sleep(0.05)

    def refused(self, service, method, request):
        try:
            self.call(service, method, request)
        except grpc.RpcError as error:
            return error.code(), self.detail(error)
        raise AssertionError(f"{method} was not refused")
