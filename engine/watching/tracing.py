"""OpenTelemetry traces: one per message, across all processes, from its arrival to the delivered answer.

Nothing is handed from process to process for it: ids of a trace and of its spans are made of ids that the log has anyway. A trace is
the message's first event, the span of a turn is the turn; what lay in the broker before it was taken up is a span before it. No span
holds a person, a text or a key. Without the extra `otel` and OTEL_EXPORTER_OTLP_ENDPOINT nothing is made.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from engine import clock, ids, log

_log = log.get("tracing")
_next: ContextVar[tuple[int, int]] = ContextVar("ids of the next trace and span", default=(0, 0))


_SENT = "Tz-Sent"
MOST_PASSED = 1024
"""References that a process keeps the times of until their turn is taken up: one that never is must not be kept for good."""


@dataclass(frozen=True, slots=True)
class _Passed:
    """When a consumer's reference was put into the broker, and when it was handed out."""

    consumer: str
    stored: datetime
    taken: datetime


@dataclass(slots=True)
class _State:
    on: bool = False
    passed: dict[UUID, _Passed] = field(default_factory=dict)


_state = _State()


def trace_of(message_id: int) -> int:
    """The 128 bits of a message's trace. Pure."""
    return ids.message_event(message_id, "received").int or 1


def span_of(what: UUID) -> int:
    """The 64 bits of the span that is about something: a turn, a message's first event. Pure."""
    return what.int & (2**64 - 1) or 1


def message_span(message_id: int) -> int:
    """The span of a message's arrival, in which its turns stand. Pure."""
    return span_of(ids.message_event(message_id, "received"))


def arrival(message_id: int, **attributes: str | int) -> AbstractContextManager[None]:
    """The span of a message that comes in: the first of its trace."""
    return span("message", message_id, attributes, own=message_span(message_id))


def sending() -> dict[str, str] | None:
    """The header of what is sent through the broker and not stored there: when it was. None where no spans are made."""
    return {_SENT: clock.now().isoformat()} if _state.on else None


def sent(headers: Mapping[str, str] | None) -> datetime | None:
    """When what came with these headers was sent; None where nobody noted it."""
    try:
        return datetime.fromisoformat((headers or {}).get(_SENT, "")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def passed(turn_id: UUID | None, consumer: str, stored: datetime | None) -> None:
    """Note that a reference about a turn came from the broker, for the span of the turn or of its delivery to stand after."""
    if _state.on and turn_id is not None and stored is not None:
        _state.passed.pop(turn_id, None)
        _state.passed[turn_id] = _Passed(consumer, stored, clock.now())
        if len(_state.passed) > MOST_PASSED:
            del _state.passed[next(iter(_state.passed))]


def turn(message_id: int, turn_id: UUID, **attributes: str | int) -> AbstractContextManager[None]:
    """The span of a worker at a turn; those of its calls stand in it."""
    _received(message_id, turn_id, message_span(message_id))
    return span("turn", message_id, {"turn": str(turn_id), **attributes}, own=span_of(turn_id), parent=message_span(message_id))


def delivery(message_id: int, turn_id: UUID, **attributes: str | int) -> AbstractContextManager[None]:
    """The span of an answer that is shown."""
    _received(message_id, turn_id, span_of(turn_id))
    return span("deliver", message_id, {"turn": str(turn_id), **attributes}, parent=span_of(turn_id))


@contextmanager
def span(name: str, message_id: int, attributes: Mapping[str, str | int], *, own: int = 0, parent: int = 0) -> Iterator[None]:
    """A span of the message's trace around a block. `own` is its id where others refer to it; `parent` that of the span it stands in.

    Without a parent it is the first of its trace.
    """
    if not _state.on:
        yield
        return
    from opentelemetry import trace

    token = _next.set((trace_of(message_id), own))
    try:
        tracer, about = trace.get_tracer("tzurot"), {f"tzurot.{key}": value for key, value in attributes.items()}
        with tracer.start_as_current_span(name, context=_within(message_id, parent), attributes=about):
            _next.set((0, 0))
            yield
    finally:
        _next.reset(token)


def _received(message_id: int, turn_id: UUID, parent: int) -> None:
    """Make the span of a turn's reference in the broker, if one was noted; once."""
    if (found := _state.passed.pop(turn_id, None)) is None:
        return
    from opentelemetry import trace

    began, ended = (int(moment.timestamp() * 1_000_000) * 1_000 for moment in (found.stored, found.taken))
    made = trace.get_tracer("tzurot").start_span(
        f"receive {found.consumer}",
        context=_within(message_id, parent),
        kind=trace.SpanKind.CONSUMER,
        attributes={"messaging.system": "nats", "messaging.operation.name": "receive", "messaging.consumer.group.name": found.consumer},
        start_time=began,
    )
    made.end(max(began, ended))


def _within(message_id: int, parent: int) -> Any:
    """The context of a span that another process may have made; an empty one without a parent."""
    from opentelemetry import trace
    from opentelemetry.context import Context

    if not parent:
        return Context()
    remote = trace.SpanContext(trace_of(message_id), parent, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED))
    return trace.set_span_in_context(trace.NonRecordingSpan(remote), Context())


def export(service: str) -> bool:
    """Send this process's spans to OTEL_EXPORTER_OTLP_ENDPOINT, if it is set; True when they are sent."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        _log.warning("spans are not sent: install tzurot[otel]")
        return False
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    record(service, BatchSpanProcessor(OTLPSpanExporter()))
    return True


def record(service: str, processor: Any) -> None:
    """Have spans made from now on, and given to a processor of OpenTelemetry's SDK."""
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class OurIds(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return _next.get()[0] or super().generate_trace_id()

        def generate_span_id(self) -> int:
            return _next.get()[1] or super().generate_span_id()

    provider = TracerProvider(resource=Resource.create({"service.name": f"tzurot-{service}"}), id_generator=OurIds())
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    _state.on = True
