"""Reactions in the playground: the same events, and the same acts, as on Discord."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import reacting
from bot.console.addresses import REPLY
from bot.console.filters import number
from bot.console.pages.playground import field
from bot.console.pages.replies import ChatReply, is_here, refused, shown
from bot.console.render import problem
from bot.console.state import OPERATOR, VENUE, Console, console_of
from engine.actor import operator
from engine.decide.reacting.toggles import Toggles
from engine.decide.rejected import Rejected
from engine.events.reaction import ReactionAdded, ReactionRemoved
from engine.resources.reacting.emoji import emojis, written_wrong
from projections import replies


async def react(request: Request) -> Response:
    """`POST .../reactions`: put a reaction on a message of the reply, or take it back, and do what it is for."""
    console, form, path = console_of(request), await request.form(), request.path_params
    target = ChatReply(path["channel"], path["message"], path["character"])
    if not await is_here(console, target):
        return problem(request, 404, "No such reply", "It may belong to another conversation.")
    emoji = field(form, "emoji")
    try:
        made = await _reacted(console, target, number(field(form, "on")) or 0, emoji)
    except Rejected as rejected:
        return refused(request, rejected)
    if made.act == "inspect" and made.on is not None:
        said = f"Look inside: turn {made.on.turn}"
    else:
        said = f"{emoji} is on the reply." if made.added else f"{emoji} is taken back."
    return shown(request, target, made.done, made.key, said)


async def _reacted(console: Console, target: ChatReply, on: int, emoji: str) -> reacting.Reacted:
    if not emojis(emoji) or written_wrong(emoji) is not None:
        raise Rejected("That is no emoji.")
    async with console.log.pool.connection() as connection:
        stands = await replies.of_message(connection, on)
    if stands is None or (stands.message_id, stands.character) != (target.message, target.character):
        raise Rejected("This message shows the reply no more.")
    given = {"message_id": on, "channel_id": target.channel, "venue": VENUE, "user_id": OPERATOR, "emoji": emoji}
    event = ReactionAdded.model_validate(given)
    there = Toggles.of(recorded.event for recorded in await console.log.stream(event.stream_name)).news(event) is None
    news = ReactionRemoved.model_validate(given) if there else event
    made = await reacting.react(console.log, operator(OPERATOR), news, see=True)
    if made.refused:
        raise Rejected(made.refused)
    if made.act is None:
        raise Rejected("This emoji does nothing here. `tzurot reactions show` tells which do.")
    return made


ROUTES = (Route(REPLY + "/reactions", react, methods=["POST"]),)
