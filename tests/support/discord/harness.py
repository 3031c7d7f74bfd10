"""The whole bot in one process, for tests: real Postgres and NATS, read models, relay, the bot, and a stand-in for the worker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import aiohttp

from bot.discord.client import point_at
from bot.discord.connection import stay_connected
from bot.discord.rest import Rest
from bot.discord.service import Service
from bot.discord.translate import Us
from engine import config, ids, seed
from engine.bus import relay
from engine.config import Settings
from engine.events.base import Tags, user_subject
from engine.events.character import CharacterCreated, Description, Visibility
from engine.events.claim import Claimed
from engine.events.turn import TurnCompleted, TurnFailed, TurnRequested
from engine.store import Log, NewEvent, Query, open_log, tail
from engine.vault import load_master_key
from projections.follow import group_runner, runner
from projections.registry import ALL
from tests.support.discord.server import StandinDiscord

type Write = Callable[[TurnRequested], str | None]
"""What the worker answers: a text, or None to leave the turn unanswered."""


@dataclass
class Rig:
    """The running parts. `write` may be replaced; `service` is None while the bot is down."""

    settings: Settings
    log: Log
    discord: StandinDiscord
    write: Write
    service: Service | None = None
    requested: list[TurnRequested] = field(default_factory=list)

    async def character(self, name: str, *, owner: int | None = None, visibility: Visibility = "public", **more: object) -> UUID:
        """A character that is there and known to the read models."""
        character_id = ids.derived("test character", name)
        slug = name.lower().replace(" ", "-")
        description = Description.model_validate({"name": name, "info": f"This is {name}."} | more)
        event = CharacterCreated(character_id=character_id, owner_id=owner, slug=slug, visibility=visibility, description=description)
        subject = "system" if owner is None else user_subject(owner)
        new = NewEvent(event, f"character:{character_id}", ids.derived("character created", character_id), Tags(), (subject,))
        claim = NewEvent(Claimed(name=f"slug:{slug}", holder=character_id), f"slug:{slug}", ids.derived("test claim", slug))
        await self.settle((await self.log.append(new, claim)).positions[-1])
        return character_id

    async def settle(self, position: int | None = None) -> None:
        """Until all read models know what the log knows."""
        wanted = await self.log.head() if position is None else position
        assert await runner.wait_for(self.log.pool, [p.name for p in ALL], wanted, seconds=60)

    async def types(self, *kinds: str) -> list[str]:
        """The types of all events (of these kinds), in order."""
        found = [row.type async for row in self.log.rows(Query())]
        return [t for t in found if not kinds or t.startswith(kinds)]

    async def count(self, kind: str) -> int:
        return len(await self.types(kind))

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[Service]:
        """The bot, connected, until the block ends."""
        point_at(self.settings.discord_api_base)
        async with aiohttp.ClientSession() as session:
            world = self.discord.world
            rest = Rest(self.settings.discord_api_base, self.discord.token, session)
            service = Service(self.settings, self.log, rest, Us(int(world.bot.id), int(world.application_id)))
            self.service = service
            before = self.discord.gateway.identifies
            jobs = (stay_connected(self.discord.token, service.make_client), service.listen(), service.sweep())
            tasks = [asyncio.create_task(job) for job in jobs]
            try:
                await self.discord.wait_for(lambda: self.discord.gateway.identifies > before, what="connection")
                await self.discord.wait_for(lambda: service.client is not None and service.client.is_ready(), what="ready")
                await self.discord.wait_for(lambda: self.discord.world.commands[None], what="commands")
                yield service
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await service.close()
                self.service = None

    async def work(self) -> None:
        """Answer every requested turn, as a worker would, for ever."""
        async with aclosing(tail.follow(self.log.dsn, 0)) as batches:
            async for rows in batches:
                if any(row.type == TurnRequested.TYPE for row in rows):
                    await self._answer(rows[0].position - 1, rows[-1].position)

    async def _answer(self, after: int, until: int) -> None:
        async for recorded in self.log.read(Query(after=after, until=until, types=frozenset({TurnRequested.TYPE}))):
            assert isinstance(recorded.event, TurnRequested)
            self.requested.append(recorded.event)
            if (text := self.write(recorded.event)) is not None:
                await self.log.append(ended(recorded.event, text))


def ended(turn: TurnRequested, text: str) -> NewEvent:
    """The turn's end: a text that begins with `!` is a failure of that category."""
    common = {name: getattr(turn, name) for name in ("turn_id", "message_id", "channel_id", "guild_id", "user_id", "character_id", "venue")}
    event: TurnCompleted | TurnFailed
    if text.startswith("!"):
        event = TurnFailed(
            **common,
            attempt=1,
            category=text[1:],
            status=429,
            reference="ref0123456",
            user_message="Sorry.",
            said="busy",
            technical_details="raw body",
        )
    else:
        event = TurnCompleted(**common, attempt=1, model="m", provider="p", finish_reason="stop", text=text)
    tags = Tags(turn.guild_id, turn.channel_id, turn.user_id, turn.character_id, turn.turn_id)
    return NewEvent(event, f"turn:{turn.turn_id}", ids.terminal(turn.turn_id), tags, (user_subject(turn.user_id),))


@asynccontextmanager
async def rig(settings: Settings, discord: StandinDiscord, write: Write, *, disclosure: bool = False) -> AsyncIterator[Rig]:
    """Everything but the bot, which `Rig.bot` starts as often as wanted. `disclosure`: people are told once that an AI answers."""
    own = settings.model_copy(update={"discord_api_base": discord.api_base, "disclosure": disclosure})
    async with open_log(config.require_database(own), load_master_key(own), pool_size=8) as log:
        made = Rig(own, log, discord, write)
        jobs = (group_runner.run(log.dsn, ALL), relay.run(own, log.head), made.work())
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            await seed.plant(log, "stand-in")
            await made.settle()
            yield made
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def staged(settings: Settings, write: Write, *names: str, owner: str = "") -> AsyncIterator[Rig]:
    """The same with a stand-in of its own and public characters of these names; nobody was pinged by the end. `owner` runs the bot."""
    async with StandinDiscord.start() as discord:
        known = settings.model_copy(update={"owner_ids": (int(discord.user_id(owner)),)}) if owner else settings
        async with rig(known, discord, write) as running:
            for name in names:
                await running.character(name)
            yield running
        assert discord.recorder.pings == []
