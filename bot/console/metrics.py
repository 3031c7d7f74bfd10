"""`GET /metrics`: the same facts as health, for Prometheus."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from bot.console.pages.health import HealthReport, look
from bot.console.state import console_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def show(request: Request) -> Response:
    """The current values."""
    return Response(text_of(await look(console_of(request))), media_type=CONTENT_TYPE)


def text_of(report: HealthReport) -> bytes:
    """A report in Prometheus' text form. Pure."""
    registry = CollectorRegistry()

    def gauge(name: str, help_: str, samples: Mapping[tuple[str, ...], float], labels: tuple[str, ...] = ()) -> None:
        metric = Gauge(name, help_, labels, registry=registry)
        for values, value in samples.items():
            (metric.labels(*values) if labels else metric).set(value)

    up: dict[tuple[str, ...], float] = {(probe.name.lower(),): float(probe.ok) for probe in report.probes if not probe.off}
    gauge("tzurot_up", "1 when the dependency or part answers; absent when it is off", up, ("part",))
    gauge("tzurot_console_uptime_seconds", "Time since the console started", {(): report.uptime_s})
    memory: dict[tuple[str, ...], float] = {
        (p.name, str(p.pid)): float(p.memory_bytes) for p in report.processes if p.memory_bytes is not None
    }
    gauge("tzurot_process_memory_bytes", "Resident memory", memory, ("process", "pid"))
    gauge(
        "tzurot_projection_lag_events",
        "Events a read model has not digested",
        {(name,): float(lag) for name, lag in report.lags.items()},
        ("projection",),
    )
    gauge(
        "tzurot_consumer_waiting_events",
        "References not given out yet",
        {(b.name,): float(b.waiting) for b in report.backlogs},
        ("consumer",),
    )
    gauge(
        "tzurot_consumer_held_events",
        "References given out, not acknowledged",
        {(b.name,): float(b.held) for b in report.backlogs},
        ("consumer",),
    )
    if (found := report.status) is not None:
        gauge("tzurot_log_events", "Position of the newest event", {(): float(found.head)})
        gauge("tzurot_relay_lag_events", "Events not published yet", {(): float(found.head - found.relayed)})
        ages: dict[tuple[str, ...], float] = {(one.name,): one.seconds for one in found.behind}
        gauge("tzurot_behind_seconds", "Age of the oldest event not taken up; absent when there is none", ages, ("reader",))
        gauge("tzurot_turns_pending", "Turns without an end", {(): float(found.pending_turns)})
        gauge("tzurot_turns_waiting", "Turns no model was asked for yet", {(): float(found.waiting_turns)})
        gauge("tzurot_turn_wait_seconds", "How long the oldest of them has waited", {(): found.wait_s})
        gauge("tzurot_jobs", "Jobs by status", {(status,): float(count) for status, count in found.jobs.items()}, ("status",))
        gauge("tzurot_deliveries_due", "Answers nobody has seen in full", {(): float(found.due_deliveries)})
        gauge("tzurot_characters_active", "Characters activated anywhere", {(): float(found.active_characters)})
    return generate_latest(registry)
