"""What must hold after every chaos run, judged from what others saw: the log, the stand-in Discord, the provider, files and pages.

I1 every Discord message accepted is in the log once        I4 provider calls per turn <= 1 + injected worker deaths
I2 positions and stream versions are contiguous             I5 one set of posts per answered turn, and no other posts
I3 every requested turn has exactly one end, in time        I6 every read model is what a fold of the log from zero gives
I7 nobody's words in a prompt or reply of somebody who      I8 no secret and nobody's words readable in logs, tables, files of
   is elsewhere                                                Postgres and NATS; no secret on a page
I11 replies of a conversation stand in the order of the log
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import orjson
import psycopg

from tests.support import canaries, folds
from tests.support.canaries import Flock, Shown

TERMINAL = frozenset({"turn.completed", "turn.failed", "turn.cancelled", "turn.declined"})
SHOWN = 20
"""Violations of one kind that are spelled out; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the judgement needs of an event: clear columns only."""

    position: int
    stream: str
    version: int
    type: str
    turn: UUID | None
    seconds: float
    data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Witnesses:
    """`said` are ids of people's messages in the stand-in Discord that the bot had to take in, `posted` those of webhooks and the bot.

    `calls` counts provider requests per turn as the provider saw them; `deaths` the worker deaths injected while that turn was
    in hand. `within` is how many seconds a turn may take from its request to its end.
    `flock` are the marked words there are, `shown` the prompts and replies with what of it they hold; `folder` is where all processes
    keep their files, `master_key` what the console needs to show its pages.
    """

    said: frozenset[int] = frozenset()
    posted: Mapping[int, str] = field(default_factory=dict)
    calls: Mapping[UUID, int] = field(default_factory=dict)
    deaths: Mapping[UUID, int] = field(default_factory=dict)
    within: float = 120.0
    flock: Flock = field(default_factory=Flock)
    shown: Sequence[Shown] = ()
    folder: Path | None = None
    master_key: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Violations by invariant; empty lists where it holds."""

    found: Mapping[str, Sequence[str]]

    @property
    def holds(self) -> bool:
        return not any(self.found.values())

    def plain(self) -> dict[str, object]:
        """`{"holds": bool, "I1": [violation, ...], ...}`, long lists cut."""
        return {"holds": self.holds, **{name: _cut(problems) for name, problems in self.found.items()}}


def _cut(problems: Sequence[str]) -> list[str]:
    more = len(problems) - SHOWN
    return [*problems[:SHOWN], *([f"and {more} more"] if more > 0 else [])]


async def judge(dsn: str, witnesses: Witnesses) -> Verdict:
    """Read the log and the read models, and hold them against what the others saw. Only when everything is at rest."""
    rows = await events(dsn)
    return Verdict(
        {
            "I1": accepted_once(rows, witnesses.said),
            "I2": contiguous(rows),
            "I3": one_end(rows, witnesses.within),
            "I4": calls_bounded(rows, witnesses.calls, witnesses.deaths),
            "I5": posted_once(rows, witnesses.posted),
            "I6": await folds.differences(dsn),
            "I7": canaries.isolated(witnesses.flock.whose, witnesses.shown),
            "I8": await unreadable(dsn, witnesses),
            "I11": in_order(rows),
        }
    )


async def events(dsn: str) -> list[Row]:
    """The whole log in order, without any text."""
    statement = "SELECT position, stream, version, type, turn, extract(epoch FROM recorded_at)::float8, data FROM events ORDER BY position"
    async with await psycopg.AsyncConnection.connect(dsn) as connection, connection.cursor(name="oracle") as cursor:
        await cursor.execute(statement)
        return [Row(*columns, orjson.loads(data)) async for (*columns, data) in cursor]  # type: ignore[call-arg]


def accepted_once(rows: Iterable[Row], said: frozenset[int]) -> list[str]:
    """I1."""
    seen = Counter(int(str(row.data["message_id"])) for row in rows if row.type == "message.received")
    lost = [f"message {message} is not in the log" for message in sorted(said - seen.keys())]
    return lost + [f"message {message} is in the log {count} times" for message, count in seen.items() if count > 1]


def contiguous(rows: Sequence[Row]) -> list[str]:
    """I2."""
    found = [f"position {row.position} where {at} was due" for at, row in enumerate(rows, 1) if row.position != at][:1]
    versions: dict[str, int] = defaultdict(int)
    for row in rows:
        versions[row.stream] += 1
        if row.version != versions[row.stream]:
            found.append(f"{row.stream} has version {row.version} where {versions[row.stream]} was due")
            versions[row.stream] = row.version
    return found


def one_end(rows: Sequence[Row], within: float) -> list[str]:
    """I3."""
    requested = {row.turn: row for row in rows if row.type == "turn.requested"}
    ends = [row for row in rows if row.type in TERMINAL]
    counts = Counter(row.turn for row in ends)
    found = [f"turn {turn} has {counts[turn]} ends" for turn in requested if counts[turn] != 1]
    found += [f"turn {turn} ended but was never requested" for turn in counts.keys() - requested.keys()]
    late = [(row, row.seconds - requested[row.turn].seconds) for row in ends if row.turn in requested]
    return found + [f"turn {row.turn} took {seconds:.1f} s" for row, seconds in late if seconds > within]


def calls_bounded(rows: Iterable[Row], calls: Mapping[UUID, int], deaths: Mapping[UUID, int]) -> list[str]:
    """I4. A turn that was answered must also have been asked for once at least."""
    found = [f"turn {turn}: {count} provider calls" for turn, count in calls.items() if count > 1 + deaths.get(turn, 0)]
    if not calls:
        return found
    completed = {row.turn for row in rows if row.type == "turn.completed"}
    return found + [f"turn {turn} was completed without a provider call" for turn in completed if turn and not calls.get(turn)]


def posted_once(rows: Sequence[Row], posted: Mapping[int, str]) -> list[str]:
    """I5. `posted` maps message ids in the stand-in Discord to where they are, for the message to be found.

    What Discord refuses for good is told instead, and recorded as failed: it was delivered not at all.
    """
    answered = {row.turn for row in rows if row.type in {"turn.completed", "turn.failed"} and row.data.get("venue") == "discord"}
    delivered = [row for row in rows if row.type == "reply.delivered" and row.data.get("venue") == "discord"]
    counts = Counter(row.turn for row in delivered)
    refused = {row.turn for row in rows if row.type == "reply.failed"}
    found = [f"turn {turn} was delivered {counts[turn]} times" for turn in answered if counts[turn] != (turn not in refused)]
    asked = (row for row in rows if row.type == "turn.requested" and "message_id" in row.data)
    replies: dict[UUID | None, object] = {row.turn: (row.data["message_id"], row.data["character_id"]) for row in asked}
    # The versions of one reply may share messages; what was shown last is what stands there.
    last: dict[object, list[int]] = {replies.get(row.turn, row.turn): _messages(row) for row in delivered}
    owners: Counter[int] = Counter(message for messages in last.values() for message in messages)
    found += [f"message {message} in {posted[message]} belongs to {owners[message]} turns" for message in posted if owners[message] != 1]
    return found + [f"message {message} was delivered, says the log, but is not in Discord" for message in owners if message not in posted]


def in_order(rows: Sequence[Row]) -> list[str]:
    """I11: what a character says in a channel stands there as its turns ended; what answers one message, by slot (in Discord's own ids)."""
    requested = {row.turn: row for row in rows if row.type == "turn.requested" and row.data.get("epoch", 0) == 0}
    first = {row.turn: min(_messages(row)) for row in rows if row.type == "reply.delivered" and row.turn in requested and _messages(row)}
    ends = [row for row in rows if row.type in {"turn.completed", "turn.failed"} and row.turn in first]
    talks: dict[tuple[object, ...], list[tuple[int, Row]]] = defaultdict(list)
    for row in ends:
        asked = requested[row.turn]
        talks[row.data["channel_id"], row.data["character_id"]].append((row.position, row))
        talks["message", row.data["message_id"]].append((int(str(asked.data.get("slot", 0))), row))
    found = []
    for talk in talks.values():
        told = [row for _, row in sorted(talk, key=lambda pair: pair[0])]
        found += [
            f"turn {later.turn} stands before {earlier.turn}"
            for earlier, later in pairwise(told)
            if first[later.turn] < first[earlier.turn]
        ]
    return found


def _messages(row: Row) -> list[int]:
    found = row.data["message_ids"]
    assert isinstance(found, list)
    return [int(message) for message in found]


async def unreadable(dsn: str, witnesses: Witnesses) -> list[str]:
    """I8. What a witness was not given is not looked through."""
    kept = {name: secret.encode() for name, secret in witnesses.flock.secrets.items()}
    words = {f"what {owner.person} said": word.encode() for word, owner in witnesses.flock.whose.items()}
    found = []
    if kept | words:
        found += await canaries.in_tables(kept | words, dsn)
        found += await asyncio.to_thread(canaries.in_files, kept | words, witnesses.folder) if witnesses.folder else []
    if kept and witnesses.master_key:
        found += await canaries.in_pages(kept, dsn, witnesses.master_key)
    return found
