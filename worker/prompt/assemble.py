"""The order of a prompt: rules and character, then history, then the situation with the message to answer."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from engine.events.character import Description
from engine.events.turn import DroppedPart
from projections.history import Entry
from worker.prompt import character, history, platform, situation, tokens
from worker.prompt.message import Message
from worker.prompt.situation import Situation

VERSION = 1
"""Goes up whenever the same input would give other bytes."""


@dataclass(frozen=True, slots=True)
class Ingredients:
    """All that a prompt is made of. `entries` end with the message that is to be answered; `budget` is in tokens."""

    character: UUID
    description: Description
    entries: Sequence[Entry]
    names: Mapping[UUID, str]
    situation: Situation
    budget: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ready to send. `history_ids` are the log positions of the entries used; what was left out stands in `dropped`."""

    messages: tuple[Message, ...]
    tokens: int
    history_ids: tuple[int, ...]
    dropped: tuple[DroppedPart, ...]

    def as_json(self) -> list[dict[str, str]]:
        return [message.as_json() for message in self.messages]

    def bytes(self) -> bytes:
        """The messages as they are sent: what the hash is of."""
        return orjson.dumps(self.as_json())

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.bytes()).hexdigest()


def assemble(ingredients: Ingredients) -> Prompt:
    """The prompt of a turn. The same ingredients give the same bytes."""
    entries = history.in_order(ingredients.entries[:-1])
    trigger = ingredients.entries[-1]
    head = Message("system", f"{platform.RULES}\n\n{character.render(ingredients.description, trigger.author_name)}")
    last = history.render(trigger, ingredients.character, ingredients.names).content
    tail = Message("user", f"{situation.render(ingredients.situation)}\n{last}")
    past = [history.render(entry, ingredients.character, ingredients.names) for entry in entries]
    sizes = [tokens.count(message.content) + tokens.PER_MESSAGE for message in past]
    fixed = sum(tokens.count(message.content) + tokens.PER_MESSAGE for message in (head, tail))
    dropped: list[DroppedPart] = []
    while past and fixed + sum(sizes) > ingredients.budget:
        gone = entries.pop(0)
        past.pop(0)
        dropped.append(DroppedPart(what=f"history:{gone.position}", why="budget", tokens=sizes.pop(0)))
    used = tuple(entry.position for entry in (*entries, trigger))
    return Prompt((head, *past, tail), fixed + sum(sizes), used, tuple(dropped))
