"""Memories in the two formats of before, read (D3, G6): summaries of a shapes.inc backup, and verbatim exchanges. Pure.

Both are JSON arrays. Nothing of a file is trusted: what cannot be read is counted with its reason, never guessed.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from engine import ids
from engine.resources.typed import tidy
from engine.sealing import DataKey

MOST_BYTES = 64 * 1024 * 1024
MOST = 100_000
LONGEST = 4000
"""Characters of one memory, as of one that is noted."""
_SMALLEST, _LARGEST = 10**16, 2**63 - 1


@dataclass(frozen=True, slots=True)
class OldMemory:
    """One memory of one sender (an id of the other program's; "" is not known). Without a channel its place is not known."""

    sender: str
    text: str
    origin: Literal["shapes_inc", "verbatim"]
    at: datetime | None
    channel: int | None
    guild: int | None


@dataclass(frozen=True, slots=True)
class OldMemories:
    """What a file holds, and how many were left out why."""

    memories: tuple[OldMemory, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    sentence: str = ""


def memory_id(key: DataKey, person: int, character: UUID, text: str) -> UUID:
    """The id of a memory from outside: of its words by the person's key, so that by whatever way it comes it is one memory."""
    return ids.derived("old memory", person, character, key.digest(b"old memory\n" + text.encode("utf-8", "surrogatepass")))


def read(content: bytes) -> OldMemories:
    """The memories of a file; a sentence that says what is wrong where it is none."""
    if len(content) > MOST_BYTES:
        return OldMemories(sentence=f"A file of memories may have {MOST_BYTES // 2**20} MiB.")
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError):
        return OldMemories(sentence="This is no JSON.")
    rows = rows.get("memories", rows) if isinstance(rows, dict) else rows
    if not isinstance(rows, list):
        return OldMemories(sentence="A file of memories is a JSON array.")
    found, left_out = list[OldMemory](), Counter[str]()
    for row in rows[:MOST]:
        made = _memories(row)
        if isinstance(made, str):
            left_out[made] += 1
        else:
            found += made
    left_out.update({"beyond the limit": len(rows) - MOST} if len(rows) > MOST else {})
    return OldMemories(tuple(dict.fromkeys(found)), dict(left_out))


def _memories(row: object) -> list[OldMemory] | str:
    """One for each sender; or why there is none."""
    if not isinstance(row, dict):
        return "no memory"
    meta = row["metadata"] if isinstance(row.get("metadata"), dict) else {}
    shapes = isinstance(row.get("result"), str)
    text = row["result"] if shapes else _first(row, "content", "text")
    if not isinstance(text, str) or not tidy(text):
        return "empty"
    if row.get("deleted") or row.get("deletedAt") or row.get("deleted_at"):
        return "deleted"
    senders = row.get("senders") or meta.get("senders") or [_first(row, "personaId", "persona_id", "legacyShapesUserId")]
    named = [str(one)[:100] for one in senders if isinstance(one, str | int) and str(one)] if isinstance(senders, list) else []
    if not named and shapes:
        return "no sender"
    place = (
        _id(_first(meta, "discord_channel_id") or _first(row, "channelId", "channel_id")),
        _id(_first(meta, "discord_guild_id") or _first(row, "guildId", "guild_id")),
    )
    at = _moment(_first(row, "created_at", "createdAt") or _first(meta, "created_at", "end_ts"))
    summarized = shapes or row.get("sourceSystem") == "shapes-inc" or row.get("isSummarized") is True
    origin: Literal["shapes_inc", "verbatim"] = "shapes_inc" if summarized else "verbatim"
    return [OldMemory(one, tidy(text)[:LONGEST], origin, at, *place) for one in dict.fromkeys(named or [""])]


def _first(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _id(value: object) -> int | None:
    """A Discord id; an empty string or anything else is none."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0
    return number if _SMALLEST <= number <= _LARGEST else None


def _moment(value: object) -> datetime | None:
    """Unix seconds (or milliseconds), or ISO 8601; without a zone it is UTC."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return datetime.fromtimestamp(value / 1000 if value > 10**11 else value, UTC)
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
