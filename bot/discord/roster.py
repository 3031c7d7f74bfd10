"""What triggers need to know on Discord: the characters, and what holds in a channel."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from bot.characters import Characters
from bot.mentions import has_mark
from bot.triggers import Cast, Decision, State, decided
from engine import clock
from engine.decide.places.serving import served
from engine.decide.speaking.denial import Denied
from engine.events.message import MessageReceived
from engine.resources.channel import AS_IT_COMES
from engine.resources.places.server import eased, is_exempt, pace, speech
from engine.store import Log
from engine.store.together import together
from projections.live import paces
from projections.models import access, channels, history
from projections.models.catalog import Character
from projections.models.places import scenes, servers
from projections.models.places.servers import Server


async def _nothing() -> None:
    """What is not asked."""


class Roster:
    """Reads what `bot.triggers` needs. One per process. `named_only`: only servers that were allowed by name are served."""

    def __init__(self, log: Log, mention_char: str, *, named_only: bool = False) -> None:
        self._log, self._mention_char, self._named_only = log, mention_char, named_only
        self._characters = Characters(log)
        self._active: dict[int, Sequence[UUID]] = {}

    @property
    def names(self) -> Mapping[UUID, str]:
        """What each character was called when one was last looked for."""
        return self._characters.known_names

    async def usable_by(self, user_id: int) -> list[Character]:
        """The characters this person may talk with, by name."""
        return [character for character in await self._characters.all() if character.usable_by(user_id)]

    async def avatars(self) -> set[str]:
        """The addresses of the stored pictures that characters have."""
        return {character.sheet.avatar for character in await self._characters.all() if character.sheet.avatar}

    async def state(self, message: MessageReceived, *, adult: bool = False, called: UUID | None = None, roles: Sequence[int] = ()) -> State:
        """What holds for this message now; `adult`: Discord says that its channel is age-restricted; `called`: whom a command names;
        `roles`: those its author has in the server.

        Most talk in a server concerns nobody here: that costs one round trip.
        """
        channel, parent = message.channel_id, message.parent_channel_id
        async with self._log.pool.connection() as connection:
            active, above, sheet, sheet_above, replied_to, denials, server, session = await together(
                connection,
                channels.active_in(connection, channel),
                channels.active_in(connection, parent) if parent is not None else _nothing(),
                channels.sheet_of(connection, channel),
                channels.sheet_of(connection, parent) if parent is not None else _nothing(),
                history.speaker_of(connection, message.reply_to) if message.reply_to is not None else _nothing(),
                access.of_person(connection, message.author_id),
                servers.server(connection, message.guild_id) if message.guild_id is not None else _nothing(),
                channels.session(connection, channel) if message.channel_kind == "dm" else _nothing(),
            )
            active, sheet = active or above or (), sheet or sheet_above
            self._remember(channel, active)
            absent = await scenes.absent(connection, channel, message.message_id) if active else frozenset()
        if not (called or active or replied_to or session or message.mentions_bot or has_mark(message.text, self._mention_char)):
            return State(Cast.of(), denials=self._with_server(denials, server))
        cast = await self._characters.refresh()
        sheet, exempt = sheet or AS_IT_COMES, False
        if server is not None:
            places, exempt = (message.channel_id, message.parent_channel_id), is_exempt(server.sheet, message.author_id, roles)
            sheet = sheet.model_copy(update={"speech": eased(speech(server.sheet, sheet.speech, places), exempt)})
        return State(
            characters=cast,
            active=active,
            replied_to=replied_to,
            session=session.character if session else None,
            default=cast.default,
            mention_char=self._mention_char,
            sheet=sheet,
            adult=adult and not (server is not None and server.sheet.minors),
            denials=self._with_server(denials, server),
            per_minute=pace(server.sheet, roles) if server is not None and not exempt else None,
            called=called,
            absent=absent,
        )

    async def paced(self, message: MessageReceived, state: State, found: Decision, age_s: float = 0) -> Decision:
        """The decision, or that its author has had the answers a minute that the server allows them."""
        if not found.triggers or state.per_minute is None or message.guild_id is None:
            return found
        now = clock.now()
        if await paces.allows(self._log.pool, message.guild_id, message.author_id, message.message_id, state.per_minute, now):
            return found
        return decided(message, replace(state, too_fast=True), age_s)

    def _with_server(self, denials: Sequence[Denied], server: Server | None) -> Sequence[Denied]:
        """The denials that hold for a message: everybody is denied in a server that is not served (H2)."""
        if server is None or served(server.verdict, named_only=self._named_only):
            return denials
        return [*denials, Denied("guild", str(server.guild_id), "block")]

    def remembered(self, message: MessageReceived) -> State:
        """What held when Postgres was last asked, for when it cannot be: enough to tell whether a message is meant for us."""
        active, cast = self._active.get(message.channel_id, ()), self._characters.cast
        return State(cast, active, default=cast.default, mention_char=self._mention_char)

    def _remember(self, channel: int, active: Sequence[UUID]) -> None:
        if active:
            self._active[channel] = active
        else:
            self._active.pop(channel, None)
