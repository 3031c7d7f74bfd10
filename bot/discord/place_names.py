"""What servers and channels are called: kept in the log where a character is asked for something, so that pages show names for numbers."""

import asyncio
from collections.abc import Callable, Sequence

from bot.discord import limits
from bot.discord.payload import Json, Reader
from bot.discord.translate import ChannelFacts, ServerFacts
from engine import ids, log
from engine.events.base import Event
from engine.events.build import new
from engine.events.server import PlaceNamed
from engine.store import Log, NewEvent, Recorded
from engine.store.contend import update
from projections.models.places import servers

MOST_WAITING = 1_000
_log = log.get("discord.place_names")
type Named = tuple[int, int | None]
"""A server and a channel in it; None: the server itself."""


class PlaceNames:
    """Writes down what a place is called, once, and again when it has got another name. Nobody waits for it."""

    def __init__(
        self,
        store: Log,
        place: Callable[[int], ChannelFacts],
        server: Callable[[int], ServerFacts],
        name_of: Callable[[str, int | None], str],
    ) -> None:
        self._store, self._place, self._server, self._name_of = store, place, server, name_of
        self._known: dict[Named, str] = {}
        self._waiting: dict[Named, str] = {}
        self._keeping: asyncio.Task[None] | None = None

    def used(self, channel_id: int) -> None:
        """A character is asked for something in a channel, or somebody uses a command there."""
        guild = self._place(channel_id).guild_id
        if guild is not None:
            self._note((guild, None), self._server(guild).name)
            self._note((guild, channel_id), self._name_of(f"#{channel_id}", guild))

    def interaction(self, payload: Json) -> None:
        """Somebody uses a command or presses something."""
        if (channel := Reader(payload).number("channel_id")) is not None:
            self.used(channel)

    def renamed(self, payload: Json) -> None:
        """A server, channel or thread was changed: what it is called now counts where its name is kept already."""
        reader = Reader(payload)
        place, guild, name = reader.number("id"), reader.number("guild_id"), payload.get("name")
        if place is None or not isinstance(name, str):
            return
        key: Named = (place, None) if guild is None else (guild, place)
        if key in self._known:
            self._note(key, name)

    async def noted(self) -> None:
        """Wait until what was noticed so far is written down."""
        if self._keeping is not None:
            await self._keeping

    def close(self) -> None:
        """Leave what is not written down yet: it is noticed again."""
        if self._keeping is not None:
            self._keeping.cancel()

    def _note(self, key: Named, name: str) -> None:
        name = name[: limits.PLACE_NAME]
        if not name or self._known.get(key) == name or len(self._waiting) >= MOST_WAITING:
            return
        self._waiting[key] = self._known[key] = name
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep(), name="place names")

    async def _keep(self) -> None:
        while self._waiting:
            key = next(iter(self._waiting))
            name = self._waiting.pop(key)
            try:
                await self._take(key, name)
            except Exception as error:  # it is noticed again with the next message there; nobody else may wait for it
                self._known.pop(key, None)
                _log.warning("not noted", error=type(error).__name__)

    async def _take(self, key: Named, name: str) -> None:
        guild, channel = key
        async with self._store.pool.connection() as connection:
            known = await servers.names(connection, self._store.vault, [channel or guild])
        if (known.servers.get(guild) if channel is None else known.channels.get(channel)) == name:
            return
        said = PlaceNamed(guild_id=guild, channel_id=channel, name=name)

        def decide(seen: Sequence[Recorded[Event]]) -> list[NewEvent]:
            before = [one.event for one in seen if isinstance(one.event, PlaceNamed) and one.event.channel_id == channel]
            return [] if before and before[-1].name == name else [new(said, ids.derived("place named", guild, channel or 0, len(seen)))]

        await update(self._store, said.stream_name, decide)
