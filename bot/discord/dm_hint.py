"""A DM that reaches nobody yet: say how to begin, and take the words away again (A12)."""

import asyncio
from contextlib import suppress

from bot.discord.post import QUIET
from bot.discord.rest import Busy, Refused, Rest, Unsure
from bot.discord.roster import Roster
from engine import ids
from engine.events.message import MessageReceived

SHOWN_S = 30.0
NAMES = 10


class DmHint:
    """Answers with help, which is no part of any conversation: it reaches neither the log nor a prompt."""

    def __init__(self, rest: Rest, roster: Roster, mention_char: str) -> None:
        self._rest, self._roster, self._char = rest, roster, mention_char
        self._running: set[asyncio.Task[None]] = set()

    def show(self, message: MessageReceived) -> None:
        """Show it for half a minute."""
        task = asyncio.create_task(self._show(message), name="dm hint")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def close(self) -> None:
        """Leave what stands."""
        for task in self._running:
            task.cancel()

    async def _show(self, message: MessageReceived) -> None:
        text = words([c.slug for c in await self._roster.usable_by(message.author_id)], self._char)
        body = {
            "content": text,
            "allowed_mentions": QUIET,
            "enforce_nonce": True,
            "nonce": ids.derived("dm hint", message.message_id).hex[:24],
        }
        with suppress(Refused, Unsure, Busy):
            made = await self._rest.call("POST", f"/channels/{message.channel_id}/messages", body)
            await asyncio.sleep(SHOWN_S)
            await self._rest.call("DELETE", f"/channels/{message.channel_id}/messages/{made['id']}")


def words(slugs: list[str], char: str) -> str:
    """What to do, with names to choose from."""
    if not slugs:
        return "**Nobody to talk with yet**\nMake a character with `/character create`, then call it by its name."
    some = ", ".join(f"`{char}{slug}`" for slug in slugs[:NAMES])
    more = f" and {len(slugs) - NAMES} more (`/character browse`)" if len(slugs) > NAMES else ""
    return f"**No conversation yet**\nCall a character by its name, as in `{char}{slugs[0]} hello`. Here are {some}{more}."
