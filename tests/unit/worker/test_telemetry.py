"""Metrics and spans say what was called and what it came to, and nothing about people."""

from uuid import UUID

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from engine.events.turn import Call, Usage
from worker.telemetry import Telemetry, describe

CALL = Call(
    call_id=UUID(int=1),
    model="a/b",
    provider="openrouter",
    scope="key:canary",
    key_id=UUID(int=2),
    ms=1500,
    usage=Usage(prompt_tokens=100, completion_tokens=20, cached_tokens=60, cost=0.5),
)


def test_metrics_count_calls_tokens_cost_and_time_by_model() -> None:
    telemetry = Telemetry()
    telemetry.metrics.call(CALL)
    telemetry.metrics.call(CALL.model_copy(update={"category": "rate_limit", "usage": Usage()}))
    telemetry.metrics.turn("completed", 1.5)
    text = generate_latest(telemetry.metrics.registry).decode()
    assert 'tzurot_provider_calls_total{model="a/b",outcome="ok"} 1.0' in text
    assert 'tzurot_provider_calls_total{model="a/b",outcome="rate_limit"} 1.0' in text
    assert 'tzurot_provider_tokens_total{kind="cached",model="a/b"} 60.0' in text
    assert 'tzurot_provider_cost_dollars_total{model="a/b"} 0.5' in text
    assert 'tzurot_turns_total{end="completed"} 1.0' in text
    assert "tzurot_turn_seconds_sum 1.5" in text
    assert "tzurot_process_resident_memory_bytes" in text
    assert "canary" not in text


def test_a_span_follows_the_generative_ai_conventions() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    with Telemetry().span("a/b", "openrouter", {"temperature": 0.7, "stop": ["x"], "max_tokens": 100}) as span:
        describe(span, CALL, answered_by="a/b-2", finish_reason="stop")
    with Telemetry().span("a/b", "openrouter", {}) as span:
        describe(span, CALL.model_copy(update={"category": "timeout"}))
    good, bad = exporter.get_finished_spans()
    assert (good.name, good.kind) == ("chat a/b", trace.SpanKind.CLIENT)
    assert dict(good.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openrouter",
        "gen_ai.request.model": "a/b",
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.response.model": "a/b-2",
        "gen_ai.response.finish_reasons": ("stop",),
    }
    assert (bad.attributes or {})["error.type"] == "timeout"
