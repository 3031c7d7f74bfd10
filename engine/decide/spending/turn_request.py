"""Which parameters go to a provider: the one function behind every request, and behind what preset forms show. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from engine.decide.spending.turn_model import TOOLS, WITH_TOOLS, Model
from engine.events.preset import Parameters

BY_EFFORT: Mapping[str, int] = {
    "max": 65_536,
    "xhigh": 65_536,
    "high": 32_768,
    "medium": 16_384,
    "low": 8_192,
    "minimal": 6_144,
    "none": 4_096,
}
"""max_tokens of a reasoning model by effort, when the preset names none (B6)."""
DEFAULT_RESERVE = 4_096
"""Tokens kept free for the answer when nothing limits it."""
RESERVED_NAMES = frozenset({"model", "messages", "stream", "stream_options", "models", "session_id", "user"})
"""What a preset's `extra` may not set: it belongs to the request itself."""

Source = Literal["preset", "effort", "unlimited"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A parameter of the preset that is not sent, and why."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


@dataclass(frozen=True, slots=True)
class Effective:
    """`body` is what is sent besides model and messages. `max_tokens` with its source is what forms show."""

    body: dict[str, Any]
    left_out: tuple[LeftOut, ...]
    max_tokens: int | None
    max_tokens_source: Source
    warnings: tuple[str, ...]

    @property
    def reserve(self) -> int:
        """Tokens of the context window that belong to the answer."""
        return self.max_tokens or DEFAULT_RESERVE


def effective(parameters: Parameters, model: Model) -> Effective:
    """The parameters for this model."""
    body: dict[str, Any] = {name: value for name, value in parameters.extra.items() if name not in RESERVED_NAMES}
    body |= parameters.model_dump(mode="json", exclude_defaults=True, exclude={"extra", "reasoning", "max_tokens"})
    if "response_format" in body:
        body["response_format"] = {"type": body["response_format"]}
    reasoning, left_out = _reasoning(parameters, model)
    if reasoning:
        body["reasoning"] = reasoning
    max_tokens, source = _max_tokens(parameters, model, reasoning)
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    forbidden = [
        LeftOut(name, f"{model.id} rejects it ({model.source.get('forbidden', 'default')})") for name in model.forbidden if name in body
    ]
    for gone in forbidden:
        del body[gone.name]
    for name, other in model.renamed.items():
        if name in body:
            body[other] = body.pop(name)
    ignored = [LeftOut(name, "the request sets it") for name in parameters.extra if name in RESERVED_NAMES]
    limit = body.get(model.renamed.get("max_tokens", "max_tokens"))
    return Effective(body, (*left_out, *forbidden, *ignored), limit, source if limit else "unlimited", _warnings(parameters, model, limit))


def offering(chosen: Effective, tools: Sequence[Mapping[str, Any]], model: Model, *, last: bool = False) -> Effective:
    """The same request with tools offered, unless the model knows none; `last`: it may use no more of them. Pure."""
    if not tools:
        return chosen
    body = {name: value for name, value in chosen.body.items() if name not in WITH_TOOLS}
    if not model.uses_tools:
        rejected = LeftOut(TOOLS, no_tools(model))
        return replace(chosen, body=body, left_out=(*chosen.left_out, rejected))
    body[TOOLS] = [dict(tool) for tool in tools]
    if last and "tool_choice" not in model.forbidden:
        body["tool_choice"] = "none"
    return replace(chosen, body=body)


def no_tools(model: Model) -> str:
    """That a model knows no tools, and who says so. Pure."""
    return f"{model.id} knows no tools ({model.source.get('forbidden' if TOOLS in model.forbidden else 'tools', 'default')})"


def _reasoning(parameters: Parameters, model: Model) -> tuple[dict[str, Any], list[LeftOut]]:
    wanted = parameters.reasoning.model_dump(mode="json", exclude_none=True)
    if not wanted:
        return {}, []
    if model.reasoning is False and wanted.get("enabled") is not False:
        return {}, [LeftOut("reasoning", f"{model.id} does not reason ({model.source.get('reasoning', 'default')})")]
    if wanted.get("enabled") is False:
        rest = [LeftOut(f"reasoning.{name}", "reasoning is switched off") for name in wanted if name != "enabled"]
        return {"enabled": False}, rest
    if "effort" in wanted and "max_tokens" in wanted:
        # Not constructible today; stored long ago or imported it still must not reach a provider.
        del wanted["max_tokens"]
        return wanted, [LeftOut("reasoning.max_tokens", "an effort is set")]
    return wanted, []


def _max_tokens(parameters: Parameters, model: Model, reasoning: Mapping[str, Any]) -> tuple[int | None, Source]:
    if parameters.max_tokens is not None:
        return parameters.max_tokens, "preset"
    effort = reasoning.get("effort")
    if effort is None or not model.reasoning:
        return None, "unlimited"
    budget = BY_EFFORT[effort]
    return (min(budget, model.max_output) if model.max_output else budget), "effort"


def _warnings(parameters: Parameters, model: Model, limit: int | None) -> tuple[str, ...]:
    effort = parameters.reasoning.effort
    found = [
        ("min_p and top_a narrow the choice twice", bool(parameters.min_p) and bool(parameters.top_a)),
        (
            "temperature below 0.5 with top_p below 0.8 is nearly deterministic",
            (parameters.temperature or 1) < 0.5 and (parameters.top_p or 1) < 0.8,
        ),
        ("temperature above 1.5 tends to nonsense", (parameters.temperature or 0) > 1.5),
        (
            "frequency or presence penalty together with repetition penalty punishes twice",
            bool(parameters.frequency_penalty or parameters.presence_penalty) and parameters.repetition_penalty not in (None, 1.0),
        ),
        ("repetition_penalty above 1.5 breaks grammar", (parameters.repetition_penalty or 0) > 1.5),
        ("max_tokens below 100 cuts replies short", parameters.max_tokens is not None and parameters.max_tokens < 100),
        ("an effort is set although reasoning is switched off", effort not in (None, "none") and parameters.reasoning.enabled is False),
        (
            f"max_tokens {limit} leaves less than the effort {effort} is meant to use",
            effort is not None and parameters.max_tokens is not None and parameters.max_tokens < BY_EFFORT[effort],
        ),
        (
            f"max_tokens is above the model's own limit of {model.max_output}",
            limit is not None and model.max_output is not None and limit > model.max_output,
        ),
        (
            "reasoning.max_tokens leaves nothing of max_tokens for the reply",
            parameters.max_tokens is not None and (parameters.reasoning.max_tokens or 0) >= parameters.max_tokens,
        ),
    ]
    return tuple(text for text, holds in found if holds)
