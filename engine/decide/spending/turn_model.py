"""What a model can do, from the most particular source that says so: override > catalogue > pattern > default. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Tier = Literal["override", "learned", "catalogue", "pattern", "default"]

UNKNOWN_CONTEXT = 8192
"""Tokens a model is trusted with when nobody says how many: rather a short memory than a refused prompt."""


PICTURES = "image_url"
"""Stands among what a model forbids when it takes no pictures: the name of such a part of a message."""


TOOLS = "tools"
"""Stands among what a model forbids when it knows no tools: the parameter by which they are offered."""
WITH_TOOLS = frozenset({TOOLS, "tool_choice", "parallel_tool_calls"})
"""What goes only together with tools."""


@dataclass(frozen=True, slots=True)
class Known:
    """What one source says about a model; None where it says nothing. Prices in US dollars per token.

    `may_repeat`: it is no language model, so saying the same again is no fault. `renamed`: parameters it knows by another name.
    `messages`: the forms its conversations are brought into.
    """

    context_tokens: int | None = None
    max_output: int | None = None
    reasoning: bool | None = None
    vision: bool | None = None
    price_in: float | None = None
    price_out: float | None = None
    forbidden: tuple[str, ...] | None = None
    may_repeat: bool | None = None
    renamed: Mapping[str, str] | None = None
    messages: tuple[str, ...] | None = None
    tools: bool | None = None


@dataclass(frozen=True, slots=True)
class Quirks:
    """What was noted of a model beside all that: added to what the sources say, not instead of it."""

    forbidden: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()

    def __or__(self, more: "Quirks") -> "Quirks":
        """Both, each once."""
        forbidden = tuple(dict.fromkeys([*self.forbidden, *more.forbidden]))
        messages = tuple(dict.fromkeys([*self.messages, *more.messages]))
        return Quirks(forbidden, {**self.renamed, **more.renamed}, messages)


@dataclass(frozen=True, slots=True)
class ModelPattern:
    """What holds for every model whose id matches (case ignored), and why. The first match that says something about a field wins."""

    regex: str
    known: Known
    why: str = ""


PATTERNS: tuple[ModelPattern, ...] = (
    ModelPattern(r"glm-4\.5-air", Known(forbidden=("frequency_penalty", "presence_penalty", "seed")), "rejects penalties and seed"),
    ModelPattern(r"deepseek-r1-0528:free$", Known(forbidden=("stop",), reasoning=True), "its provider rejects stop sequences"),
    ModelPattern(
        r"(^|/)(o[1-9]\d*|gpt-5(\.\d+)?)(?![a-z0-9.])(?!-chat)",
        Known(reasoning=True, forbidden=("temperature", "top_p", "frequency_penalty", "presence_penalty", "logit_bias")),
        "OpenAI's reasoning models take no sampling parameters",
    ),
    ModelPattern(
        r"^(o[1-9]\d*|gpt-5(\.\d+)?)(?![a-z0-9.])",
        Known(renamed={"max_tokens": "max_completion_tokens"}),
        "OpenAI itself, which routers translate for, calls it max_completion_tokens",
    ),
    ModelPattern(
        r"(^|/)grok-(4|3-mini)",
        Known(reasoning=True, forbidden=("presence_penalty", "frequency_penalty", "stop")),
        "xAI's reasoning models reject penalties and stop sequences",
    ),
    ModelPattern(
        r"(deepseek-r1|qwq|/o\d|gpt-5|-thinking|:thinking|gpt-oss|magistral|glm-4\.[56]|grok-4|claude-(opus|sonnet)-4|gemini-(2\.5|3))",
        Known(reasoning=True),
    ),
    ModelPattern(
        r"^anthropic/|(^|[/.])claude-",
        Known(context_tokens=200_000, vision=True, forbidden=("seed", "min_p", "top_a", "frequency_penalty", "presence_penalty")),
    ),
    ModelPattern(r"(^|/)gemini-", Known(context_tokens=1_000_000, vision=True)),
    ModelPattern(r"(^|/)(chat)?gpt-4o", Known(context_tokens=128_000, vision=True)),
    ModelPattern(r"^openrouter/auto$", Known(context_tokens=128_000)),
    ModelPattern(r"^(tzurot|standin)/", Known(context_tokens=131_072, price_in=0.0, price_out=0.0, reasoning=False, may_repeat=True)),
)
"""Data, not code: a quirk is a row here, or an override at run time."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as it is treated. `source` says for each field which tier it came from; `why_forbidden` where the list came from."""

    id: str
    context_tokens: int
    max_output: int | None
    reasoning: bool | None
    vision: bool
    price_in: float | None
    price_out: float | None
    forbidden: tuple[str, ...]
    may_repeat: bool
    renamed: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    tools: bool | None = None
    source: Mapping[str, Tier] = field(default_factory=dict)

    def noting(self, quirks: Quirks) -> "Model":
        """The model, treated with these quirks as well."""
        both = Quirks(self.forbidden, self.renamed, self.messages) | quirks
        learned: dict[str, Tier] = {name: "learned" for name in ("forbidden", "renamed", "messages") if getattr(quirks, name)}
        return replace(self, forbidden=both.forbidden, renamed=both.renamed, messages=both.messages, source={**self.source, **learned})

    @property
    def sees(self) -> bool:
        """Whether pictures are sent to it: it can see as far as anybody says, and has refused none."""
        return self.vision and PICTURES not in self.forbidden

    @property
    def uses_tools(self) -> bool:
        """Whether tools are offered to it: nobody says that it knows none, and it has refused none."""
        return self.tools is not False and TOOLS not in self.forbidden

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms its conversations are brought into; without tools, what was done with them is told in words."""
        return self.messages if self.uses_tools or "no_tools" in self.messages else (*self.messages, "no_tools")

    @property
    def costs_nothing(self) -> bool:
        """Known to be free of charge. Not knowing is not free."""
        return self.price_in == 0.0 and self.price_out == 0.0

    @property
    def known_to_cost(self) -> bool:
        return bool(self.price_in) or bool(self.price_out)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """US dollars for so many tokens; None when a price is unknown."""
        if self.price_in is None or self.price_out is None:
            return None
        return self.price_in * prompt_tokens + self.price_out * completion_tokens


_FIELDS = (
    "context_tokens",
    "max_output",
    "reasoning",
    "vision",
    "price_in",
    "price_out",
    "forbidden",
    "may_repeat",
    "renamed",
    "messages",
    "tools",
)
_DEFAULT = Known(context_tokens=UNKNOWN_CONTEXT, vision=False, forbidden=(), may_repeat=False, renamed={}, messages=())


def resolve(
    model: str, override: Known | None = None, catalogue: Known | None = None, patterns: Sequence[ModelPattern] = PATTERNS
) -> Model:
    """The model by the lookup order, field by field."""
    matching = [pattern.known for pattern in patterns if re.search(pattern.regex, model, re.IGNORECASE)]
    tiers: list[tuple[Tier, Known]] = [("override", override or Known()), ("catalogue", catalogue or Known())]
    tiers += [("pattern", known) for known in matching]
    tiers.append(("default", _DEFAULT))
    values: dict[str, object] = {}
    source: dict[str, Tier] = {}
    for name in _FIELDS:
        source[name], values[name] = _first(name, tiers)
    return Model(id=model, source=source, **values)  # type: ignore[arg-type]  # the fields of Known, of the same types


def _first(name: str, tiers: Sequence[tuple[Tier, Known]]) -> tuple[Tier, object]:
    for tier, known in tiers:
        if (value := getattr(known, name)) is not None:
            return tier, value
    return "default", None
