"""Strings from outside that a table refuses, and texts that are slow to look at: what they do to everybody else."""

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bot.console.prose import prose
from bot.delivery.split import split
from engine import seed
from engine.config import Settings
from engine.events.turn import TurnCompleted, TurnFailed
from tests.chaos.calls.rig import Rig, rig
from tests.chaos.run import Run, percentile
from tests.support.provider import odd
from tests.support.provider.room import Person
from tests.support.provider.server import Behaviour, FaultServer, Raw, Reply
from worker.work import Work

CHARACTER = seed.samples()[0].character_id
AT_ONCE = 4
ODD: Sequence[str] = (
    "a\x00b",
    "\x00" * 50,
    "x" * 9_000,
    "\ud800half",
    "half\udfff",
    "\ufeffm\uffff",
    "m\x1b[31m\x07",
    "\u202em\u2066",
    "m\r\nn\u2028o",
    "e\u0301" * 3_000,
    "\U0010ffff" * 700,
)
"""Strings that a table, an index or a terminal refuses, or that are too long for a clear field."""


def _bodies(odd: str) -> list[Behaviour]:
    """Answers and errors that hold a string in each place that is stored in the clear."""
    good = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
    documents: list[tuple[int, dict[str, object]]] = [
        (200, {"model": odd, "choices": [good]}),
        (200, {"model": "m", "choices": [good | {"finish_reason": odd}]}),
        (200, {"model": "m", "choices": [good | {"stop_reason": odd}]}),
        (200, {"model": "m", "choices": [good | {"message": {"content": "Hello. " + odd[:3000]}}]}),
        (200, {"id": odd, "model": "m", "choices": [good], "usage": {"prompt_tokens": 2**80, "completion_tokens": odd, "cost": 1e300}}),
        (400, {"error": {"message": odd, "type": odd, "code": odd, "param": odd}}),
        (500, {"error": {"message": odd, "metadata": {"raw": odd, "provider_name": odd}}}),
        (200, {"error": {"type": odd, "message": odd}}),
    ]
    return [Raw(json.dumps(document).encode(), status) for status, document in documents]


BODIES: Sequence[Behaviour] = tuple(body for odd in ODD for body in _bodies(odd))


async def r43(run: Run, settings: Settings | None = None) -> None:
    """R43: NUL, 9,000 characters, halves of pairs in every clear field of answers and errors. Each turn ends, others are answered."""
    given: dict[str, Behaviour] = {}
    async with rig(settings) as made, FaultServer.running() as provider:
        provider.decide = lambda asked: given.get(asked.call) or Reply("A good answer.")
        await Person(made.log).preset("a/odd")
        work = made.work(provider.address)

        async def one(number: int) -> None:
            turn = await made.say(Person(made.log, user=8000 + number, channel=8000 + number), "What do you say to that?", CHARACTER)
            given[str(turn)] = BODIES[number % len(BODIES)]
            end = await made.answered(work, turn)
            run.expect(isinstance(end, TurnCompleted | TurnFailed), f"{number}: {type(end).__name__}")

        async for first in run.each(AT_ONCE):
            await asyncio.gather(*(one(number) for number in range(first, min(first + AT_ONCE, run.wanted))))
            await _another(run, made, work, first)
        await made.judge(run)
        async with made.log.pool.connection() as connection:
            row = await (await connection.execute("SELECT count(*) FROM projection_skips")).fetchone()
        run.figures |= {"bodies": len(BODIES), "events_put_aside": row[0] if row else None}
        run.expect(row is not None and row[0] == 0, "an event was put aside")


async def _another(run: Run, made: Rig, work: Work, number: int) -> None:
    """Somebody else asks meanwhile."""
    turn = await made.say(Person(made.log, user=4, channel=400_000 + number), "And me?", CHARACTER)
    run.expect(isinstance(await made.answered(work, turn), TurnCompleted), f"{number}: another person got no answer")


def _texts() -> list[str]:
    units: tuple[str, ...] = (
        "\n",
        " ",
        "a.",
        ".",
        "<",
        "<think>",
        "</think>",
        "<message",
        "`",
        "*",
        "_",
        "|",
        "~",
        "[",
        "](",
        "@a",
        "&lt;",
        "&",
        ":\n",
        "> ",
    )
    units += (
        "e\u0301",
        "\u200d",
        "🏳️\u200d🌈",
        "\t\n",
        "- a\n",
        "# ",
        "http://",
        "<@1>",
        "```\n",
        "Bob: a\n",
        "“",
        "a ",
        "1. ",
        "\u202e",
        "{{",
        "\r\n",
    )
    long = [f"Well{unit * (40_000 // len(unit))}that is all." for unit in units]
    mixed = [f"Well {one * (10_000 // len(one))}{two * (10_000 // len(two))} that is all." for one in units[:12] for two in units[12:24]]
    return [*long, *mixed, "x" * 1_000_000, "<think>" * 4000 + "a" + "</think>" * 4000 + "Hello."]


TEXTS: Sequence[str] = tuple(_texts())
STALL_MS = 50.0
WARM = 3


async def r48(run: Run, settings: Settings | None = None) -> None:
    """R48: 40,000 newlines, blanks, dots, nested tags, 1 MB in a line. No step holds the loop longer than 50 ms of its processor time.

    What is measured lies between two looks of a watcher: what the worker, read models, delivery and console do with the text, one piece
    of work at a time, with the provider in the same loop.
    """
    given: dict[str, Behaviour] = {}
    async with rig(settings) as made, FaultServer.running() as provider:
        provider.decide = lambda asked: given.get(asked.call) or Reply("A good answer.")
        await Person(made.log).preset("a/slow")
        work = made.work(provider.address)
        stalls: list[float] = []
        for number in range(WARM):  # what is loaded with a process' first turns is no cost of a text
            await _another(run, made, work, 1 + number)
        gc.freeze()  # as every part does when it is ready: to look through all that was imported is no cost of a text either
        async for number in run.each():
            text = TEXTS[number % len(TEXTS)]
            turn = await made.say(Person(made.log, user=9000 + number, channel=9000 + number), text[:4000], CHARACTER)
            given[str(turn)] = Raw(odd.delta(text) + odd.STOP + odd.DONE, content_type="text/event-stream")
            async with _watched() as longest:
                end = await made.answered(work, turn)
                await asyncio.sleep(0.01)
            shown = end.text if isinstance(end, TurnCompleted) else ""
            drawn = max(_cost(split, shown), _cost(prose, shown))
            stalls.append(max(longest[0], drawn))
            run.expect(stalls[-1] <= STALL_MS, f"{number}: {stalls[-1]:.0f} ms by {text[4:24]!r}, of it {drawn:.0f} ms to show it")
        gc.unfreeze()
        await _another(run, made, work, 0)
        ordered = sorted(stalls)
        run.figures |= {"texts": len(TEXTS), "stall_ms_p95": percentile(ordered, 95), "stall_ms_max": round(ordered[-1], 1)}
        await made.judge(run)


def _cost(look: object, text: str) -> float:
    """Milliseconds of processor time that looking at a text takes."""
    assert callable(look)
    began = time.thread_time()
    look(text)
    return (time.thread_time() - began) * 1000


@asynccontextmanager
async def _watched() -> AsyncIterator[list[float]]:
    """The most milliseconds of processor time this loop spent between two looks."""
    longest = [0.0]

    async def watch() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0.001)
            longest[0] = max(longest[0], (time.thread_time() - began) * 1000)

    watching = asyncio.create_task(watch())
    try:
        yield longest
    finally:
        watching.cancel()
