"""Read models, relay and worker in one process, and somebody who talks: what a test of turns needs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from engine import clock, ids, seed
from engine.bus import relay
from engine.config import Settings
from engine.events import SYSTEM_SUBJECT, Event, Tags, user_subject
from engine.events.message import MessageReceived
from engine.events.preset import Parameters, PresetCreated, Window
from engine.events.turn import TriggerKind, TurnCancelled, TurnCompleted, TurnDeclined, TurnFailed, TurnRequested
from engine.store import Log, NewEvent, Recorded, open_log
from engine.vault import load_master_key
from projections.follow import group_runner, resume, runner
from projections.registry import ALL
from worker import standin
from worker.__main__ import working

End = TurnCompleted | TurnDeclined | TurnFailed | TurnCancelled
WINDOW = Window()
SNOWFLAKES = ids.Snowflakes()
"""Everybody's: two makers of ids meet now and then."""


@dataclass(slots=True)
class Person:
    """Talks in one channel of the playground."""

    log: Log
    user: int = 4242
    channel: int = 777
    guild: int | None = None
    parent: int | None = None
    name: str = "Alice"
    venue: Literal["discord", "playground"] = "playground"
    snowflakes: ids.Snowflakes = SNOWFLAKES
    trigger: TriggerKind = "playground"

    def message(self, text: str) -> MessageReceived:
        return MessageReceived(
            message_id=self.snowflakes.next(),
            channel_id=self.channel,
            guild_id=self.guild,
            parent_channel_id=self.parent,
            author_id=self.user,
            channel_kind="guild" if self.guild else "dm",
            venue=self.venue,
            text=text,
            author_name=self.name,
        )

    async def say(self, text: str, *characters: UUID) -> list[UUID]:
        """Say something to characters, in one append as the faces do; returns the turns."""
        said = self.message(text)
        received = NewEvent(
            said,
            stream=f"channel:{self.channel}",
            id=ids.message_event(said.message_id, "received"),
            tags=Tags(guild=self.guild, channel=self.channel, user=self.user),
            subjects=(user_subject(self.user),),
        )
        requests = [self.request(said, character, slot) for slot, character in enumerate(characters)]
        await self.log.append(received, *requests)
        return [request.tags.turn for request in requests if request.tags.turn is not None]

    def request(self, said: MessageReceived, character: UUID, slot: int = 0) -> NewEvent:
        turn = ids.turn(said.message_id, character)
        event = TurnRequested(
            turn_id=turn,
            message_id=said.message_id,
            channel_id=self.channel,
            guild_id=self.guild,
            user_id=self.user,
            character_id=character,
            venue=self.venue,
            trigger=self.trigger,
            reason="test",
            slot=slot,
        )
        tags = Tags(guild=self.guild, channel=self.channel, user=self.user, character=character, turn=turn)
        return NewEvent(event, stream=f"turn:{turn}", id=ids.derived("turn-requested", turn), tags=tags, correlation=turn)

    async def end(self, turn: UUID, *, seconds: float = 90.0) -> End:
        """The event that ends a turn, as soon as it is there."""
        deadline, pause = clock.monotonic() + seconds, 0.005
        while (found := await self.log.find(ids.terminal(turn))) is None:
            if clock.monotonic() > deadline:
                raise TimeoutError(f"turn {turn} has no end after {seconds} s")
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.1)
        assert isinstance(found.event, TurnCompleted | TurnDeclined | TurnFailed | TurnCancelled)
        return found.event

    async def preset(self, model: str, *fallbacks: str, free: bool = False, window: Window = WINDOW, **parameters: object) -> UUID:
        """Make a global preset the default, or the one for people without a key."""
        preset = ids.random_id()
        event = PresetCreated(
            preset_id=preset,
            owner_id=None,
            model=model,
            fallback_models=fallbacks,
            is_global=True,
            is_default=not free,
            is_free_default=free,
            parameters=Parameters.model_validate(parameters),
            window=window,
            name="Test",
        )
        await self.log.append(
            NewEvent(event, stream=f"preset:{preset}", id=ids.derived("preset created", preset), subjects=(SYSTEM_SUBJECT,))
        )
        return preset

    async def tell(self, event: Event, stream: str) -> None:
        """Append an event of an operator."""
        await self.log.append(NewEvent(event, stream=stream, id=ids.random_id()))

    async def events(self, turn: UUID) -> list[Recorded[Event]]:
        return await self.log.stream(f"turn:{turn}")


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Log]:
    """A log with the sample characters planted, its read models kept in step, and a relay."""
    assert settings.database_url is not None
    dsn = settings.database_url
    async with open_log(dsn, load_master_key(settings)) as log:
        await seed.plant(log, settings.default_model)
        tasks = [asyncio.create_task(group_runner.run(dsn, ALL))]
        tasks.append(asyncio.create_task(relay.run(settings, lambda: resume.unfinished(log.pool))))
        try:
            await runner.wait_for(log.pool, tuple(one.name for one in ALL), await log.head(), seconds=60)
            yield log
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def room(settings: Settings) -> AsyncIterator[Person]:
    """The same with a worker, and a person in it. `settings` must name a provider."""
    async with reading(settings) as log, working(settings):
        yield Person(log)


@asynccontextmanager
async def local_standin() -> AsyncIterator[str]:
    """The address of a running stand-in provider."""
    bound, stop = standin.listen(), asyncio.Event()
    serving = asyncio.create_task(standin.serve(bound, stop))
    try:
        yield standin.address(bound)
    finally:
        stop.set()
        await serving


def with_provider(settings: Settings, url: str, **more: object) -> Settings:
    """The settings with this provider."""
    return settings.model_copy(update={"provider_base_url": url, **more})
