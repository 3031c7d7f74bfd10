"""Tell a person, where they alone read it, what is behind a reply: what a magnifier on it asks for."""

from contextlib import suppress

from bot import why as words
from bot.delivery.split import split
from bot.delivery.venue import Place
from bot.discord.post import Post
from bot.discord.rest import Busy, Refused, Unsure
from bot.reacting import may_look
from engine import ids
from engine.actor import person
from engine.config import Settings
from engine.store import Log
from projections import replies
from projections import why as reasons


class Looking:
    """Sends what `/why` says, with the turn's id, in a DM; nothing to who may not look."""

    def __init__(self, log: Log, post: Post, settings: Settings) -> None:
        self._log, self._post, self._settings = log, post, settings

    async def __call__(self, message_id: int, user_id: int, shown: replies.Shown) -> None:
        """The person put a magnifier on a message, which shows this. What Discord refuses is let be: they may have closed their DMs."""
        actor = person(user_id, owner=user_id in self._settings.owner_ids)
        if not await may_look(self._log, actor, shown):
            return
        found = await reasons.explain(self._log, message_id)
        text = "\n".join([*words.lines(found), f"Turn `{shown.turn}`"])
        with suppress(Refused, Unsure, Busy):
            for at, part in enumerate(split(text)):
                nonce = ids.derived("look", message_id, user_id, shown.turn, at)
                await self._post.tell(Place(0, None, None, dm=False), user_id, part, nonce, here=False)
