"""A whole conversation with every version of its replies, as it is written to files. Reads the history and the log, owns nothing."""

import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from engine.events.base import Tags
from engine.events.playground.chat import ChatLineKept
from engine.events.turn import TurnCompleted
from engine.store import Log, Query
from engine.vault import Vault
from projections.models import history
from projections.models.history import Entry

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SpokenEntry:
    """Something said with the versions it has; `chosen` is the index of the one that is shown, `turn` that of a reply's first."""

    entry: Entry
    texts: tuple[tuple[str, datetime], ...]
    chosen: int
    turn: UUID | None


@dataclass(slots=True)
class KeptChat:
    """What the log of another program said besides words: of the conversation, of messages, of replies by their turns.

    `notes` are lines that nobody said, by their positions.
    """

    head: Tree = field(default_factory=dict)
    messages: dict[int, Tree] = field(default_factory=dict)
    turns: dict[UUID, Tree] = field(default_factory=dict)
    notes: list[tuple[int, Tree]] = field(default_factory=list)


async def transcript(connection: AsyncConnection, vault: Vault, channel: int) -> list[SpokenEntry]:
    """Everything that is visible in a channel, in order. [] for one that nobody knows."""
    versions = defaultdict[tuple[int | None, UUID | None], list[Entry]](list)
    for entry in await history.versions_in(connection, vault, channel):
        versions[entry.reply_to, entry.character].append(entry)
    found = []
    for entry in await history.recent(connection, vault, channel, until=2**62, limit=1_000_000):
        made = versions.get((entry.reply_to, entry.character), []) if entry.kind == "reply" else []
        turns = [version.turn for version in made]
        if entry.turn not in turns:
            made, turns = [entry], [entry.turn]
        texts = tuple((version.text, version.sent_at) for version in made)
        found.append(SpokenEntry(entry, texts, turns.index(entry.turn), turns[0]))
    return found


async def kept_of(log: Log, channel: int, spoken: Sequence[SpokenEntry]) -> KeptChat | None:
    """What came with a conversation from another program; None for one that began here."""
    found, after = KeptChat(), await _begun(log, channel, spoken)
    if after is None:
        return None
    wanted = Query(
        types=frozenset({TurnCompleted.TYPE, ChatLineKept.TYPE}), tags=Tags(channel=channel), after=after, until=await log.head()
    )
    async with aclosing(log.read(wanted)) as events:
        async for one in events:
            if isinstance(one.event, TurnCompleted):
                if one.event.provider == "import":
                    found.turns[one.event.turn_id] = _tree(one.event.raw)
            elif isinstance(one.event, ChatLineKept):
                tree = _tree(one.event.kept)
                if one.event.message_id == channel:
                    found.head = tree
                elif "mes" in tree:
                    found.notes.append((one.position, tree))
                else:
                    found.messages[one.event.message_id] = tree
    return found


async def _begun(log: Log, channel: int, spoken: Sequence[SpokenEntry]) -> int | None:
    """The position after which a conversation from another program is found; None for one that began here.

    Those of before kept nothing of the conversation itself: their replies tell where they are from.
    """
    reply = next((one.turn for one in spoken if one.turn is not None), None)
    for stream in (f"kept:{channel}", *([f"turn:{reply}"] if reply is not None else [])):
        async with aclosing(log.read(Query(stream=stream))) as events:
            async for one in events:
                if isinstance(one.event, ChatLineKept) or (isinstance(one.event, TurnCompleted) and one.event.provider == "import"):
                    return min(one.position, min(entry.entry.position for entry in spoken)) - 1
    return None


def _tree(text: str) -> Tree:
    """The object that was kept; {} where it was erased."""
    try:
        tree = json.loads(text)
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}
