"""People who talk to a character on the stand-in Discord while something goes wrong, and what they got to see."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from engine.clock import monotonic
from projections.registry import ALL
from tests.chaos.run import Run
from tests.support import oracle
from tests.support.discord.server import StandinDiscord
from tests.support.stage import Stage
from tests.support.system import Shape, Tzurot, running, until

NAME = "wren"
ANSWER_S = 90.0
REST_S = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """A message to the character: its id, the word that marks it, when it was said (monotonic seconds)."""

    id: int
    word: str
    channel: str
    at: float


@dataclass
class Scene:
    """A running system, its stage, and everything that was said in it."""

    tzurot: Tzurot
    stage: Stage
    said: dict[str, Said] = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)

    @property
    def discord(self) -> StandinDiscord:
        return self.tzurot.discord

    async def say(self, lane: int, text: str = "hello", user: str = "ann") -> Said:
        """Say something to the character in one of the lanes, marked with a new word."""
        return await self.say_word(f"ping-{len(self.said)}", lane, text, user)

    async def say_word(self, word: str, lane: int, text: str = "hello", user: str = "ann") -> Said:
        """The same with a word chosen before, so that the stage could be told."""
        channel, at = f"lane-{lane}", monotonic()
        message = await self.discord.say(channel, user, f"@{NAME} {word} {text}")
        said = self.said[word] = Said(int(message), word, channel, at)
        return said

    def answers(self, said: Said) -> list[int]:
        """Ids of the messages that answer this one."""
        return [int(m["id"]) for m in self.discord.replies(said.channel, str(said.id)) if _quotes(str(m["content"]), said.word)]

    async def answered(self, said: Said, within: float = ANSWER_S) -> float:
        """When the answer was visible (monotonic). TimeoutError when it never was."""

        async def look() -> float | None:
            return monotonic() if self.answers(said) else None

        return await until(look, within, f"an answer to {said.word}")

    async def follow(self, run: Run, said: Said, since: float, within: float = ANSWER_S) -> None:
        """Note how long after `since` the answer came, or that it was lost."""
        try:
            run.recoveries.append(await self.answered(said, within) - since)
        except TimeoutError:
            run.lost += 1
            run.broken.append(f"{said.word} was not answered within {within:g} s")

    async def kill(self, part: str) -> None:
        """SIGKILL; a dying worker excuses another provider call of every turn it was asking about."""
        if part.startswith("worker"):
            self.deaths.update(call.word for call in self.stage.calls if call.ended is None)
        await self.tzurot.kill(part)

    async def judge(self, run: Run, within: float = 120.0) -> None:
        """Wait until everything is at rest, count what people saw, and ask the oracle."""
        try:
            await self.rest()
        except TimeoutError as error:
            run.broken.append(str(error))
        rows = await oracle.events(self.tzurot.dsn)
        turns = _turns(rows)
        words = {said.id: word for word, said in self.said.items()}
        by_turn = {turn: words[message] for message, turn in turns.items() if message in words}
        counts = self.stage.counts()
        run.duplicates += sum(max(0, len(self.answers(said)) - 1) for said in self.said.values())
        run.llm_calls_max = max(run.llm_calls_max, *counts.values(), 0)
        posted = {int(m["id"]): c.name for c in self.discord.world.channels.values() for m in self.discord.replies(c.id)}
        calls: Mapping[UUID, int] = {turn: counts[word] for turn, word in by_turn.items() if counts[word]}
        deaths = {turn: self.deaths[word] for turn, word in by_turn.items()}
        run.verdict = await oracle.judge(self.tzurot.dsn, oracle.Witnesses(frozenset(words), posted, calls, deaths, within))

    async def rest(self, within: float = REST_S) -> None:
        """Until nothing is pending, nothing is to be delivered, and every read model stands at the head of the log."""

        async def look() -> bool:
            try:
                return await _at_rest(self.tzurot.dsn)
            except psycopg.OperationalError:
                return False

        await until(look, within, "everything at rest")

    async def has_event(self, type_: str, turn: UUID, within: float = ANSWER_S) -> None:
        """Until the log holds an event of this type about the turn."""

        async def look() -> bool:
            async with await psycopg.AsyncConnection.connect(self.tzurot.dsn) as connection:
                found = await connection.execute("SELECT 1 FROM events WHERE turn = %s AND type = %s", (turn, type_))
                return await found.fetchone() is not None

        await until(look, within, f"{type_} of turn {turn}")


def _quotes(content: str, word: str) -> bool:
    """The stage says "You said ping-7, and ...": the comma keeps ping-7 from being found in ping-70."""
    return f"{word}," in content


def _turns(rows: list[oracle.Row]) -> dict[int, UUID]:
    return {int(str(row.data["message_id"])): row.turn for row in rows if row.type == "turn.requested" and row.turn}


async def _at_rest(dsn: str) -> bool:
    statement = """
    SELECT (SELECT count(*) FROM projections WHERE role = 'live' AND position = (SELECT position FROM log_head)) = %s
       AND NOT EXISTS (SELECT 1 FROM turns.turns WHERE status = 'pending')
       AND NOT EXISTS (SELECT 1 FROM deliveries.deliveries WHERE status IN ('due', 'intended'))
    """
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        row = await (await connection.execute(statement, (len(ALL),))).fetchone()
        return bool(row and row[0])


@asynccontextmanager
async def scene(lanes: int = 8, pace: float = 0.0, **shape: object) -> AsyncIterator[Scene]:
    """Everything up and the bot connected; the first answer of a lane makes its webhook, so each lane has had one."""
    async with Stage.start(pace) as stage, running(Shape(provider=stage.address, lanes=lanes, **shape)) as tzurot:  # type: ignore[arg-type]
        made = Scene(tzurot, stage)
        first = [await made.say(lane, "good morning") for lane in range(lanes)]
        await asyncio.gather(*(made.answered(said) for said in first))
        yield made
