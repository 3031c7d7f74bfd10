"""What an answer says it used: bounded, whatever the provider writes."""

from collections.abc import Mapping
from typing import Any

from engine.events.turn import Usage
from worker.providers.shapes import as_dict, as_number

MOST_TOKENS = 10**9
MOST_DOLLARS = 10_000.0
"""More than this for one answer is a mistake: the cost counts as not told, and the catalogue's price decides."""
NO_USAGE = Usage()

_NAMES = {
    "prompt_tokens": ("prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount", "prompt_eval_count"),
    "completion_tokens": ("completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount", "eval_count"),
}


def usage_of(document: Mapping[str, Any]) -> Usage:
    """Tokens and cost as the provider counted them; what is no number, or none that can be, counts as 0."""
    usage = as_dict(document.get("usage")) or as_dict(document.get("usageMetadata"))
    usage = usage or as_dict(as_dict(document.get("message")).get("usage")) or as_dict(as_dict(document.get("response")).get("usage"))
    if not usage and "eval_count" in document:
        usage = dict(document)
    if not usage:
        return NO_USAGE
    written = as_dict(usage.get("completion_tokens_details")) or as_dict(usage.get("output_tokens_details"))
    read = as_dict(usage.get("prompt_tokens_details")) or as_dict(usage.get("input_tokens_details"))
    cost = as_number(usage.get("cost"))
    return Usage(
        prompt_tokens=_tokens(usage, *_NAMES["prompt_tokens"]),
        completion_tokens=_tokens(usage, *_NAMES["completion_tokens"]),
        reasoning_tokens=_tokens(written, "reasoning_tokens"),
        cached_tokens=_tokens(read, "cached_tokens"),
        cost=cost if cost is not None and cost <= MOST_DOLLARS else None,
    )


def _tokens(usage: Mapping[str, Any], *names: str) -> int:
    number = next((found for name in names if (found := as_number(usage.get(name))) is not None), 0.0)
    return min(int(number), MOST_TOKENS)


def more(known: Usage, said: Usage) -> Usage:
    """Both together: counts only grow within an answer, so that a late or blank report wipes nothing out. The newest cost counts."""
    if said is NO_USAGE:
        return known
    counts = {name: max(getattr(known, name), getattr(said, name)) for name in Usage.model_fields if name != "cost"}
    return Usage(**counts, cost=known.cost if said.cost is None else said.cost)
