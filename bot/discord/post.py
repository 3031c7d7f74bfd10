"""The venue Discord: one message through the channel's webhook, or as the bot itself in a DM. Pings are switched off on every path."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from bot.delivery.adopt import Found
from bot.delivery.errors import UNKNOWN_MESSAGE
from bot.delivery.split import LIMIT, length, split
from bot.delivery.venue import Place, Speaker, Upload
from bot.discord import limits
from bot.discord.names import avatar, legal
from bot.discord.parts import VOICE_MESSAGE
from bot.discord.plainer import cleaned, is_mendable, signed
from bot.discord.portraits import Portraits
from bot.discord.rest import Refused, Rest
from bot.discord.translate import Us
from bot.discord.webhooks import REFUSED_S, Hook, Webhooks
from engine import clock, log

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 400, 401, 403, 404
_SIGNATURE = re.compile(r"\A\*\*[^\n]{1,80}:\*\* ")
_log = log.get("discord.post")
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
    _silenced: dict[int, tuple[Refused, float]] = field(default_factory=dict)

    def cut(self, text: str, speaker: Speaker, place: Place) -> tuple[str, ...]:
        """The messages to send. In a DM the first one says who speaks."""
        return texts(text, legal(speaker.name), dm=place.dm)

    async def voice(self, place: Place) -> int | None:
        """The id of the webhook that speaks there; None in a DM."""
        hook = await self._hook(place)
        return hook.id if hook else None

    async def send(self, place: Place, speaker: Speaker, text: str, nonce: UUID, index: int) -> tuple[int, int | None]:
        """Post one message, in a plainer form when Discord takes no other: without name and picture, then as the bot itself.

        Raises the last refusal when it takes none. What a crash leaves unrecorded of the plain forms is found by its nonce.
        """
        hook = await self._hook(place)
        if hook is not None:
            try:
                return await self._through_webhook(place, speaker, text, hook)
            except Refused as error:
                if not is_mendable(error):
                    raise
                _log.warning("refused, sent plainer", channel=place.channel_id, status=error.status, code=error.code)
        return await self._as_bot(place, speaker, text, f"{nonce.hex[:20]}{index}", first=index == 0), None

    async def send_file(self, place: Place, speaker: Speaker, file: Upload, nonce: UUID, index: int) -> tuple[int, int | None]:
        """Post one message with a file: as the character, where there is a webhook; a voice message as the bot, for webhooks have none.

        A voice message that Discord does not take is sent as a file. Raises Refused.
        """
        own = f"{nonce.hex[:20]}{index}"
        if file.voice:
            try:
                return await self._as_bot_once(place, "", f"v{own}", file), None
            except Refused as error:
                if error.status != BAD_REQUEST and (error.status != FORBIDDEN or place.dm):
                    raise
                _log.warning("no voice message there, sent as a file", channel=place.channel_id, status=error.status, code=error.code)
        plain = replace(file, voice=False)
        hook = await self._hook(place)
        if hook is None:
            return await self._as_bot_once(place, file.caption, own, plain), None
        return await self._through_webhook(place, speaker, file.caption, hook, plain)

    async def _through_webhook(
        self, place: Place, speaker: Speaker, text: str, hook: Hook, file: Upload | None = None
    ) -> tuple[int, int | None]:
        """Post as the character; a deleted webhook is made anew once, a refused name or picture is left out."""
        try:
            return await self._as_character(place, speaker, text, hook, file), hook.id
        except Refused as error:
            gone = error.code == limits.UNKNOWN_WEBHOOK or error.status == UNAUTHORIZED
            if not gone and (not is_mendable(error) or error.status in (FORBIDDEN, NOT_FOUND)):
                raise
        if gone:
            self.webhooks.forget(hook)
            hook = await self.webhooks.of(place.channel_id, place.parent_id)
            return await self._as_character(place, speaker, text, hook, file), hook.id
        return await self._as_character(place, None, text, hook, file), hook.id

    async def edit(self, place: Place, message_id: int, text: str, webhook_id: int | None) -> None:
        """Make a message say something else: only what posted it can. A refused text is cleaned once."""
        try:
            await self._edit(place, message_id, text, webhook_id)
        except Refused as error:
            if error.status != BAD_REQUEST or not is_mendable(error) or not (plain := cleaned(text)) or plain == text:
                raise
            await self._edit(place, message_id, plain, webhook_id)

    async def _edit(self, place: Place, message_id: int, text: str, webhook_id: int | None) -> None:
        body = {"content": text, "allowed_mentions": QUIET}
        hook = await self._hook(place) if webhook_id is not None else None
        own = f"/channels/{place.channel_id}/messages/{message_id}"
        if hook is None:
            await self.rest.call("PATCH", own, body)
            return
        try:
            await self.rest.call("PATCH", f"/webhooks/{hook.id}/{hook.token}/messages/{message_id}", body, _thread(place, hook), auth=False)
        except Refused as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
            await self.rest.call("PATCH", own, body)  # one that the bot posted as itself

    async def delete(self, place: Place, message_id: int, webhook_id: int | None) -> None:
        """Take a message away, through its webhook; as the bot in a DM, or where the webhook does not know it."""
        hook = await self._hook(place) if webhook_id is not None else None
        own = f"/channels/{place.channel_id}/messages/{message_id}"
        with _unless_gone():
            if hook is None:
                await self.rest.call("DELETE", own)
                return
            try:
                path = f"/webhooks/{hook.id}/{hook.token}/messages/{message_id}"
                await self.rest.call("DELETE", path, query=_thread(place, hook), auth=False)
            except Refused as error:
                if error.code != UNKNOWN_MESSAGE:
                    raise
                await self.rest.call("DELETE", own)

    async def tell(self, place: Place, user_id: int, text: str, nonce: UUID, *, here: bool) -> None:
        """Tell somebody something that is no part of any conversation: in the channel, or in a DM where that cannot be. At most once."""
        body = {"content": text, "allowed_mentions": QUIET, "enforce_nonce": True, "nonce": nonce.hex[:24]}
        if here:
            with suppress(Refused):
                await self.rest.call("POST", f"/channels/{place.channel_id}/messages", body)
                return
        if not place.dm:
            opened = await self.rest.call("POST", "/users/@me/channels", {"recipient_id": str(user_id)})
            await self.rest.call("POST", f"/channels/{opened['id']}/messages", body)

    async def find(self, place: Place, after: int) -> Sequence[Found]:
        """Our messages in the channel after a message, oldest first, to the channel's end."""
        ours: list[Found] = []
        while True:
            query = {"after": str(after), "limit": str(limits.HISTORY_PAGE)}
            page = await self.rest.call("GET", f"/channels/{place.channel_id}/messages", query=query) or []
            ours += [Found(int(m["id"]), _unsigned(m, dm=place.dm), _files(m)) for m in page if self._is_ours(m, dm=place.dm)]
            if len(page) < limits.HISTORY_PAGE:
                return sorted(ours, key=lambda message: message.id)
            after = max(int(m["id"]) for m in page)

    async def _hook(self, place: Place) -> Hook | None:
        """The webhook that speaks there; None in a DM, and where Discord lets us have none: then the bot speaks itself."""
        if place.dm:
            return None
        try:
            return await self.webhooks.of(place.channel_id, place.parent_id)
        except Refused as error:
            if error.status == UNAUTHORIZED or not is_mendable(error):
                raise
            return None

    async def _as_character(self, place: Place, speaker: Speaker | None, text: str, hook: Hook, file: Upload | None = None) -> int:
        body: dict[str, Any] = {"content": text, "allowed_mentions": QUIET} | _attached(file)
        if speaker is not None:
            body["username"] = legal(speaker.name)
            stored = await self.portraits.url(speaker.avatar) if speaker.avatar and self.portraits is not None else ""
            if (picture := avatar(stored or speaker.avatar_url)) is not None:
                body["avatar_url"] = picture
        query = {"wait": "true"} | _thread(place, hook)
        made = await self.rest.call("POST", f"/webhooks/{hook.id}/{hook.token}", body, query, auth=False, file=file)
        return int(made["id"])

    async def _as_bot(self, place: Place, speaker: Speaker, text: str, nonce: str, *, first: bool) -> int:
        """Post as the bot itself. In a channel the first message says who speaks; what is refused as it is, is cleaned once."""
        if (known := self._silenced.get(place.channel_id)) is not None and clock.monotonic() - known[1] < REFUSED_S:
            raise known[0]
        name = legal(speaker.name) if first and not place.dm else ""
        try:
            return await self._as_bot_once(place, signed(text, name) if name else text, nonce)
        except Refused as error:
            if error.status in (FORBIDDEN, NOT_FOUND):
                self._silence(place.channel_id, error)
            if error.status != BAD_REQUEST or not is_mendable(error) or not (plain := cleaned(text)):
                raise
        return await self._as_bot_once(place, plain, nonce)

    async def _as_bot_once(self, place: Place, text: str, nonce: str, file: Upload | None = None) -> int:
        # Only here can the API itself be made to refuse a repeat: a nonce with enforce_nonce answers the first message again.
        body = {"content": text, "allowed_mentions": QUIET, "enforce_nonce": True, "nonce": nonce} | _attached(file)
        made = await self.rest.call("POST", f"/channels/{place.channel_id}/messages", body, file=file)
        return int(made["id"])

    def _silence(self, channel: int, error: Refused) -> None:
        now = clock.monotonic()
        self._silenced = {known: (e, at) for known, (e, at) in self._silenced.items() if now - at < REFUSED_S} | {channel: (error, now)}

    def _is_ours(self, message: dict[str, Any], *, dm: bool) -> bool:
        by_bot = str(message["author"]["id"]) == str(self.us.user_id)
        if dm or "webhook_id" not in message:
            return by_bot and "interaction_metadata" not in message
        return str(message.get("application_id")) == str(self.us.application_id)


def _unsigned(message: dict[str, Any], *, dm: bool) -> str:
    """The text of a message of ours without the name that the bot put before it."""
    text = str(message.get("content", ""))
    return text if dm or "webhook_id" in message else _SIGNATURE.sub("", text, count=1)


def _files(message: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(one.get("filename", "")) for one in message.get("attachments") or ())


def _attached(file: Upload | None) -> dict[str, Any]:
    """What a message's body says of the file beside it. A voice message has no text and needs to be told how long it is."""
    if file is None:
        return {}
    about: dict[str, Any] = {"id": "0", "filename": file.name}
    if file.alt:
        about["description"] = file.alt[: limits.DESCRIPTION]
    if not file.voice:
        return {"attachments": [about]}
    return {"flags": VOICE_MESSAGE, "attachments": [about | {"duration_secs": round(file.seconds, 3), "waveform": file.waveform}]}


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Take a message that is not there for one that was taken away."""
    try:
        yield
    except Refused as error:
        if error.code != UNKNOWN_MESSAGE:
            raise


def texts(text: str, name: str, *, dm: bool) -> tuple[str, ...]:
    """The messages to send for a text. In a DM the first one says who speaks."""
    prefix = f"**{name}:** " if dm else ""
    cut = split(text, LIMIT, LIMIT - length(prefix))
    return (prefix + cut[0], *cut[1:]) if cut else ()


def _thread(place: Place, hook: Hook) -> dict[str, str]:
    return {"thread_id": str(place.channel_id)} if hook.channel_id != place.channel_id else {}
