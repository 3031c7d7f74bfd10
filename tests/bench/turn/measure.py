"""One turn seen from outside: when it was said, when the provider was asked and had answered, when the post arrived at Discord."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

import psycopg

from bot.cli.supervisor.plan import module
from engine.clock import monotonic
from engine.embedded import shim
from tests.bench.turn.crowd import Crowd, Load, crowd, pss
from tests.support.discord.server import StandinDiscord
from tests.support.stage import Call, Stage
from tests.support.system import Shape, Tzurot, running, until

LANES = 4
PACE_S = 0.01
"""Seconds between two words of the provider: an answer streams for some 70 ms, as a very fast model's does."""
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """Moments of one turn, monotonic seconds."""

    message: int
    said: float
    asked: float
    answered: float
    posted: float

    @property
    def before_ms(self) -> float:
        """From the message to the provider's request."""
        return (self.asked - self.said) * 1000

    @property
    def after_ms(self) -> float:
        """From the provider's last byte to the post."""
        return (self.posted - self.answered) * 1000

    @property
    def overhead_ms(self) -> float:
        return self.before_ms + self.after_ms


async def one(discord: StandinDiscord, stage: Stage, number: int) -> Turn:
    """Say something and wait until its answer is posted."""
    word, channel = f"ping-{number}", f"lane-{number % LANES}"
    seen, calls, said = len(discord.recorder.exchanges), len(stage.calls), monotonic()
    message = int(await discord.say(channel, "ann", f"@wren {word} hello there, how are you today?"))

    async def post() -> float | None:
        posts = [e for e in discord.recorder.exchanges[seen:] if e.method in ("POST", "PATCH") and "/webhooks/" in e.path]
        # One that grew in its message is whole with a change, not with a post.
        return next((e.at for e in posts if f"{word}," in _content(e.request)), None)

    posted = await until(post, 60.0, f"the answer to {word}")
    call: Call = next(call for call in stage.calls[calls:] if call.word == word)
    assert call.ended is not None
    return Turn(message, said, call.begun, call.ended, posted)


def _content(request: object) -> str:
    return str(request.get("content", "")) if isinstance(request, dict) else ""


@dataclass(frozen=True, slots=True)
class Ours:
    """Turns one after the other, the events they appended, medians in ms of the stages in between; and many at once, if asked for."""

    turns: Sequence[Turn]
    events: int
    stages: Mapping[str, float]
    crowd: Crowd | None = None


async def ours(turns: int, warm_up: int, note: Note, load: Load | None = None) -> Ours:
    """A whole Tzurot."""
    lanes = max(LANES, load.channels if load else 0)
    async with Stage.start(PACE_S) as stage, running(Shape(provider=stage.address, lanes=lanes)) as tzurot:
        await tzurot.discord.wait_connected()
        before, found = 0, list[Turn]()
        for number in range(-warm_up, turns):
            if number == 0:
                await asyncio.sleep(1.0)
                before = await _head(tzurot)
            turn = await one(tzurot.discord, stage, number + warm_up)
            if number >= 0:
                found.append(turn)
                _progress(note, "ours", number + 1, turns)
        await asyncio.sleep(1.0)
        events, between = await _head(tzurot) - before, await stages(tzurot, found)
        pids = [tzurot.pid(part) for part in tzurot.parts]
        many = await crowd(tzurot.discord, stage, load, "o", lambda: pss(pids)) if load else None
        return Ours(found, events, between, many)


async def bare(turns: int, warm_up: int, note: Note, load: Load | None = None) -> tuple[list[Turn], Crowd | None]:
    """The same of the loop without storage."""
    found = list[Turn]()
    async with Stage.start(PACE_S) as stage, StandinDiscord.start() as discord:
        for lane in range(max(LANES, load.channels if load else 0)):
            discord.add_channel(f"lane-{lane}")
        async with _bare_process(discord, stage) as pid:
            await discord.wait_connected()
            for number in range(-warm_up, turns):
                turn = await one(discord, stage, number + warm_up)
                if number >= 0:
                    found.append(turn)
                    _progress(note, "bare", number + 1, turns)
            many = await crowd(discord, stage, load, "b", lambda: pss([pid])) if load else None
    return found, many


@asynccontextmanager
async def _bare_process(discord: StandinDiscord, stage: Stage) -> AsyncIterator[int]:
    environment = {"PATH": os.environ["PATH"], "DISCORD_TOKEN": discord.token, "DISCORD_API_BASE": discord.api_base}
    environment["DISCLOSURE"] = "false"  # the bare loop says no such thing either
    bound = [sys.executable, "-I", "-S", shim.__file__, str(os.getpid()), str(int(signal.SIGKILL)), "-", "-", "-"]
    process = await asyncio.create_subprocess_exec(
        *bound, *module("tests.bench.turn.bare"), env=environment | {"PROVIDER_BASE_URL": stage.address}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process.pid
    finally:
        process.kill()
        await process.wait()


def _progress(note: Note, name: str, done: int, of: int) -> None:
    if done % 50 == 0 or done == of:
        note(f"{name} {done}/{of}")


async def _head(tzurot: Tzurot) -> int:
    async with await psycopg.AsyncConnection.connect(tzurot.dsn) as connection:
        row = await (await connection.execute("SELECT position FROM log_head")).fetchone()
        return int(row[0]) if row else 0


async def stages(tzurot: Tzurot, turns: Sequence[Turn]) -> dict[str, float]:
    """Where the time goes: medians between neighbouring moments, the log's own among them."""
    offset = time.time() - monotonic()
    moments = await _moments(tzurot)
    gaps: dict[str, list[float]] = {}
    for turn in turns:
        logged = {name: at - offset for name, at in moments[turn.message].items()}
        line = [
            ("said", turn.said),
            ("message.received", logged["message.received"]),
            ("turn.generation_started", logged["turn.generation_started"]),
            ("provider asked", turn.asked),
            ("provider done", turn.answered),
            ("turn.completed", logged["turn.completed"]),
            ("reply.intended", logged["reply.intended"]),
            ("posted", turn.posted),
        ]
        for (name, at), (later, then) in pairwise(line):
            if name != "provider asked":
                gaps.setdefault(f"{name} -> {later}", []).append((then - at) * 1000)
    return {name: round(sorted(found)[len(found) // 2], 1) for name, found in gaps.items()}


async def _moments(tzurot: Tzurot) -> dict[int, dict[str, float]]:
    """Message id -> event type -> when it was recorded, by the wall clock."""
    statement = """
    SELECT t.message_id, e.type, extract(epoch FROM min(e.recorded_at))::float8
    FROM turns.turns t JOIN events e ON e.turn = t.turn OR (e.type = 'message.received' AND e.position BETWEEN t.position - 3 AND t.position
         AND (convert_from(e.data, 'UTF8')::jsonb ->> 'message_id')::bigint = t.message_id)
    GROUP BY 1, 2
    """
    found: dict[int, dict[str, float]] = {}
    async with await psycopg.AsyncConnection.connect(tzurot.dsn) as connection:
        for message, type_, at in await (await connection.execute(statement)).fetchall():
            found.setdefault(message, {})[type_] = at
    return found
