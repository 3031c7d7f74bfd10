"""The venue Discord: one message through the channel's webhook, or as the bot itself in a DM. Pings are switched off on every path."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from bot.delivery.adopt import Found
from bot.delivery.errors import UNKNOWN_MESSAGE
from bot.delivery.split import LIMIT, length, split
from bot.delivery.venue import Place, Speaker
from bot.discord import limits
from bot.discord.names import avatar, legal
from bot.discord.portraits import Portraits
from bot.discord.rest import Refused, Rest
from bot.discord.translate import Us
from bot.discord.webhooks import Hook, Webhooks

QUIET: dict[str, list[str]] = {"parse": []}
"""allowed_mentions that ping nobody."""


@dataclass(slots=True)
class Post:
    """Sends, changes and finds our messages."""

    rest: Rest
    webhooks: Webhooks
    us: Us
    portraits: Portraits | None = None
    name: Literal["discord"] = "discord"
    remote: bool = True

    def cut(self, text: str, speaker: Speaker, place: Place) -> tuple[str, ...]:
        """The messages to send. In a DM the first one says who speaks."""
        return texts(text, legal(speaker.name), dm=place.dm)

    async def voice(self, place: Place) -> int | None:
        """The id of the webhook that speaks there; None in a DM."""
        hook = await self._hook(place)
        return hook.id if hook else None

    async def send(self, place: Place, speaker: Speaker, text: str, nonce: UUID, index: int) -> tuple[int, int | None]:
        """Post one message; a deleted webhook is made anew once."""
        hook = await self._hook(place)
        if hook is None:
            return await self._as_bot(place, text, f"{nonce.hex[:20]}{index}"), None
        try:
            return await self._as_character(place, speaker, text, hook), hook.id
        except Refused as error:
            if error.code != limits.UNKNOWN_WEBHOOK:
                raise
        self.webhooks.forget(hook)
        again = await self.webhooks.of(place.channel_id, place.parent_id)
        return await self._as_character(place, speaker, text, again), again.id

    async def edit(self, place: Place, message_id: int, text: str, webhook_id: int | None) -> None:
        """Make a message say something else: only what posted it can."""
        body = {"content": text, "allowed_mentions": QUIET}
        hook = await self._hook(place)
        if hook is None:
            await self.rest.call("PATCH", f"/channels/{place.channel_id}/messages/{message_id}", body)
        else:
            path = f"/webhooks/{hook.id}/{hook.token}/messages/{message_id}"
            await self.rest.call("PATCH", path, body, _thread(place, hook), auth=False)

    async def delete(self, place: Place, message_id: int, webhook_id: int | None) -> None:
        """Take a message away, through its webhook; as the bot in a DM, or where the webhook is not known any more."""
        hook = await self._hook(place) if webhook_id is not None else None
        try:
            if hook is None:
                await self.rest.call("DELETE", f"/channels/{place.channel_id}/messages/{message_id}")
            else:
                path = f"/webhooks/{hook.id}/{hook.token}/messages/{message_id}"
                await self.rest.call("DELETE", path, query=_thread(place, hook), auth=False)
        except Refused as error:
            if error.code != UNKNOWN_MESSAGE:
                raise

    async def find(self, place: Place, after: int) -> Sequence[Found]:
        """Our messages in the channel after a message, oldest first, to the channel's end."""
        ours: list[Found] = []
        while True:
            query = {"after": str(after), "limit": str(limits.HISTORY_PAGE)}
            page = await self.rest.call("GET", f"/channels/{place.channel_id}/messages", query=query) or []
            ours += [Found(int(m["id"]), str(m.get("content", ""))) for m in page if self._is_ours(m, dm=place.dm)]
            if len(page) < limits.HISTORY_PAGE:
                return sorted(ours, key=lambda message: message.id)
            after = max(int(m["id"]) for m in page)

    async def _hook(self, place: Place) -> Hook | None:
        return None if place.dm else await self.webhooks.of(place.channel_id, place.parent_id)

    async def _as_character(self, place: Place, speaker: Speaker, text: str, hook: Hook) -> int:
        body: dict[str, Any] = {"content": text, "username": legal(speaker.name), "allowed_mentions": QUIET}
        stored = await self.portraits.url(speaker.avatar) if speaker.avatar and self.portraits is not None else ""
        if (picture := avatar(stored or speaker.avatar_url)) is not None:
            body["avatar_url"] = picture
        query = {"wait": "true"} | _thread(place, hook)
        made = await self.rest.call("POST", f"/webhooks/{hook.id}/{hook.token}", body, query, auth=False)
        return int(made["id"])

    async def _as_bot(self, place: Place, text: str, nonce: str) -> int:
        # Only here can the API itself be made to refuse a repeat: a nonce with enforce_nonce answers the first message again.
        body = {"content": text, "allowed_mentions": QUIET, "enforce_nonce": True, "nonce": nonce}
        made = await self.rest.call("POST", f"/channels/{place.channel_id}/messages", body)
        return int(made["id"])

    def _is_ours(self, message: dict[str, Any], *, dm: bool) -> bool:
        if dm:
            return str(message["author"]["id"]) == str(self.us.user_id)
        return "webhook_id" in message and str(message.get("application_id")) == str(self.us.application_id)


def texts(text: str, name: str, *, dm: bool) -> tuple[str, ...]:
    """The messages to send for a text. In a DM the first one says who speaks."""
    prefix = f"**{name}:** " if dm else ""
    cut = split(text, LIMIT, LIMIT - length(prefix))
    return (prefix + cut[0], *cut[1:]) if cut else ()


def _thread(place: Place, hook: Hook) -> dict[str, str]:
    return {"thread_id": str(place.channel_id)} if hook.channel_id != place.channel_id else {}
