"""Permissions that the bot lacks: noticed by what Discord refuses and by what each command says of its channel, told once, and kept."""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import UUID

from bot.delivery.errors import Busy, Refused, Unsure
from bot.discord.payload import Json, Reader
from bot.discord.post import QUIET
from bot.discord.rest import Rest
from bot.discord.translate import ChannelFacts, ServerFacts
from bot.explain import NEEDED, WITHOUT
from engine import ids, log
from engine.events.base import Event
from engine.events.build import new
from engine.events.server import PermissionGiven, PermissionMissed
from engine.store import Log, NewEvent, Recorded
from engine.store.contend import update
from projections.models.places import servers

NO_ACCESS, NOT_PERMITTED = 50001, 50013
"""Discord's codes: the channel is not seen; something else is lacking there."""
BITS = {
    "view_channel": 10,
    "send_messages": 11,
    "embed_links": 14,
    "attach_files": 15,
    "read_message_history": 16,
    "manage_webhooks": 29,
    "send_messages_in_threads": 38,
}
_PATH = re.compile(r"/channels/(\d{1,20})/(webhooks|messages)")
_BY_ACT = {
    ("GET", "webhooks"): "manage_webhooks",
    ("POST", "webhooks"): "manage_webhooks",
    ("GET", "messages"): "read_message_history",
    ("POST", "messages"): "send_messages",
}
_log = log.get("discord.permissions")
type Finding = tuple[int, str, bool]
"""A channel, a permission, and whether the bot has it there."""


class Permissions:
    """Keeps in the log what the bot lacks in which channel, and tells whom a server belongs to the first time it lacks something there."""

    def __init__(self, store: Log, rest: Rest, place: Callable[[int], ChannelFacts], server: Callable[[int], ServerFacts]) -> None:
        self._store, self._rest, self._place, self._server = store, rest, place, server
        self._lacking: set[tuple[int, int, str]] | None = None
        self._found: deque[Finding] = deque(maxlen=1000)
        self._keeping: asyncio.Task[None] | None = None

    def answered(self, method: str, path: str, status: int, code: int) -> None:
        """Discord answered a request of ours."""
        if (found := judged(method, path, status, code)) is not None:
            channel, permission, held = found
            in_thread = permission == "send_messages" and self._place(channel).kind == "thread"
            self._note(channel, "send_messages_in_threads" if in_thread else permission, held=held)

    def interaction(self, payload: Json) -> None:
        """Somebody uses a command or presses something: Discord says what we have there."""
        for channel, permission, held in told(payload):
            self._note(channel, permission, held=held)

    async def noted(self) -> None:
        """Wait until what was found so far is written down and told."""
        if self._keeping is not None:
            await self._keeping

    def close(self) -> None:
        """Leave what stands."""
        if self._keeping is not None:
            self._keeping.cancel()

    async def _keep(self) -> None:
        """Write down what was found, one after the other."""
        while self._found:
            channel, permission, held = self._found.popleft()
            try:
                await self._take(channel, permission, held=held)
            except Exception as error:  # what is lacking is noticed again with the next refusal; nobody else may wait for it
                _log.warning("not noted", error=type(error).__name__)

    def _note(self, channel: int, permission: str, *, held: bool) -> None:
        guild = self._place(channel).guild_id
        known = self._lacking is not None and guild is not None and held != ((guild, channel, permission) in self._lacking)
        if guild is not None and not known:
            self._found.append((channel, permission, held))
            if self._keeping is None or self._keeping.done():
                self._keeping = asyncio.create_task(self._keep(), name="permissions")

    async def _take(self, channel: int, permission: str, *, held: bool) -> None:
        if self._lacking is None:
            async with self._store.pool.connection() as connection:
                rows = await servers.lacking(connection)
            self._lacking = {(one.guild_id, one.channel_id, one.permission) for one in rows}
        guild = self._place(channel).guild_id
        if guild is None or held != ((guild, channel, permission) in self._lacking):
            return
        said = (PermissionGiven if held else PermissionMissed)(guild_id=guild, channel_id=channel, permission=permission)
        before = frozenset[tuple[int, str]]()

        def decide(seen: Sequence[Recorded[Event]]) -> list[NewEvent]:
            nonlocal before
            before = lacking(seen)
            return [] if held != ((channel, permission) in before) else [new(said, noted_as(said, len(seen)))]

        appended = await update(self._store, said.stream_name, decide)
        self._lacking = {one for one in self._lacking if one[0] != guild} | {(guild, *one) for one in before}
        (self._lacking.discard if held else self._lacking.add)((guild, channel, permission))
        if appended.positions and not appended.repeated and not held and permission not in {what for _, what in before}:
            await self._tell(said, appended.positions[0])

    async def _tell(self, said: PermissionMissed | PermissionGiven, position: int) -> None:
        """Whose the server is in a DM, else where the server has its own messages."""
        guild, channel, permission = said.guild_id, said.channel_id, said.permission
        facts = self._server(guild)
        nonce = ids.derived("permission told", guild, position).hex[:24]
        body = {"content": notice(facts.name, channel, permission), "allowed_mentions": QUIET, "enforce_nonce": True, "nonce": nonce}
        with suppress(Refused, Unsure, Busy):
            if facts.owner_id is not None:
                opened = await self._rest.call("POST", "/users/@me/channels", {"recipient_id": str(facts.owner_id)})
                await self._rest.call("POST", f"/channels/{opened['id']}/messages", body)
                return
        if facts.system_channel_id is not None and facts.system_channel_id != channel:
            with suppress(Refused, Unsure, Busy):
                await self._rest.call("POST", f"/channels/{facts.system_channel_id}/messages", body)


def lacking(seen: Sequence[Recorded[Event]]) -> frozenset[tuple[int, str]]:
    """What is lacking where, by what was noted of a server. Pure."""
    found = set[tuple[int, str]]()
    for recorded in seen:
        match recorded.event:
            case PermissionMissed(channel_id=channel, permission=permission):
                found.add((channel, permission))
            case PermissionGiven(channel_id=channel, permission=permission):
                found.discard((channel, permission))
            case _:
                pass
    return frozenset(found)


def noted_as(said: PermissionMissed | PermissionGiven, before: int) -> UUID:
    """The id of what two processes may notice at once, after so many events of that server. Pure."""
    return ids.derived(type(said).__name__, said.guild_id, said.channel_id, said.permission, before)


def judged(method: str, path: str, status: int, code: int) -> Finding | None:
    """What an answer says of a permission; None when nothing. Pure."""
    found = _PATH.match(path)
    permission = _BY_ACT.get((method, found[2])) if found is not None else None
    if found is None or permission is None:
        return None
    if status < 300:
        return int(found[1]), permission, True
    if status != 403 or code not in (NO_ACCESS, NOT_PERMITTED):
        return None
    return int(found[1]), "view_channel" if code == NO_ACCESS else permission, False


def told(payload: Json) -> list[Finding]:
    """What an interaction in a server says of our permissions in its channel; nothing where it is odd. Pure."""
    reader = Reader(payload)
    channel, held = reader.number("channel_id"), reader.number("app_permissions")
    if channel is None or held is None or reader.number("guild_id") is None:
        return []
    return [(channel, name, bool(held >> BITS[name] & 1)) for name in NEEDED]


def notice(server: str, channel: int, permission: str) -> str:
    """What whoever looks after a server is told."""
    where = f" in {server}" if server else ""
    return (
        f"**I lack a permission{where}**\nWithout **{NEEDED[permission]}** in <#{channel}> {WITHOUT[permission]}. "
        "Give it to my role, or in that channel's settings.\n"
        "-# I say this once. `/channel explain` shows in any channel what is lacking there."
    )
