"""People who talk to a character on the stand-in Discord while something goes wrong, and what they got to see."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

import psycopg

from engine.clock import monotonic
from engine.store import open_log
from engine.vault import MasterKey
from projections.models import keys
from projections.registry import ALL
from tests.chaos.run import Run
from tests.support import canaries, oracle
from tests.support.canaries import Flock, Shown, Whose, words_in
from tests.support.discord.errors import Json
from tests.support.discord.server import StandinDiscord
from tests.support.stage import Stage
from tests.support.system import MASTER_KEY, Shape, Tzurot, running, until

NAME = "wren"
ANSWER_S = 90.0
REST_S = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """A message to the character: its id, the word that marks it, when it was said (monotonic seconds), and by whom."""

    id: int
    word: str
    channel: str
    at: float
    user: str = ""


@dataclass
class Scene:
    """A running system, its stage, and everything that was said in it."""

    tzurot: Tzurot
    stage: Stage
    said: dict[str, Said] = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)
    flock: Flock = field(default_factory=Flock)
    notices: set[int] = field(default_factory=set)
    """Ids of messages in which the bot told somebody what Discord refused: they are no answers."""

    @property
    def discord(self) -> StandinDiscord:
        return self.tzurot.discord

    async def say(self, lane: int, text: str = "hello", user: str = "") -> Said:
        """Say something to the character in one of the lanes, marked with a new word. Each lane has a person of its own."""
        return await self.say_word(f"ping-{len(self.said)}", lane, text, user)

    async def say_word(self, word: str, lane: int, text: str = "hello", user: str = "") -> Said:
        """The same with a word chosen before, so that the stage could be told."""
        channel, user, at = f"lane-{lane}", user or person(lane), monotonic()
        message = await self.discord.say(channel, user, f"@{NAME} {word} {text}, my secret is {self.flock.of(user, channel)}")
        said = self.said[word] = Said(int(message), word, channel, at, user)
        return said

    def answers(self, said: Said) -> list[int]:
        """Ids of the messages that answer this one."""
        return [int(m["id"]) for m in self.posts(said.channel) if int(m["id"]) > said.id and _quotes(str(m["content"]), said.word)]

    def posts(self, channel: str) -> list[Json]:
        """What webhooks and the bot posted in a channel, as kept: to render it anew for everybody who waits would take all the time."""
        world = self.discord.world
        return [m for m in world.channel(channel).messages.values() if m.get("webhook_id") or m["author"]["id"] == world.bot.id]

    def unanswered(self, said: Iterable[Said]) -> list[Said]:
        """Those of them that have no answer yet."""
        texts = defaultdict[str, list[str]](list)
        for one in (waiting := list(said)):
            if one.channel not in texts:
                texts[one.channel] = [str(m["content"]) for m in self.posts(one.channel)]
        return [one for one in waiting if not any(_quotes(text, one.word) for text in texts[one.channel])]

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
        by_turn = {turn: words[message] for turn, message in turns.items() if message in words}
        counts = self.stage.counts()
        run.duplicates += sum(max(0, len(self.answers(said)) - 1) for said in self.said.values())
        run.llm_calls_max = max(run.llm_calls_max, *counts.values(), 0)
        # Whose server it is says nothing here: what stands in that DM are notices of permissions the bot lacks.
        owners = self.discord.dm("owner")
        places = [c for c in self.discord.world.channels.values() if c.id != owners]
        posted = {int(m["id"]): c.name for c in places for m in self.posts(c.id) if int(m["id"]) not in self.notices}
        share = Counter(by_turn.values())  # another version of a reply is a turn about the same word
        calls: Mapping[UUID, int] = {turn: -(-counts[word] // share[word]) for turn, word in by_turn.items() if counts[word]}
        deaths = {turn: self.deaths[word] for turn, word in by_turn.items()}
        within = within if run.timely else 10 * within  # beside a test suite a turn's end is asked for, not how soon it came
        witnesses = oracle.Witnesses(frozenset(words), posted, calls, deaths, within, self._marked(), self._shown())
        run.verdict = await oracle.judge(self.tzurot.dsn, replace(witnesses, folder=self.tzurot.folder, master_key=MASTER_KEY))

    def _marked(self) -> Flock:
        """Everybody's words, and every secret there is by now."""
        hooks = {f"a webhook's token ({hook.id})": hook.token for hook in self.discord.world.webhooks.values()}
        servers = {"Postgres' password": self.tzurot.postgres.password, "NATS' password": self.tzurot.nats.password}
        self.flock.secrets |= hooks | servers | {"the bot's token": self.discord.token, "the master key": MASTER_KEY}
        return self.flock

    def _shown(self) -> list[Shown]:
        """Every prompt the provider was sent, and every reply that stands in a channel."""
        shown = []
        for call in self.stage.calls:
            said = self.said.get(call.word)
            to = Whose(said.user, said.channel) if said else Whose("nobody", "nowhere")
            own = self.flock.of(said.user, said.channel) if said else None
            shown.append(Shown(f"the prompt of {call.word or 'no word'}", to, call.canaries, own))
        for channel in self.discord.world.channels.values():
            to = Whose("somebody there", channel.name)
            shown += [Shown(f"message {m['id']}", to, words_in(str(m["content"]))) for m in self.posts(channel.id)]
        return shown

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


def person(lane: int) -> str:
    """Who speaks in a lane unless told otherwise."""
    return f"ann-{lane}"


async def _own_key(made: Scene) -> None:
    """The first person pays with a key of their own, which is a secret like others."""
    secret, user = f"sk-{canaries.fresh()}", int(made.discord.user_id(person(0)))
    async with open_log(made.tzurot.dsn, MasterKey.of(bytes.fromhex(MASTER_KEY))) as log:
        await keys.add(log, user, "local", secret)
    made.flock.secrets["a person's provider key"] = secret


def _quotes(content: str, word: str) -> bool:
    """The stage says "You said ping-7, and ...": the comma keeps ping-7 from being found in ping-70."""
    return f"{word}," in content


def _turns(rows: list[oracle.Row]) -> dict[UUID, int]:
    """Turn -> the message it answers, other versions too."""
    kinds = ("turn.requested", "reply.regenerated")
    return {row.turn: int(str(row.data["message_id"])) for row in rows if row.type in kinds and row.turn}


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
    """Everything up, the bot connected, the logs at their most talkative. The first answer of a lane makes its webhook: each had one."""
    shape["settings"] = {"LOG_LEVEL": "debug"} | dict(shape.get("settings", {}))  # type: ignore[call-overload]
    async with Stage.start(pace) as stage, running(Shape(provider=stage.address, lanes=lanes, **shape)) as tzurot:  # type: ignore[arg-type]
        made = Scene(tzurot, stage)
        await _own_key(made)
        first = [await made.say(lane, "good morning") for lane in range(lanes)]
        await asyncio.gather(*(made.answered(said) for said in first))
        yield made
