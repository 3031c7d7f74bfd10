"""A collector of traces: takes what OpenTelemetry's exporters send over HTTP (OTLP in protobuf), and keeps it."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class CollectedSpan:
    """One span as it came. `service` is the process that made it; ids are hexadecimal, `parent` is empty for the first of a trace."""

    service: str
    name: str
    trace: str
    span: str
    parent: str


@dataclass(slots=True)
class Collector:
    """`address` is what OTEL_EXPORTER_OTLP_ENDPOINT is set to; `bodies` are the requests' bytes."""

    address: str
    bodies: list[bytes] = field(default_factory=list)

    def spans(self) -> list[CollectedSpan]:
        """Everything that came so far."""
        found: list[CollectedSpan] = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                services = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
                for scope in resource.scope_spans:
                    for one in scope.spans:
                        ids = (one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex())
                        found.append(CollectedSpan("".join(services), one.name, *ids))
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port of this machine, until the block ends."""

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the library
            """Nothing is said of requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
        made = Collector(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
