"""Reactions that were given or taken back while the bot was away: found by comparing what stands below messages with the log (E2).

Discord tells with a page of messages how many people gave each emoji, so only what differs is asked for by name.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import quote

from bot.discord import limits
from bot.discord.payload import Json, Reader
from bot.discord.reactions import emoji_of
from bot.discord.rest import Refused
from engine import clock, ids
from engine.decide.reacting.toggles import Reaction, Toggles
from engine.events.reaction import ReactionAdded, ReactionRemoved
from engine.resources.reacting.emoji import normal
from engine.resources.reacting.sheet import Act
from engine.store import Log
from projections import replies

PEOPLE = 1_000
"""Names of people asked for per emoji at most."""
ASK_AGAIN_S = 24 * 3600.0
"""Below older messages a missed reaction counts, but asks for nothing new: whoever gave it waits for no answer any more."""
WOULD_ANSWER: frozenset[Act] = frozenset({"regenerate", "go_on", "inspect"})


class Ask(Protocol):
    """Asks Discord about a channel; returns the answer's JSON. Raises NotYet, Refused."""

    async def __call__(self, channel_id: int, path: str, query: dict[str, str]) -> Any: ...


class Take(Protocol):
    """Takes one reaction into the log, without doing the acts named."""

    async def __call__(self, event: Reaction, without: frozenset[Act]) -> None: ...


def differing(payload: Json, known: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The emojis of a message that other numbers of people gave than the log knows: normal form -> the names to ask Discord by.

    `known` holds the normal form once per person. What stands there no more has no names. Pure.
    """
    logged = Counter(known)
    counted, names = Counter[str](), dict[str, tuple[str, ...]]()
    for given in Reader(payload).many("reactions"):
        if name := emoji_of(given):
            counted[normal(name)] += max((given.number("count") or 0) - given.flag("me"), 0)
            names[normal(name)] = (*names.get(normal(name), ()), name)
    return {emoji: names.get(emoji, ()) for emoji in {**names, **logged} if counted[emoji] != logged[emoji]}


class MissedReactions:
    """Compares pages of messages with the log. `us` is our own user, whose reactions are nobody's."""

    def __init__(self, log: Log, us: int, ask: Ask, take: Take) -> None:
        self._log, self._us, self._ask, self._take = log, us, ask, take

    async def compare(self, channel_id: int, guild_id: int | None, page: Sequence[Json]) -> int:
        """Take what differs on a page of messages; returns how many reactions that were. Raises NotYet."""
        shown = {int(payload["id"]): payload for payload in page}
        async with self._log.pool.connection() as connection:
            before = await replies.reacted_to(connection, list(shown))
        wanted = [message for message, payload in shown.items() if payload.get("reactions") or message in before]
        return sum([await self._message(channel_id, guild_id, shown[message]) for message in sorted(wanted)])

    async def _message(self, channel_id: int, guild_id: int | None, payload: Json) -> int:
        message_id = int(payload["id"])
        known = Toggles.of(recorded.event for recorded in await self._log.stream(f"reaction:{message_id}"))
        about = {"message_id": message_id, "channel_id": channel_id, "guild_id": guild_id, "venue": "discord"}
        age = clock.now() - ids.snowflake_time(message_id)
        without = WOULD_ANSWER if age > timedelta(seconds=ASK_AGAIN_S) else frozenset[Act]()
        taken = 0
        for emoji, names in differing(payload, [emoji for _, emoji in known.on]).items():
            gave = {person: emoji for person, given in known.on if given == emoji}
            if (give := await self._people(channel_id, message_id, names)) is None:
                continue
            for person in sorted(give.keys() - gave.keys()):
                await self._take(ReactionAdded.model_validate(about | {"user_id": person, "emoji": give[person]}), without)
            for person in sorted(gave.keys() - give.keys()) if len(give) < PEOPLE else ():
                await self._take(ReactionRemoved.model_validate(about | {"user_id": person, "emoji": emoji}), without)
            taken += len(give.keys() ^ gave.keys())
        return taken

    async def _people(self, channel_id: int, message_id: int, names: Iterable[str]) -> dict[int, str] | None:
        """Who gave an emoji, and by which name, without ourselves; None when Discord does not tell. Raises NotYet."""
        found = dict[int, str]()
        for name in names:
            path, after, page = f"/channels/{channel_id}/messages/{message_id}/reactions/{quote(name, safe='')}", 0, [0]
            while page and len(found) < PEOPLE:
                query = {"limit": str(limits.HISTORY_PAGE)} | ({"after": str(after)} if after else {})
                try:
                    answer = await self._ask(channel_id, path, query) or []
                except Refused:
                    return None
                page = sorted({int(user["id"]) for user in answer})
                found |= dict.fromkeys((person for person in page if person != self._us), name)
                after = page[-1] if page else 0
                page = page if len(page) == limits.HISTORY_PAGE else []
        return found
