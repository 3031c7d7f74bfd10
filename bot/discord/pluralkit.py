"""People who speak through PluralKit (A13): it posts what they wrote again, under a member's name, and deletes the original.

Both are one message. The original stays what is answered, and takes the words and the name of the copy; its deletion is PluralKit's
doing, no unsaying; the deletion of the copy is one. Whose a copy is follows from what was said in the channel just before; where that
does not tell, PluralKit is asked. When it does not answer, the newest that fits is taken; without any the copy waits until it does, for
some minutes, and then stays a program's.
"""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

from bot.discord.payload import Reader
from bot.discord.rest import AGENT
from engine import clock, ids, log
from engine.errors import TzurotError
from engine.events.message import MessageDeleted, MessageEdited, MessageReceived
from engine.store import Log

WITHIN_S = 15.0
"""A copy comes within so long of its original."""
ASK_S = 2.0
QUIET_S = 1.0
"""How long it is not asked after it did not answer: a whole channel of copies would wait for each."""
AGAIN_S = (2.0, 5.0, 15.0, 40.0, 90.0, 150.0)
"""When it is asked again while it does not answer: for five minutes in all. What is later than that would be no answer any more."""
HELD = 200
"""Copies that wait for it at most."""
ANSWER_BYTES = 256 * 1024
"""Of an answer that are read; what is longer is cut, and then is no JSON."""
KEPT = 20
CHANNELS = 500
_log = log.get("discord.pluralkit")


@dataclass(frozen=True, slots=True)
class Original:
    """The message a copy was made of, and who wrote it."""

    message_id: int
    author_id: int
    reply_to: int | None = None


class Unclear(TzurotError):
    """Nobody was heard who can have said it, and PluralKit does not answer now."""


class PluralKit:
    """Finds the originals of copies. `api` is the address of its API, empty when it is not to be asked.

    `closing`: nobody waits for it any more.
    """

    def __init__(self, log: Log, api: str) -> None:
        self._log, self._api = log, api.rstrip("/")
        self._recent: dict[int, deque[MessageReceived]] = {}
        self._held: dict[int, MessageReceived] = {}
        self._quiet_until = 0.0
        self.closing = asyncio.Event()

    def heard(self, message: MessageReceived) -> None:
        """Remember what a person said for as long as a copy of it may come."""
        if message.author_kind != "human":
            return
        if len(self._recent) >= CHANNELS:
            self._recent = {channel: said for channel, said in self._recent.items() if _fresh(said)}
        self._recent.setdefault(message.channel_id, deque(maxlen=KEPT)).append(message)

    def changed(self, change: MessageEdited | MessageDeleted) -> bool:
        """Whether a message that was edited or deleted is a copy that waits: then that is all there is to do."""
        copy = self._held.pop(change.message_id, None)
        if copy is not None and isinstance(change, MessageEdited):
            self._held[copy.message_id] = copy.model_copy(update={"text": change.text})
        return copy is not None

    async def later(self, copy: MessageReceived) -> MessageReceived | MessageEdited | None:
        """What a copy stands for, once PluralKit says; the copy itself when it does not. None when it was deleted meanwhile."""
        if len(self._held) >= HELD:
            return copy
        self._held[copy.message_id] = copy
        for seconds in AGAIN_S:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), seconds)
            if self.closing.is_set() or (held := self._held.get(copy.message_id)) is None:
                break
            with suppress(Unclear):
                found = await self.resolved(held)
                return found if self._held.pop(copy.message_id, None) is not None else None
        return self._held.pop(copy.message_id, None)

    async def resolved(self, copy: MessageReceived) -> MessageReceived | MessageEdited:
        """What a copy stands for: another text of its original, or where nobody has kept that, what a person said. Raises Unclear."""
        original = await self._original(copy)
        if original is None:
            return copy
        if await self._log.row(ids.message_event(original.message_id, "received")) is None:
            return copy.model_copy(update={"author_id": original.author_id, "author_kind": "human", "reply_to": original.reply_to})
        return MessageEdited(
            message_id=original.message_id,
            channel_id=copy.channel_id,
            guild_id=copy.guild_id,
            author_id=original.author_id,
            venue=copy.venue,
            edited_ms=int(ids.snowflake_time(copy.message_id).timestamp() * 1000),
            proxy_id=copy.message_id,
            text=copy.text,
            author_name=copy.author_name,
            attachments=copy.attachments,
        )

    async def _original(self, copy: MessageReceived) -> Original | None:
        fitting = [said for said in _fresh(self._recent.get(copy.channel_id, ())) if _fits(said, copy)]
        if len(fitting) == 1:
            return _of(fitting[0])
        try:
            found = await self._asked(copy.message_id)
        except Unclear:
            if not fitting:
                raise
            found = None
        if found is not None:
            return next((_of(said) for said in fitting if said.message_id == found.message_id), found)
        return _of(fitting[-1]) if fitting else None

    async def _asked(self, message_id: int) -> Original | None:
        """What PluralKit says of a copy; None when it knows none. Raises Unclear when it does not answer."""
        if not self._api:
            return None
        if clock.monotonic() < self._quiet_until:
            raise Unclear("PluralKit did not answer a moment ago")
        try:
            timeout = aiohttp.ClientTimeout(total=ASK_S)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"{self._api}/messages/{message_id}", headers={"User-Agent": AGENT}, allow_redirects=False) as response,
            ):
                if response.status == 404:
                    return None
                told = await response.content.read(ANSWER_BYTES) if response.status == 200 else b"{}"
            return _said(told)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            _log.warning("PluralKit does not say whose a message is", error=type(error).__name__)
            self._quiet_until = clock.monotonic() + QUIET_S
            raise Unclear("PluralKit does not answer") from error


def _said(answer: bytes) -> Original:
    """The original that an answer of PluralKit's names. Raises ValueError."""
    try:
        reader = Reader(json.loads(answer))
        message_id, author_id = reader.number("original"), reader.number("sender")
    except (RecursionError, AttributeError):
        raise ValueError("no object of JSON") from None
    if not message_id or not author_id:
        raise ValueError("no ids of Discord's")
    return Original(message_id, author_id)


def _of(said: MessageReceived) -> Original:
    return Original(said.message_id, said.author_id, said.reply_to)


def _fresh(said: Sequence[MessageReceived] | deque[MessageReceived]) -> list[MessageReceived]:
    now = clock.now()
    return [one for one in said if (now - ids.snowflake_time(one.message_id)).total_seconds() <= WITHIN_S]


def _fits(said: MessageReceived, copy: MessageReceived) -> bool:
    """Whether a copy can be one of this: its text is that of the original, with or without what marks the member."""
    if copy.text.strip():
        return copy.text.strip() in said.text
    return bool(said.attachments) and len(said.attachments) == len(copy.attachments)
