"""Prometheus metrics of one process: what it says of itself, on a port of its own on loopback. No person, no text, no key.

A process that serves none does not load the library.
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from engine.errors import SettingsError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily

SECONDS = 10.0
"""How long one request may take, its head with it."""
ABREAST = 16
"""Requests at a time; more are turned away, so that half-open connections take neither memory nor threads."""
Numbers = Mapping[str, float]


class Gauges:
    """The latest numbers of a process, as gauges `tzurot_<part>_<name>`; with a label those of several things by one name.

    gauges.set({"messages_stored": 3.0})
    gauges.set_by("lag_events", "projection", {"turns": 0.0, "history": 2.0})
    """

    def __init__(self, part: str) -> None:
        self._part = part
        self._found: dict[str, tuple[str | None, dict[str, float]]] = {}

    def set(self, numbers: Numbers) -> None:
        """Replace these."""
        self._found |= {name: (None, {"": value}) for name, value in numbers.items()}

    def set_by(self, name: str, label: str, numbers: Numbers) -> None:
        """Replace one that is told of several things."""
        self._found[name] = (label, dict(numbers))

    def collect(self) -> Iterator["GaugeMetricFamily"]:
        """What Prometheus is given."""
        from prometheus_client.core import GaugeMetricFamily

        for name, (label, numbers) in sorted(self._found.items()):
            metric = GaugeMetricFamily(f"tzurot_{self._part}_{name}", name.replace("_", " ").capitalize(), labels=[label] if label else [])
            for thing, value in numbers.items():
                metric.add_metric([thing] if label else [], value)
            yield metric


def registry(*gauges: Gauges) -> "CollectorRegistry":
    """A registry with these, and what the operating system knows of the process."""
    from prometheus_client import CollectorRegistry, ProcessCollector

    found = CollectorRegistry()
    ProcessCollector(namespace="tzurot", registry=found)
    for one in gauges:
        found.register(one)
    return found


def serve(port: int | None, served: "CollectorRegistry | Gauges", setting: str) -> None:
    """Serve `/metrics` on loopback from a thread of its own, if a port is set. Raises SettingsError when it is taken."""
    if port is None:
        return
    from prometheus_client import make_wsgi_app

    try:
        server = _Server(("127.0.0.1", port), _Request)
    except OSError:
        raise SettingsError(f"{setting} {port} is in use. Choose another, or leave it out.") from None
    server.set_app(make_wsgi_app(registry(served) if isinstance(served, Gauges) else served))
    threading.Thread(target=server.serve_forever, daemon=True, name="metrics").start()


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each request, and no more than ABREAST of them."""

    daemon_threads = True

    def __init__(self, *given: Any) -> None:
        self._free = threading.Semaphore(ABREAST)
        super().__init__(*given)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        timer = threading.Timer(SECONDS, _cut, (request,))
        timer.daemon = True
        timer.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            timer.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a peer that went away is no fault of ours."""


class _Request(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing: this is no web site."""


def _cut(request: socket.socket) -> None:
    """End a connection whose request takes too long."""
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended by itself
