"""A world of channels and people whose log is real: what is said, answered and remembered in it, and the prompts that come of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from engine import ids, seed
from engine.actor import Actor, operator
from engine.decide.command import Command
from engine.events import Event, Tags, build
from engine.events.build import Cause
from engine.events.message import MessageReceived
from engine.events.turn import GenerationStarted, TurnCompleted, TurnRequested, Usage
from engine.execute import Executed, execute
from engine.store import Log, Query
from projections.follow import runner
from projections.models.memories import memory_scope
from projections.models.memories.memory_scope import MemoryScope
from projections.prompt import sections
from projections.prompt.assemble import Ingredients, Prompt, assemble
from projections.prompt.recall import Recall
from projections.prompt.section import Moment, Scene, Snapshot
from projections.registry import ALL
from projections.unchanged import Unchanged

WREN, EVE = (sample.character_id for sample in seed.samples()[:2])
BEGAN = datetime(2026, 3, 1, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Spot:
    """A channel; without a server it is a private talk."""

    channel: int
    guild: int | None = None


@dataclass
class World:
    """`at` is now; everything said takes a minute. `rows` are told to the read models when something is looked at."""

    log: Log
    recall: Recall | None = None
    at: datetime = BEGAN
    read: int = 0
    where: dict[int, Spot] = field(default_factory=dict)
    asked: set[UUID] = field(default_factory=set)
    unchanged: Unchanged = field(default_factory=Unchanged)

    async def append(self, *events: Event, character: UUID | None = None, turn: UUID | None = None) -> None:
        rows = [
            build.new(event, ids.random_id(), cause=Cause(tags=Tags(turn=turn, character=character)), occurred_at=self.at)
            for event in events
        ]
        await self.log.append(*rows)

    def _later(self) -> int:
        self.at += timedelta(minutes=1)
        return ids.snowflake_at(self.at)

    async def say(self, spot: Spot, text: str, by: int = 41, **more: object) -> int:
        """Somebody says something; its message id."""
        message, author = self._later(), {"author_id": by, "author_name": f"Person {by}"}
        place = {"message_id": message, "channel_id": spot.channel, "guild_id": spot.guild, "venue": "discord"}
        await self.append(MessageReceived.model_validate(place | author | {"text": text} | more))
        self.where[message] = spot
        return message

    async def answer(self, message: int, text: str, by: UUID = WREN, to: int = 41, epoch: int = 0) -> UUID:
        """A character answers it; the turn."""
        self._later()
        spot, turn = self.where[message], ids.turn(message, by, epoch)
        whose = {"turn_id": turn, "message_id": message, "channel_id": spot.channel, "guild_id": spot.guild, "user_id": to}
        whose |= {"character_id": by, "venue": "discord"}
        made = {"attempt": 1, "model": "m", "provider": "p", "finish_reason": "stop", "usage": Usage(), "text": text}
        asked = TurnRequested.model_validate(whose | {"trigger": "name", "reason": "test", "epoch": epoch})
        await self.append(asked, TurnCompleted.model_validate(whose | made), character=by, turn=turn)
        return turn

    async def do(self, command: Command, by: Actor | None = None) -> Executed:
        """Carry a command out, by the operator unless somebody is named."""
        return await execute(self.log, by or operator(), command, ids.random_id())

    async def caught_up(self) -> None:
        rows = [row async for row in self.log.rows(Query(after=self.read))]
        async with self.log.pool.connection() as connection:
            for model in ALL:
                after = await runner.install(connection, model)
                if new := [row for row in rows if row.position > after]:
                    await runner.apply(connection, model, new)
        self.read = max((row.position for row in rows), default=self.read)

    def scope(self, message: int, reader: UUID = WREN, by: int = 41) -> MemoryScope:
        spot = self.where[message]
        return MemoryScope(reader, by, spot.channel, spot.guild, "discord", 2**62, ids.snowflake_time(message))

    async def met(self, message: int, reader: UUID = WREN, by: int = 41) -> list[str]:
        """The texts of all that may be met in answering this message."""
        from projections.prompt.sections import remembered

        await self.caught_up()
        async with self.log.pool.connection() as connection:
            refs = await memory_scope.met(connection, self.scope(message, reader, by))
        return [one.text for one in await remembered.contents(self.log, refs)]

    async def prompt(
        self, message: int, reader: UUID = WREN, by: int = 41, *, limit: int = 20, budget: int = 100_000
    ) -> tuple[Prompt, GenerationStarted]:
        """As the worker makes it for an answer to this message, and what it records."""
        spot, turn = self.where[message], ids.turn(message, reader)
        whose = {"turn_id": turn, "message_id": message, "channel_id": spot.channel, "guild_id": spot.guild, "user_id": by}
        whose |= {"character_id": reader, "venue": "discord", "trigger": "name", "reason": "test"}
        if turn not in self.asked:
            await self.append(TurnRequested.model_validate(whose))
        self.asked.add(turn)
        await self.caught_up()
        async with self.log.pool.connection() as connection:
            snapshot = Snapshot(
                connection,
                turn,
                spot.channel,
                reader,
                message,
                {},
                limit + 20,
                user=by,
                guild=spot.guild,
                venue="discord",
                recall=self.recall,
            )
            marks = {entry.name: entry.changed for entry in await runner.progress(connection) if entry.role == "live"}
            with self.unchanged.within(connection, marks):
                chosen = await sections.select(snapshot)
        data = await sections.load(self.log, chosen, self.read)
        scene = Scene(reader, "discord", ids.snowflake_time(message))
        chosen, data = await sections.settled(self.log, chosen, data, self.read, Moment(turn, budget, None, scene))
        made = assemble(Ingredients(scene, data, chosen, limit=limit), budget)
        started = GenerationStarted(
            turn_id=turn,
            user_id=by,
            attempt=1,
            character_id=reader,
            model="m",
            provider="p",
            as_of=self.read,
            catalog_as_of=self.read,
            prompt_version=2,
            prompt_tokens=made.tokens,
            begins=made.begins,
            sections=made.sections,
            prompt_sha256=made.sha256,
        )
        return made, started
