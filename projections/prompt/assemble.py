"""The order of a prompt: rules and character, then what was said, then the message to answer, and last what changes every time."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from engine.events.character import Description
from engine.events.turn import DroppedPart
from projections.models.history import Entry
from projections.prompt import character, history, platform, situation, tokens, window
from projections.prompt.message import Message
from projections.prompt.situation import Situation

VERSION = 1
"""Goes up whenever the same ingredients would give other bytes."""
MARGIN = 20
"""One token in so many stays unused, because a count without the model's own vocabulary is an estimate."""


@dataclass(frozen=True, slots=True)
class Ingredients:
    """All that a prompt is made of.

    `entries` end with the message to answer. `limit` is how many entries may come before it, `begin` the position the last prompt
    of the conversation began with. `older`: there is more before them, which was not even read. `exact`: these entries in this
    order, as an earlier prompt had them.
    """

    character: UUID
    description: Description
    entries: Sequence[Entry]
    names: Mapping[UUID, str]
    situation: Situation
    limit: int = 50
    begin: int | None = None
    older: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ready to send. `history_ids` are the log positions of the entries used, the message to answer last.

    `begins` is where the conversation's next prompt begins as well; None after a makeshift that is not to be kept.
    """

    messages: tuple[Message, ...]
    tokens: int
    history_ids: tuple[int, ...]
    dropped: tuple[DroppedPart, ...]
    begins: int | None = None

    def as_json(self) -> list[dict[str, str]]:
        return [message.as_json() for message in self.messages]

    def bytes(self) -> bytes:
        """The messages as they are sent: what the hash is of."""
        return orjson.dumps(self.as_json())

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.bytes()).hexdigest()


class DoesNotFit(ValueError):
    """Rules, character and message alone are longer than the model's window."""


def assemble(ingredients: Ingredients, budget: int, *, thin: bool = False) -> Prompt:
    """The prompt of a turn: the same ingredients give the same bytes, at most `budget` tokens long by our count of the final text.

    `thin` leaves out the older 30 % of what was said. Raises DoesNotFit.
    """
    trigger = ingredients.entries[-1]
    past = list(ingredients.entries[:-1]) if ingredients.exact else history.in_order(ingredients.entries[:-1])
    messages = [history.render(entry, ingredients.character, ingredients.names) for entry in past]
    head = Message("system", f"{platform.RULES}\n\n{character.render(ingredients.description, trigger.author_name)}")
    asked = history.render(trigger, ingredients.character, ingredients.names).content
    allowed = budget - budget // MARGIN
    room = allowed - size(head) - size(Message("user", f"{asked}\n{situation.render(ingredients.situation, _present(past, trigger))}"))
    if room < 0:
        raise DoesNotFit(f"{allowed - room} tokens are needed, {allowed} are allowed")
    sizes = [size(message) for message in messages]
    wanted, fitting = _first(ingredients, past, sizes, room)
    first = fitting + ((len(past) - fitting) * 3 // 10 if thin else 0)
    tail = Message("user", f"{asked}\n{situation.render(ingredients.situation, _present(past[first:], trigger))}")
    reasons = ["limit"] * wanted + ["room"] * (fitting - wanted) + ["thin"] * (first - fitting)
    dropped = [DroppedPart(what=f"history:{e.position}", why=why, tokens=n) for e, n, why in zip(past, sizes, reasons, strict=False)]
    dropped += [cut for entry in (*past[first:], trigger) for cut in history.cuts(entry)]
    if ingredients.older and past:
        dropped.insert(0, DroppedPart(what=f"history:before:{min(e.position for e in past)}", why="limit"))
    total = size(head) + sum(sizes[first:]) + size(tail)
    used = tuple(entry.position for entry in (*past[first:], trigger))
    return Prompt((head, *messages[first:], tail), total, used, tuple(dropped), None if thin else used[0])


def _first(ingredients: Ingredients, past: Sequence[Entry], sizes: Sequence[int], room: int) -> tuple[int, int]:
    """How many entries go because there are too many, and how many in all because the rest would still be too long."""
    if ingredients.exact:
        return 0, 0
    positions = [entry.position for entry in past]
    wanted = window.start(positions, sizes, previous=ingredients.begin, limit=ingredients.limit, budget=sum(sizes))
    return wanted, window.start(positions, sizes, previous=ingredients.begin, limit=ingredients.limit, budget=room)


def size(message: Message) -> int:
    """Tokens of one message with what surrounds it."""
    return tokens.count(message.content) + tokens.PER_MESSAGE


def _present(past: Sequence[Entry], trigger: Entry) -> list[str]:
    return sorted({entry.author_name for entry in (*past, trigger) if entry.kind == "message" and not entry.erased})
