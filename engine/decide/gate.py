"""The gate before everything that could cost: who of those a message is meant for answers it, and why the others do not. Pure.

Both faces ask it before they append anything. What it says of a message that is kept is appended with it, as codes: no text, no name.
A new reason not to answer is one entry of REASONS and one line of `_whole` or `_each`; what it depends on is a field of Policy, read
from wherever it is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from engine.events.message import Declined, Gate, MessageDeclined, MessageReceived

STALE_S = 900.0
"""A message older than this is kept but no longer answered (R04), in seconds."""
LIMIT = 4
"""Characters that answer one message unless set otherwise (1 to 10)."""

REASONS: Mapping[Gate, str] = MappingProxyType(
    {
        "program": "Programs and webhooks are never answered.",
        "empty": "There is nothing in it that a character could answer.",
        "denied": "Its author is not answered here.",
        "restricted": "Characters may not speak in this channel.",
        "age": "The character is only for age-restricted channels.",
        "stale": "It was older than 15 minutes when it was read, after an outage.",
        "rate": "Its author had been told that they are writing too fast.",
        "backlog": "Too many answers were waiting in this channel.",
        "quiet": "This channel is kept quiet at that time.",
        "unaddressed": "It addresses no character: none is named, replied to or activated here that its author may talk with.",
        "many": "More characters were addressed than answer one message.",
    }
)
"""Code of a reason to the sentence that says it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds when a message is said, besides what it says itself.

    `denied`, `restricted` and `quiet` are about its author and channel; `told_of_rate` that the author was told of a limit that still
    holds; `waiting` counts turns of the channel without an end, `backlog` how many there may be. `adults_only` are characters that may
    answer where the channel is age-restricted only; `denied_by` are those that do not answer its author.
    """

    stale_s: float = STALE_S
    limit: int = LIMIT
    denied: bool = False
    restricted: bool = False
    quiet: bool = False
    told_of_rate: bool = False
    waiting: int = 0
    backlog: int | None = None
    adults_only: frozenset[UUID] = frozenset()
    adult_channel: bool = False
    denied_by: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who answers, in the order of their answers, and the reasons for everybody or one who does not."""

    answering: tuple[UUID, ...] = ()
    declined: tuple[Declined, ...] = ()

    def because(self, gate: Gate) -> bool:
        """Whether nobody answers, for this reason."""
        return any(one.gate == gate and one.character_id is None for one in self.declined)

    @property
    def truncated(self) -> int:
        """How many were left out because too many were addressed."""
        return sum(one.gate == "many" for one in self.declined)


DEFAULT = Policy()


def record(message: MessageReceived, verdict: Verdict) -> MessageDeclined | None:
    """What is kept of a verdict; None where everybody answers, and for programs, whose kind stands on the message itself."""
    kept = tuple(one for one in verdict.declined if one.gate != "program")[:50]
    if not kept:
        return None
    return MessageDeclined(
        message_id=message.message_id,
        channel_id=message.channel_id,
        guild_id=message.guild_id,
        author_id=message.author_id,
        venue=message.venue,
        declined=kept,
    )


def judge(message: MessageReceived, addressed: Sequence[UUID], age_s: float, policy: Policy = DEFAULT) -> Verdict:
    """The verdict on a message. `addressed` are those it is meant for, the first first; `age_s` its age in seconds."""
    if (gate := _whole(message, addressed, age_s, policy)) is not None:
        return Verdict((), (Declined(gate=gate),))
    declined = {character: gate for character in addressed if (gate := _each(character, policy)) is not None}
    allowed = [character for character in addressed if character not in declined]
    declined |= dict.fromkeys(allowed[policy.limit :], "many")
    return Verdict(tuple(allowed[: policy.limit]), tuple(Declined(gate=gate, character_id=c) for c, gate in declined.items()))


def _whole(message: MessageReceived, addressed: Sequence[UUID], age_s: float, policy: Policy) -> Gate | None:
    """The first reason why nobody answers."""
    closed: tuple[tuple[Gate, bool], ...] = (
        ("program", message.author_kind != "human"),
        ("empty", not (message.text.strip() or message.attachments or message.forwards)),
        ("denied", policy.denied),
        ("restricted", policy.restricted),
        ("unaddressed", not addressed),
        ("stale", age_s > policy.stale_s),
        ("quiet", policy.quiet),
        ("rate", policy.told_of_rate),
        ("backlog", policy.backlog is not None and policy.waiting >= policy.backlog),
    )
    return next((gate for gate, shut in closed if shut), None)


def _each(character: UUID, policy: Policy) -> Gate | None:
    """The reason why this one of them does not answer."""
    if character in policy.denied_by:
        return "denied"
    return "age" if character in policy.adults_only and not policy.adult_channel else None
