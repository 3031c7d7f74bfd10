"""Prometheus metrics of one process: what it says of itself, on a port of its own on loopback. No person, no text, no key.

A process that serves none does not load the library.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from engine.errors import SettingsError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily

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
    from prometheus_client import start_http_server

    try:
        start_http_server(port, addr="127.0.0.1", registry=registry(served) if isinstance(served, Gauges) else served)
    except OSError:
        raise SettingsError(f"{setting} {port} is in use. Choose another, or leave it out.") from None
