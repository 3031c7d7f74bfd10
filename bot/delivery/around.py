"""What stands around an answer and is no part of what was said: thoughts before it, a footer below it. Pure.

History and prompts are made from the log, where neither stands; what is forwarded or quoted is freed from them at the door.
"""

import re
from collections.abc import Sequence

from bot.delivery.split import LIMIT, length, split
from engine.events.turn import TurnCompleted

THOUGHTS = 3
"""Messages of thoughts at most."""
_WHY = {
    "rate_limit": "is asked too much",
    "quota_exceeded": "has no credit left",
    "budget": "has used up what it may cost today",
    "free_limit": "is free no more today",
    "not_allowed": "needs a key of your own",
    "authentication": "does not take the key",
    "content_policy": "would not answer",
    "context_length": "does not hold that much text",
    "model_not_found": "is not known",
    "timeout": "took too long",
    "network": "could not be reached",
    "server_error": "does not work",
    "censored": "would not answer",
    "empty_response": "said nothing",
}
_FOOTER = ("-# Answered by ", "-# Free model", "-# With a key of your own")


def footer(words: TurnCompleted) -> str:
    """The lines below an answer: another model than the one that was to answer, a free one, how to get more; empty without."""
    lines = []
    if words.fallback_from:
        lines.append(f"-# Answered by {_name(words.model)}: {_name(words.fallback_from)} {_WHY.get(words.fallback_why or '', 'failed')}")
    elif words.guest:
        lines.append(f"-# Free model: {_name(words.model)}")
    if words.upgrade_hint:
        lines.append("-# With a key of your own you choose the model")
    return "\n".join(lines)


def stripped(text: str) -> str:
    """A text of ours, as it comes back forwarded or quoted, without its footer."""
    lines = text.removesuffix("\n").split("\n")
    above = len(lines)
    while above and lines[above - 1].startswith(_FOOTER):
        above -= 1
    return text if above == len(lines) else "\n".join(lines[:above]).rstrip("\n")


def thoughts(reasoning: str) -> Sequence[str]:
    """The thoughts behind an answer as messages that are opened by a click: at most THOUGHTS, the end is left out."""
    clean = reasoning.replace("||", "| |").replace("```", "'''").strip()
    if not clean:
        return ()
    cut = split(clean, LIMIT - 40)
    more = " …" if len(cut) > THOUGHTS else ""
    shown = [f"-# Thoughts\n||{part}||" if n == 0 else f"||{part}||" for n, part in enumerate(cut[:THOUGHTS])]
    shown[-1] += more
    assert all(length(one) <= LIMIT for one in shown)
    return shown


def _name(model: str) -> str:
    """A model's name as it may stand in a line of small print."""
    return re.sub(r"[^\w./:@ -]", "", model)[:100]
