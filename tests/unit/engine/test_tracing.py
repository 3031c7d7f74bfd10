"""One trace per message, across processes that hand each other nothing."""

from datetime import timedelta
from uuid import uuid4

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from engine import clock
from engine.watching import tracing

MESSAGE = 1_350_000_000_000_000_001


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Spans that are made in a test, and none afterwards."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "_state", tracing._State())
    made: list[trace.TracerProvider] = []
    monkeypatch.setattr(trace, "set_tracer_provider", made.append)
    monkeypatch.setattr(trace, "get_tracer", lambda name: made[0].get_tracer(name))
    tracing.record("test", SimpleSpanProcessor(exporter))
    return exporter


def test_a_message_its_turn_its_call_and_its_delivery_are_one_trace(spans: InMemorySpanExporter) -> None:
    """Each stands in the one before, by ids made of what the log knows; no attribute holds a person or a text."""
    turn = uuid4()
    with tracing.delivery(MESSAGE, turn, venue="discord"):  # no process waits for another: they may come in any order
        pass
    with tracing.turn(MESSAGE, turn, venue="discord"), trace.get_tracer("x").start_as_current_span("chat a/b"):
        pass
    with tracing.arrival(MESSAGE, venue="discord"):
        pass
    found = {span.name: span for span in spans.get_finished_spans()}
    assert {span.context.trace_id for span in found.values() if span.context} == {tracing.trace_of(MESSAGE)}
    parents = {name: span.parent.span_id if span.parent else None for name, span in found.items()}
    own = {name: span.context.span_id for name, span in found.items() if span.context}
    assert parents == {"message": None, "turn": own["message"], "chat a/b": own["turn"], "deliver": own["turn"]}
    assert len(set(own.values())) == 4
    assert {key for span in found.values() for key in span.attributes or ()} == {"tzurot.venue", "tzurot.turn"}


def test_what_lay_in_the_broker_is_a_span_before_the_turn_and_before_its_delivery(spans: InMemorySpanExporter) -> None:
    """From when it was stored there to when it was handed out, once; what was not taken up is not kept for good."""
    turn, stored = uuid4(), clock.now() - timedelta(seconds=3)
    tracing.passed(turn, "worker", stored)
    for _ in range(2):
        with tracing.turn(MESSAGE, turn):
            pass
    tracing.passed(turn, "discord", stored)
    with tracing.delivery(MESSAGE, turn):
        pass
    names = [span.name for span in spans.get_finished_spans()]
    assert names == ["receive worker", "turn", "turn", "receive discord", "deliver"]
    first, second = (span for span in spans.get_finished_spans() if span.name.startswith("receive"))
    assert [span.parent.span_id for span in (first, second) if span.parent] == [tracing.message_span(MESSAGE), tracing.span_of(turn)]
    assert {span.context.trace_id for span in (first, second) if span.context} == {tracing.trace_of(MESSAGE)}
    assert (first.kind, first.start_time) == (trace.SpanKind.CONSUMER, int(stored.timestamp() * 1_000_000) * 1_000)
    assert (first.end_time or 0) - (first.start_time or 0) >= 3_000_000_000
    assert stored < (tracing.sent(tracing.sending()) or stored)
    assert {tracing.sent(headers) for headers in (None, {}, {"Tz-Sent": "soon"}, {"Tz-Sent": "0001-01-01T00:00+14:00"})} == {None}
    for _ in range(tracing.MOST_PASSED + 5):
        tracing.passed(uuid4(), "worker", stored)
    assert len(tracing._state.passed) == tracing.MOST_PASSED


def test_two_turns_of_a_message_are_two_spans_of_one_trace(spans: InMemorySpanExporter) -> None:
    """And what fails says so and goes on upwards."""
    for _ in range(2):
        with pytest.raises(ValueError, match="x"), tracing.turn(MESSAGE, uuid4()):
            raise ValueError("x")
    first, second = spans.get_finished_spans()
    assert first.context is not None
    assert second.context is not None
    assert first.context.trace_id == second.context.trace_id
    assert first.context.span_id != second.context.span_id
    assert {first.status.status_code, second.status.status_code} == {trace.StatusCode.ERROR}


def test_without_an_address_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported for it either: a block runs as it is."""
    monkeypatch.setattr(tracing, "_state", tracing._State())
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert tracing.export("test") is False
    tracing.passed(uuid4(), "worker", clock.now())
    assert (tracing._state.passed, tracing.sending()) == ({}, None)
    with tracing.arrival(MESSAGE):
        assert trace.get_current_span() is trace.INVALID_SPAN
