"""One webhook per channel (A5): found or made on first use, kept in memory, made anew once when it was deleted."""

from dataclasses import dataclass

from bot.discord import limits
from bot.discord.rest import Refused, Rest

OUR_NAME = "Tzurot"


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook of ours. The token is a secret."""

    id: int
    token: str
    channel_id: int

    def __repr__(self) -> str:
        return f"Hook(id={self.id}, channel_id={self.channel_id})"


class Webhooks:
    """The webhooks of our application, by channel. Callers hold the channel's lock, so that no two are made."""

    def __init__(self, rest: Rest, application_id: int) -> None:
        self._rest, self._application_id = rest, application_id
        self._known: dict[int, Hook] = {}
        self._parents: dict[int, int] = {}

    async def of(self, channel_id: int, parent_id: int | None = None) -> Hook:
        """The webhook that speaks in a channel; a thread's is its parent's. Raises Refused, Unsure, Busy."""
        home = parent_id or self._parents.get(channel_id) or channel_id
        if (known := self._known.get(home)) is not None:
            return known
        try:
            hook = await self._find(home) or await self._make(home)
        except Refused as error:
            if error.code != limits.WRONG_CHANNEL_TYPE or parent_id is not None or (parent := await self._parent(channel_id)) is None:
                raise
            self._parents[channel_id] = parent
            return await self.of(channel_id, parent)
        self._known[home] = hook
        return hook

    def forget(self, hook: Hook) -> None:
        """It is gone: the next use makes another."""
        if self._known.get(hook.channel_id) == hook:
            del self._known[hook.channel_id]

    async def _find(self, channel_id: int) -> Hook | None:
        for entry in await self._rest.call("GET", f"/channels/{channel_id}/webhooks") or ():
            if str(entry.get("application_id")) == str(self._application_id) and entry.get("token"):
                return Hook(int(entry["id"]), str(entry["token"]), channel_id)
        return None

    async def _make(self, channel_id: int) -> Hook:
        made = await self._rest.call("POST", f"/channels/{channel_id}/webhooks", {"name": OUR_NAME})
        return Hook(int(made["id"]), str(made["token"]), channel_id)

    async def _parent(self, channel_id: int) -> int | None:
        channel = await self._rest.call("GET", f"/channels/{channel_id}")
        return int(channel["parent_id"]) if channel.get("parent_id") else None
