"""Live pages: server-sent events that carry ready HTML. A lost connection goes on where it stopped."""

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from bot.console.filters import number
from bot.console.pages import conversation, replies
from bot.console.pages.conversation import Writing, condensed
from bot.console.render import fragment
from bot.console.state import Console, console_of
from engine.bus.consumer import TRANSIENT

POLL_SECONDS = 1.0
"""How often an open page looks although nobody told it to."""
BREATH_SECONDS = 0.06
"""Pause between two looks while text streams in: a person sees no difference, and a fast model costs less."""
LIMIT = 64
"""Streams open at a time: a forgotten script must not eat the process."""


async def chat(request: Request) -> Response:
    """`GET /chats/{channel}/stream`: what becomes visible after `after`, and the text that is being written."""
    console, channel = console_of(request), request.path_params["channel"]
    if not await conversation.exists(console, channel):
        return Response(status_code=404)
    return sse(console, _ticks(console, channel, start_of(request)))


def start_of(request: Request) -> int:
    """Where a stream begins: after what the browser got last, else where its page ends."""
    return number(request.headers.get("last-event-id", "")) or number(request.query_params.get("after", "")) or 0


def sse(console: Console, events: AsyncIterator[ServerSentEvent]) -> Response:
    """The response that sends them; refused when there are too many already."""
    if len(console.feed) >= LIMIT:
        return Response("Too many open pages.\n", 503, {"retry-after": "10"})
    return EventSourceResponse(events, ping=15, headers={"x-accel-buffering": "no"})


async def _ticks(console: Console, channel: int, after: int) -> AsyncIterator[ServerSentEvent]:
    shown: list[Writing] | None = None
    since = after  # what was taken away is known up to here: a line may be seen earlier than all there is to know of its position
    rang = True  # an open page that nobody told of anything asks only whether that is so
    with console.feed.watch(channel) as watch:
        while not console.feed.closing.is_set():
            try:
                called = await conversation.names(console)
                live = await conversation.writing(console, channel, called)
                until = await conversation.settled(console)
                if not rang and until <= since and live == shown:
                    rang = await watch.wait(POLL_SECONDS)
                    continue
                views, _ = await conversation.lines(console, channel, called, after=after)
                standing = {view.message_id for view in views}
                gone = [message for message in await replies.changes(console, channel, since, until) if message not in standing]
            except TRANSIENT:
                rang = True
                await asyncio.sleep(POLL_SECONDS)
                continue
            since, after = max(since, until), max([until, *(view.seen for view in views)])
            if views or gone or live != shown:
                done = {view.turn for view in views}
                shown = [draft for draft in live if draft.turn not in done]
                tick = fragment("_tick.html", lines=views, live=condensed(shown), gone=gone)
                yield ServerSentEvent(tick, event="tick", id=str(min(since, after)))
            rang = await watch.wait(POLL_SECONDS)
            await asyncio.sleep(BREATH_SECONDS)
