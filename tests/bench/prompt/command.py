"""`tzurot bench prompt`: how much of a prompt a provider's cache may keep, and what a long history costs."""

import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from engine import clock, ids, seed
from engine.config import Settings
from engine.events import Tags, user_subject
from engine.events.message import MessageReceived
from engine.store import Log, NewEvent, open_log
from engine.terminal import Json, say, table
from engine.vault import load_master_key
from projections.follow import runner
from projections.models import history
from projections.models.history import Entry
from projections.models.turns import Turn
from projections.prompt import assemble
from projections.prompt.assemble import Ingredients, Prompt
from projections.prompt.section import Scene
from projections.prompt.sections import character
from projections.prompt.sections import history as history_section
from projections.prompt.sections.character import Card
from projections.prompt.sections.history import Said, Talk
from projections.registry import PROMPT
from tests.support import clusters
from worker.providers.chat import Endpoint
from worker.providers.http import Http
from worker.turn import context
from worker.work import Work

SAMPLE = seed.samples()[0]
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
WORDS = [
    "the", "a", "river", "moon", "slowly", "I", "you", "we", "think", "about", "maybe",
    "tomorrow", "never", "house", "garden", "light", "what", "if", "they", "said", "quietly", "because",
]  # fmt: skip
BUDGET = 120_000
WARM_UP = 20


def prompt(
    turns: Annotated[int, typer.Option(min=60, max=5000, help="Turns of the conversation; enough to fill a window of 100 messages.")] = 200,
    window: Annotated[int, typer.Option(min=4, max=100, help="Messages a prompt may hold (the preset's max_messages).")] = 50,
    messages: Annotated[int, typer.Option(min=200, help="The long history that is compared with one of 100 messages.")] = 100_000,
    repeats: Annotated[int, typer.Option(min=10, help="Timed assemblies of each.")] = 200,
    json: Json = False,
) -> None:
    """Share of prompt bytes that the turn before began with, ours beside a sliding window; assembly time by length of history."""
    rows = [row for limit in dict.fromkeys((window, 100)) for row in shares(turns, limit)]
    rows += asyncio.run(assembly(messages, repeats))
    say(rows, json=json)
    if not json:
        table(
            ("name", "window", "turns", "median share", "p10", "bytes"),
            [(r["name"], r["window"], r["turns"], r["share"], r["p10"], r["bytes"]) for r in rows if "share" in r],
        )
        table(
            ("history", "p50 ms", "p95 ms", "ratio"), [(r["messages"], r["p50_ms"], r["p95_ms"], r["ratio"]) for r in rows if "p50_ms" in r]
        )


def shares(turns: int, window: int) -> list[dict[str, object]]:
    """One row for our eviction and one for a sliding window, over the turns whose window is full."""
    return [
        _share("ours", conversation(turns, window, sliding=False), window),
        _share("sliding", conversation(turns, window, sliding=True), window),
    ]


def _share(name: str, prompts: Sequence[Prompt], window: int) -> dict[str, object]:
    sent = [prompt.bytes() for prompt in prompts]
    full = range(window // 2 + 1, len(sent))
    found = sorted(common(sent[n - 1], sent[n]) / len(sent[n]) for n in full)
    return {
        "name": name,
        "window": window,
        "turns": len(found),
        "share": round(statistics.median(found), 4),
        "p10": round(found[len(found) // 10], 4),
        "bytes": round(statistics.median(len(sent[n]) for n in full)),
    }


def common(one: bytes, other: bytes) -> int:
    """Length of the prefix both share."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def conversation(turns: int, window: int, *, sliding: bool) -> list[Prompt]:
    """The prompts of a conversation of two, with messages as long as people's and replies as long as models'."""
    chance = random.Random(7)
    entries: list[Entry] = []
    prompts: list[Prompt] = []
    begin: int | None = None
    for turn in range(turns):
        entries.append(_entry(2 * turn + 1, "message", _text(chance, 5, 40)))
        seen = entries[-(window + 21) :]
        made = _ingredients(seen[-(window + 1) :] if sliding else seen, window, None if sliding else begin)
        prompts.append(assemble.assemble(made, BUDGET))
        begin = prompts[-1].begins
        entries.append(_entry(2 * turn + 2, "reply", _text(chance, 20, 120)))
    return prompts


def _ingredients(entries: Sequence[Entry], window: int, begin: int | None) -> Ingredients:
    asked = {entry.message_id: entry.position for entry in entries if entry.kind == "message"}
    lines = tuple(Said(str(entry.position), entry, asked.get(entry.reply_to, entry.position)) for entry in entries)
    scene = Scene(SAMPLE.character_id, "discord", entries[-1].sent_at)
    data = {character.NAME: Card(SAMPLE.description), history_section.NAME: Talk(lines, {})}
    return Ingredients(scene, data, limit=window, begin=begin)


def _text(chance: random.Random, least: int, most: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(chance.randint(least, most))).capitalize() + "."


def _entry(position: int, kind: str, text: str) -> Entry:
    said = Entry(
        position=position,
        channel=1,
        venue="discord",
        kind="message",
        message_id=position,
        turn=None,
        character=None,
        author_id=1,
        author_kind="human",
        author_name="Alice",
        reply_to=None,
        sent_at=START + timedelta(seconds=30 * position),
        text=text,
        edited=False,
        erased=False,
    )
    if kind == "message":
        return said
    return replace(
        said, kind="reply", message_id=None, turn=UUID(int=position), character=SAMPLE.character_id, author_name="", reply_to=position - 1
    )


async def assembly(messages: int, repeats: int) -> list[dict[str, object]]:
    """Context read from real read models and assembled: p50 and p95 for 100 messages and for many, and the ratio of the p50s."""
    async with _work() as work:
        await _fill(work.log, {1: 100, 2: messages})
        found = {count: await _measure(work, channel, repeats) for channel, count in ((1, 100), (2, messages))}
    base = statistics.median(found[100])
    return [
        {
            "name": "assembly",
            "messages": count,
            "p50_ms": round(statistics.median(times), 3),
            "p95_ms": round(sorted(times)[len(times) * 95 // 100], 3),
            "ratio": round(statistics.median(times) / base, 3),
        }
        for count, times in found.items()
    ]


@asynccontextmanager
async def _work() -> AsyncIterator[Work]:
    async with clusters.temporary() as server:
        settings = Settings(_env_file=None, database_url=server.dsn, master_key="11" * 32, tzurot_data=Path())
        async with open_log(server.dsn, load_master_key(settings)) as log, Http() as http:
            await seed.plant(log, "bench/model")
            yield Work(settings, log, http, Endpoint("bench", "http://127.0.0.1:9/v1"), None)


async def _fill(log: Log, channels: Mapping[int, int]) -> None:
    chance, snowflakes = random.Random(3), ids.Snowflakes()
    for channel, count in channels.items():
        news = [_said(channel, snowflakes.next(), _text(chance, 5, 40)) for _ in range(count)]
        for start in range(0, count, 2000):
            await asyncio.gather(*(log.append(new) for new in news[start : start + 2000]))
    running = [asyncio.create_task(runner.run(log.dsn, projection)) for projection in PROMPT]
    try:
        if not await runner.wait_for(log.pool, [projection.name for projection in PROMPT], await log.head(), seconds=600):
            raise TimeoutError("the read models did not catch up within ten minutes")
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    async with log.pool.connection() as connection:
        await connection.execute("VACUUM ANALYZE history.entries")


def _said(channel: int, message_id: int, text: str) -> NewEvent:
    event = MessageReceived(message_id=message_id, channel_id=channel, author_id=9, venue="discord", text=text, author_name="Alice")
    tags = Tags(channel=channel, user=9)
    return NewEvent(
        event, stream=f"channel:{channel}", id=ids.message_event(message_id, "received"), tags=tags, subjects=(user_subject(9),)
    )


async def _measure(work: Work, channel: int, repeats: int) -> list[float]:
    turn = await _turn(work, channel)
    times = []
    for number in range(repeats + WARM_UP):
        started = clock.monotonic()
        found = await context.read(work, turn)
        assemble.assemble(found.ingredients(turn), BUDGET)
        if number >= WARM_UP:
            times.append((clock.monotonic() - started) * 1000)
    return times


async def _turn(work: Work, channel: int) -> Turn:
    """A turn that would answer the newest message of a channel."""
    async with work.log.pool.connection() as connection:
        last = (await history.recent(connection, work.log.vault, channel, until=await work.log.head(), limit=1))[0]
    return Turn(
        turn=UUID(int=channel),
        message_id=last.message_id or 0,
        channel=channel,
        guild=None,
        user_id=9,
        character=SAMPLE.character_id,
        venue="discord",
        trigger="mention",
        reason="bench",
        slot=0,
        epoch=0,
        position=last.position,
        requested_at=START,
        status="pending",
        attempts=0,
        ended_position=None,
        ended_at=None,
        model=None,
        provider=None,
        category=None,
        reference=None,
        finish_reason=None,
        usage=None,
        timing=None,
    )
