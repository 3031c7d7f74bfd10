"""What slash commands can ask for: reads from the read models, appends to the log. Knows nothing of nextcord."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from uuid import UUID

from bot.discord.roster import Roster
from engine import clock, ids
from engine.bus import broker
from engine.config import Settings
from engine.decide import channel, character
from engine.decide.channel import Where
from engine.decide.refusal import Refusal
from engine.events.base import Tags, user_subject
from engine.events.channel import CharacterActivated, CharacterDeactivated
from engine.events.character import CharacterCreated
from engine.store import Log, NewEvent
from projections import status
from projections.follow import runner
from projections.models import catalog, channels
from projections.models.catalog import Character

PROBE_S = 1.5


@dataclass(slots=True)
class Desk:
    """Commands of people. `by` is always the person's id, `key` the interaction's: a repeat of it changes nothing."""

    log: Log
    roster: Roster
    settings: Settings

    def is_owner(self, user_id: int) -> bool:
        """Whether this person owns the bot (OWNER_IDS)."""
        return user_id in self.settings.owner_ids

    async def create(self, by: int, key: int, fields: Mapping[str, str]) -> CharacterCreated:
        """A new private character. Raises Refusal."""
        slug = fields.get("slug", "").strip() or character.slug_of(fields.get("name", ""))
        async with self.log.pool.connection() as connection:
            same = await catalog.by_slug(connection, self.log.vault, slug)
        character_id = ids.derived("character", "discord", key)
        event = character.create(character_id, by, fields, taken=same is not None and same.id != character_id)
        new = NewEvent(
            event,
            stream=f"character:{character_id}",
            id=ids.derived("character created", character_id),
            tags=Tags(user=by, character=character_id),
            subject=user_subject(by),
        )
        await self._say(new, projection="catalog")
        return event

    async def find(self, by: int, text: str) -> Character:
        """The character this person means by a slug or name. Raises Refusal."""
        wanted = text.strip().removeprefix(self.settings.bot_mention_char).casefold()
        usable = await self.roster.usable_by(by)
        by_slug = [c for c in usable if c.slug == wanted]
        by_name = [c for c in usable if wanted in {n.casefold() for n in (c.name, *c.description.aliases)}]
        for found in by_slug + by_name:
            return found
        raise Refusal("There is no such character, or it is not yours to use. `/character list` shows who there is.")

    async def activate(self, by: int, key: int, where: Where, text: str) -> Character:
        """Raises Refusal."""
        found = await self.find(by, text)
        event = channel.activate(await self.active(where), where, found.id, by, usable=found.usable_by(by))
        await self._say(_in_channel(event, where, by, found.id, key), projection="channels")
        return found

    async def deactivate(self, by: int, key: int, where: Where, text: str) -> int:
        """One character, or all when `text` is empty; answers how many. Raises Refusal."""
        chosen = (await self.find(by, text)).id if text.strip() else None
        events = channel.deactivate(await self.active(where), where, chosen, by)
        await self._say(*(_in_channel(e, where, by, e.character_id, key) for e in events), projection="channels")
        return len(events)

    async def active(self, where: Where) -> list[UUID]:
        """Who is activated in a channel."""
        async with self.log.pool.connection() as connection:
            return await channels.active_in(connection, where.channel_id)

    async def health(self) -> tuple[tuple[str, bool, str], ...]:
        """(what, whether it is well, a sentence); within three seconds with anything dead (F7)."""
        return await asyncio.gather(_limited("Postgres", self._postgres()), _limited("NATS", self._nats()))

    async def _postgres(self) -> str:
        async with self.log.pool.connection() as connection:
            now = await status.look(connection)
        lags = ", ".join(f"{p.name} {now.head - p.position}" for p in now.progress if p.status != "running" or p.position < now.head)
        running = ", ".join(sorted({p.process for p in now.processes})) or "none"
        return (
            f"{now.server}, {now.head:,} events, relay {now.head - now.relayed} behind; "
            f"read models {'behind: ' + lags if lags else 'up to date'}; {now.pending_turns} turns pending, "
            f"{now.due_deliveries} answers to deliver; {now.active_characters} of {now.characters} characters active; processes: {running}"
        )

    async def _nats(self) -> str:
        if self.settings.nats_url is None:
            return "not set"
        async with broker.connected(self.settings.nats_url, "health") as stream:
            info = await stream.account_info()
        return f"{info.streams} streams, {info.consumers} consumers"

    async def _say(self, *events: NewEvent, projection: str) -> None:
        """Append, and wait until those who read it next will see it."""
        appended = await self.log.append(*events)
        await runner.wait_for(self.log.pool, [projection], appended.positions[-1], seconds=2.0)


def version_line(started: float) -> str:
    """Version and time up."""
    seconds = int(clock.monotonic() - started)
    return f"Tzurot {version('tzurot')}, up {seconds // 3600} h {seconds % 3600 // 60} min"


def _in_channel(event: CharacterActivated | CharacterDeactivated, where: Where, by: int, character_id: UUID, key: int) -> NewEvent:
    return NewEvent(
        event,
        stream=f"channel:{where.channel_id}",
        id=ids.derived("channel command", key, character_id),
        tags=Tags(guild=where.guild_id, channel=where.channel_id, user=by, character=character_id),
    )


async def _limited(name: str, probe: Awaitable[str]) -> tuple[str, bool, str]:
    try:
        return name, True, await asyncio.wait_for(probe, PROBE_S)
    except TimeoutError:
        return name, False, f"no answer within {PROBE_S:g} s"
    except Exception as error:
        return name, False, type(error).__name__
