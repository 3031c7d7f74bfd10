"""One message onto Discord: through the channel's webhook, or as the bot itself in a DM. Pings are switched off on every path."""

from dataclasses import dataclass
from typing import Any

from bot.discord import limits
from bot.discord.plan import Answer, Place, Standing
from bot.discord.rest import Refused, Rest
from bot.discord.translate import Us
from bot.discord.webhooks import Hook, Webhooks

QUIET: dict[str, list[str]] = {"parse": []}
"""allowed_mentions that ping nobody."""


@dataclass(slots=True)
class Post:
    """Sends and finds our messages."""

    rest: Rest
    webhooks: Webhooks
    us: Us

    async def voice(self, place: Place) -> Hook | None:
        """The webhook that speaks there; None in a DM."""
        return None if place.dm else await self.webhooks.of(place.channel_id, place.parent_id)

    async def send(self, answer: Answer, index: int) -> tuple[int, int | None]:
        """Post one chunk; answers (message id, webhook id). A deleted webhook is made anew once. Raises Refused, Unsure, Busy."""
        hook = await self.voice(answer.place)
        if hook is None:
            return await self._as_bot(answer, index), None
        try:
            return await self._as_character(answer, index, hook), hook.id
        except Refused as error:
            if error.code != limits.UNKNOWN_WEBHOOK:
                raise
        self.webhooks.forget(hook)
        again = await self.webhooks.of(answer.place.channel_id, answer.place.parent_id)
        return await self._as_character(answer, index, again), again.id

    async def _as_character(self, answer: Answer, index: int, hook: Hook) -> int:
        body: dict[str, Any] = {"content": answer.texts[index], "username": answer.name, "allowed_mentions": QUIET}
        if answer.avatar is not None:
            body["avatar_url"] = answer.avatar
        query = {"wait": "true"} | ({"thread_id": str(answer.place.channel_id)} if hook.channel_id != answer.place.channel_id else {})
        made = await self.rest.call("POST", f"/webhooks/{hook.id}/{hook.token}", body, query, auth=False)
        return int(made["id"])

    async def _as_bot(self, answer: Answer, index: int) -> int:
        # Only here can the API itself be made to refuse a repeat: a nonce with enforce_nonce answers the first message again.
        nonce = f"{answer.turn_id.hex[:20]}{index}"
        body = {"content": answer.texts[index], "allowed_mentions": QUIET, "enforce_nonce": True, "nonce": nonce}
        made = await self.rest.call("POST", f"/channels/{answer.place.channel_id}/messages", body)
        return int(made["id"])

    async def standing(self, answer: Answer) -> list[Standing]:
        """Our messages in the channel after the trigger, oldest first (at most 100)."""
        query = {"after": str(answer.message_id), "limit": str(limits.HISTORY_PAGE)}
        found = await self.rest.call("GET", f"/channels/{answer.place.channel_id}/messages", query=query) or []
        ours = [m for m in found if self._is_ours(m, dm=answer.place.dm)]
        return [Standing(int(m["id"]), str(m.get("content", ""))) for m in sorted(ours, key=lambda m: int(m["id"]))]

    def _is_ours(self, message: dict[str, Any], *, dm: bool) -> bool:
        if dm:
            return str(message["author"]["id"]) == str(self.us.user_id)
        return "webhook_id" in message and str(message.get("application_id")) == str(self.us.application_id)
