"""What a reaction to a reply does: emojis by act, per server and per character (E1)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from engine.resources.field import Resource, Shown
from engine.resources.reacting.emoji import NOTHING, emojis, written_wrong

Act = Literal["like", "dislike", "regenerate", "go_on", "pin", "inspect", "delete"]
Rating = Literal["good", "bad"]
"""What somebody thinks of a version of a reply."""
ACTS: tuple[Act, ...] = get_args(Act)
REACTIONS = "Reactions"
_HELP = f"Emojis with spaces between them; {NOTHING}: no emoji does this here; empty: as it is elsewhere."


def _shown(label: str) -> Shown:
    return Shown(label, REACTIONS, _HELP, limit=200, tiered=True)


class ReactionSheet(Resource):
    """The emojis of each act, as text. None: what a weaker tier says holds."""

    like: Annotated[str | None, _shown("Good reply")] = None
    dislike: Annotated[str | None, _shown("Bad reply")] = None
    regenerate: Annotated[str | None, _shown("Another version")] = None
    go_on: Annotated[str | None, _shown("Go on")] = None
    pin: Annotated[str | None, _shown("Keep in memory")] = None
    inspect: Annotated[str | None, _shown("Look inside")] = None
    delete: Annotated[str | None, _shown("Delete the reply")] = None


DEFAULTS = ReactionSheet(like="❤️ 👍", dislike="💔", regenerate="👎", go_on="➡️", pin="📌", inspect="🔍 🔎", delete="❌")
"""What holds where nobody set anything."""
UNSET = ReactionSheet()


def mapping(*tiers: ReactionSheet | None) -> dict[str, Act]:
    """Normal emoji -> act, from the weakest tier to the strongest; DEFAULTS are the weakest of all.

    An act's emojis are those of the strongest tier that says anything of it; one that two acts claim belongs to the stronger tier's.
    """
    found: dict[str, tuple[int, Act]] = {}
    for act in ACTS:
        said = [(rank, text) for rank, tier in enumerate((DEFAULTS, *tiers)) if tier and (text := getattr(tier, act)) is not None]
        rank, text = said[-1]
        for emoji in emojis(text):
            if emoji not in found or found[emoji][0] < rank:
                found[emoji] = (rank, act)
    return {emoji: act for emoji, (_, act) in found.items()}


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the values taken together: no emoji, or one that would do two things."""
    wrong: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in ReactionSheet.model_fields:
        text = values.get(name) or ""
        if (bad := written_wrong(text)) is not None:
            wrong[name] = f"{bad[:40]} is no emoji."
            continue
        for emoji in emojis(text):
            if taken.setdefault(emoji, name) != name:
                wrong[name] = "One emoji can do one thing only."
    return wrong
