"""A preset as people edit it: a model, and what is sent with each request to it."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, JsonValue

from engine.resources.field import Resource, Shown
from engine.sealed import Sealed

Effort = Literal["max", "xhigh", "high", "medium", "low", "minimal", "none"]
MODEL, SAMPLING, LENGTH, WINDOW, RECALL, MORE = "Model", "Sampling", "Length", "Context", "Recall", "More"
_INT8 = 2**63


class Reasoning(Resource):
    """Effort or a number of tokens. Both may be stored, from old files; a request never carries both (B7)."""

    effort: Annotated[Effort | None, Shown("Reasoning effort", LENGTH, "Clears the reasoning tokens.", "choice")] = None
    max_tokens: Annotated[int | None, Shown("Reasoning tokens", LENGTH, "Instead of an effort.", "number")] = Field(
        None, ge=1024, le=32_000
    )
    exclude: Annotated[bool | None, Shown("Leave reasoning out of the answer", LENGTH, widget="choice")] = None
    enabled: Annotated[bool | None, Shown("Reasoning", LENGTH, "no: the model is asked not to reason.", "choice")] = None


class Routing(Resource):
    """Which of the providers of a model may answer, in OpenRouter's terms."""

    order: Annotated[tuple[str, ...], Shown("Providers", MORE, "OpenRouter's names, asked in this order.", "names", 50, 10)] = ()
    sort: Annotated[Literal["price", "throughput", "latency"] | None, Shown("Providers sorted by", MORE, widget="choice")] = None
    data_collection: Annotated[
        Literal["allow", "deny"] | None, Shown("Providers that keep prompts", MORE, "deny: none that may store what was said.", "choice")
    ] = None


class Parameters(Resource):
    """What goes to the provider; None is left out of the request."""

    FLAT: ClassVar[bool] = True

    temperature: Annotated[float | None, Shown("Temperature", SAMPLING, "Higher is wilder.", "number")] = Field(None, ge=0, le=2)
    top_p: Annotated[float | None, Shown("Top P", SAMPLING, widget="number")] = Field(None, ge=0, le=1)
    min_p: Annotated[float | None, Shown("Min P", SAMPLING, widget="number")] = Field(None, ge=0, le=1)
    top_a: Annotated[float | None, Shown("Top A", SAMPLING, widget="number")] = Field(None, ge=0, le=1)
    top_k: Annotated[int | None, Shown("Top K", SAMPLING, widget="number")] = Field(None, ge=0, lt=_INT8)
    frequency_penalty: Annotated[float | None, Shown("Frequency penalty", SAMPLING, widget="number")] = Field(None, ge=-2, le=2)
    presence_penalty: Annotated[float | None, Shown("Presence penalty", SAMPLING, widget="number")] = Field(None, ge=-2, le=2)
    repetition_penalty: Annotated[float | None, Shown("Repetition penalty", SAMPLING, widget="number")] = Field(None, ge=0, le=2)
    seed: Annotated[int | None, Shown("Seed", SAMPLING, "The same seed makes a model more repeatable.", "number")] = Field(
        None, ge=-_INT8, lt=_INT8
    )
    max_tokens: Annotated[
        int | None,
        Shown("Most tokens of a reply", LENGTH, "Empty: by the effort, else the model's own.", "number", low=256, high=131_072),
    ] = Field(None, gt=0, lt=_INT8)
    reasoning: Reasoning = Reasoning()
    stop: Annotated[
        tuple[str, ...], Shown("Stop sequences", LENGTH, "One a line; \\n stands for a line break. A reply ends there.", "lines", 200, 16)
    ] = ()
    logit_bias: Annotated[
        dict[str, float], Shown("Logit bias", MORE, 'A JSON object, token to -100 to 100: {"50256": -100}.', "json", 4000)
    ] = Field(default_factory=dict)
    response_format: Annotated[Literal["text", "json_object"] | None, Shown("Answer as", MORE, widget="choice")] = None
    transforms: Annotated[tuple[str, ...], Shown("Transforms", MORE, "OpenRouter's, such as middle-out.", "names", 50, 5)] = ()
    route: Annotated[Literal["fallback"] | None, Shown("Route", MORE, widget="choice")] = None
    provider: Routing = Routing()
    verbosity: Annotated[Literal["low", "medium", "high"] | None, Shown("Verbosity", LENGTH, widget="choice")] = None
    extra: Annotated[
        dict[str, JsonValue], Shown("Further parameters", MORE, "A JSON object, sent to the provider as it is.", "json", 4000)
    ] = Field(default_factory=dict)


class Window(Resource):
    """How much of what was said goes into a prompt."""

    FLAT: ClassVar[bool] = True

    context_tokens: Annotated[
        int, Shown("Context window (tokens)", WINDOW, "About half of what the model takes.", "number", old=("contextWindowTokens",))
    ] = Field(131_072, ge=1000, lt=_INT8)
    max_messages: Annotated[int, Shown("Messages", WINDOW, widget="number", tiered=True, old=("maxMessages",))] = Field(50, ge=1, le=100)
    max_age_s: Annotated[
        int | None, Shown("Oldest message (seconds)", WINDOW, "Empty: no limit.", "number", tiered=True, old=("maxAge", "max_age"))
    ] = Field(None, ge=1, le=2_592_000)
    max_images: Annotated[int, Shown("Images", WINDOW, "Shown where a model sees.", "number", tiered=True, old=("maxImages",))] = Field(
        10, ge=0, le=20
    )


class Recall(Resource):
    """What is brought into a prompt from further back. Kept, so that no file loses it; nothing reads it yet."""

    FLAT: ClassVar[bool] = True

    memory_limit: Annotated[
        int | None, Shown("Memories", RECALL, "At most so many; 0: none. Not used yet.", "number", tiered=True, old=("memoryLimit",))
    ] = Field(None, ge=0, le=100)
    memory_score: Annotated[
        float | None,
        Shown("Likeness of memories", RECALL, "Not used yet.", "number", tiered=True, old=("memoryScoreThreshold",)),
    ] = Field(None, ge=0, le=1)
    references: Annotated[int | None, Shown("Referenced messages", RECALL, "Not used yet.", "number", old=("maxReferencedMessages",))] = (
        Field(None, ge=0, le=100)
    )


class PresetSheet(Resource):
    """All of a preset that can be edited."""

    name: Annotated[Sealed[str], Shown("Name", MODEL, limit=100)] = Field(min_length=1, max_length=100)
    description: Annotated[Sealed[str], Shown("Description", MODEL, widget="text", limit=500)] = Field("", max_length=500)
    model: Annotated[str, Shown("Model", MODEL, "vendor/model, as the provider calls it.", limit=200)] = Field(min_length=1, max_length=200)
    fallback_models: Annotated[
        tuple[str, ...],
        Shown("Fallback models", MODEL, "At most two, one a line", "names", 200, 2, old=("fallbackModels",)),
    ] = Field((), max_length=2)
    parameters: Sealed[Parameters] = Parameters()
    window: Window = Window()
    recall: Recall = Recall()
    show_thinking: Annotated[bool, Shown("Show the reasoning", LENGTH, widget="switch", tiered=True, old=("showThinking",))] = False
    stream: Annotated[bool, Shown("Stream", LENGTH, "Show replies while they are written.", "switch")] = True
    is_global: Annotated[bool, Shown("For everybody", MORE, widget="switch", operator=True, old=("isGlobal",))] = False
    is_default: Annotated[bool, Shown("The default", MORE, widget="switch", operator=True, old=("isDefault",))] = False
    is_free_default: Annotated[bool, Shown("The default without a key", MORE, widget="switch", operator=True, old=("isFreeDefault",))] = (
        False
    )


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a preset's values taken together: key to a sentence that says what to change."""
    wrong: dict[str, str] = {}
    if not str(values.get("name", "")).strip():
        wrong["name"] = "A preset needs a name."
    if not str(values.get("model", "")):
        wrong["model"] = "A preset needs a model."
    if values.get("min_p") and values.get("top_a"):
        wrong["top_a"] = "Use Min P or Top A, not both."
    budget, most = values.get("reasoning.max_tokens"), values.get("max_tokens")
    if budget is not None and most is not None and budget >= most:
        wrong["reasoning.max_tokens"] = f"Reasoning would leave nothing of {most:,} tokens for the reply."
    if any(not -100 <= bias <= 100 for bias in (values.get("logit_bias") or {}).values()):
        wrong["logit_bias"] = "A bias goes from -100 to 100."
    return wrong


def settled(before: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with effort and reasoning tokens kept from excluding each other: whichever was just set wins, the effort in doubt (B7)."""
    effort, tokens = values.get("reasoning.effort"), values.get("reasoning.max_tokens")
    if effort is None or tokens is None or (before.get("reasoning.effort"), before.get("reasoning.max_tokens")) == (effort, tokens):
        return dict(values)
    tokens_are_new = before.get("reasoning.effort") == effort
    return {**values, "reasoning.effort": None} if tokens_are_new else {**values, "reasoning.max_tokens": None}


def conflict(parameters: Parameters) -> bool:
    """Whether a stored preset has both an effort and reasoning tokens: the effort counts, and forms show a badge."""
    return parameters.reasoning.effort is not None and parameters.reasoning.max_tokens is not None
