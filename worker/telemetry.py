"""What operators watch: Prometheus metrics of this worker, and a span per call in OpenTelemetry's GenAI conventions.

Neither holds a person, a text or a key. Metrics are served on WORKER_METRICS_PORT; spans go where OTEL_EXPORTER_OTLP_ENDPOINT
says when the extra `otel` is installed. Without these nothing is served and nothing is sent.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram

from engine.events.turn import Call
from engine.watching import metrics

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 120, 240)


class Span(Protocol):
    """The part of an OpenTelemetry span that is used."""

    def set_attribute(self, key: str, value: Any) -> None: ...


class _NoSpan:
    def set_attribute(self, key: str, value: Any) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Metrics:
    """Counters of one worker process since its start. Usage over all time is the read model's."""

    registry: CollectorRegistry
    calls: Counter
    tokens: Counter
    cost: Counter
    seconds: Histogram
    turns: Counter
    turn_seconds: Histogram

    @classmethod
    def new(cls) -> "Metrics":
        registry = metrics.registry()
        return cls(
            registry,
            Counter("tzurot_provider_calls", "Calls to a provider by outcome", ("model", "outcome"), registry=registry),
            Counter("tzurot_provider_tokens", "Tokens as the provider counts them", ("model", "kind"), registry=registry),
            Counter("tzurot_provider_cost_dollars", "Known cost in US dollars", ("model",), registry=registry),
            Histogram("tzurot_provider_call_seconds", "Duration of a call", ("model",), buckets=SECONDS, registry=registry),
            Counter("tzurot_turns", "Turns by their end", ("end",), registry=registry),
            Histogram("tzurot_turn_seconds", "From a turn's request to its end, the wait with it", buckets=SECONDS, registry=registry),
        )

    def call(self, call: Call) -> None:
        """Count a finished call."""
        self.calls.labels(call.model, call.category or "ok").inc()
        self.seconds.labels(call.model).observe(call.ms / 1000)
        counted = {
            "prompt": call.usage.prompt_tokens,
            "completion": call.usage.completion_tokens,
            "reasoning": call.usage.reasoning_tokens,
            "cached": call.usage.cached_tokens,
        }
        for kind, tokens in counted.items():
            self.tokens.labels(call.model, kind).inc(tokens)
        if call.usage.cost:
            self.cost.labels(call.model).inc(call.usage.cost)

    def turn(self, end: str, seconds: float) -> None:
        """Count an ended turn: completed, or the category of its failure; and how long after its request that was."""
        self.turns.labels(end).inc()
        self.turn_seconds.observe(max(seconds, 0.0))


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Metrics and spans, as a worker passes them around."""

    metrics: Metrics = field(default_factory=Metrics.new)

    @contextmanager
    def span(self, model: str, provider: str, parameters: Mapping[str, Any]) -> Iterator[Span]:
        """A client span `chat MODEL` with what was asked for (OpenTelemetry semantic conventions, Generative AI, v1.28)."""
        try:
            from opentelemetry import trace
        except ImportError:
            yield _NoSpan()
            return
        attributes: dict[str, Any] = {"gen_ai.operation.name": "chat", "gen_ai.system": provider, "gen_ai.request.model": model}
        attributes |= {f"gen_ai.request.{name}": parameters[name] for name in _ASKED if isinstance(parameters.get(name), int | float)}
        with trace.get_tracer("tzurot.worker").start_as_current_span(f"chat {model}", kind=trace.SpanKind.CLIENT) as span:
            for name, value in attributes.items():
                span.set_attribute(name, value)
            yield span


_ASKED = ("temperature", "top_p", "top_k", "max_tokens", "frequency_penalty", "presence_penalty", "seed")


def describe(span: Span, call: Call, *, answered_by: str = "", finish_reason: str = "") -> None:
    """What came of a call, on its span."""
    span.set_attribute("gen_ai.usage.input_tokens", call.usage.prompt_tokens)
    span.set_attribute("gen_ai.usage.output_tokens", call.usage.completion_tokens)
    if call.category is not None:
        span.set_attribute("error.type", call.category)
        return
    span.set_attribute("gen_ai.response.model", answered_by or call.model)
    span.set_attribute("gen_ai.response.finish_reasons", [finish_reason or "unknown"])
