"""A bot that leads whoever else does, and counts what it sends: `python -m tests.support.headstrong`.

In the product one process leads at a time, most of the time. What two do that both believe it is shown with this one: no lock keeps them
apart but those that each answer has.
"""

from collections.abc import Awaitable, Callable

from bot.discord.__main__ import main
from bot.discord.post import Post
from engine import log, process
from engine.store.right import Right

SENT = "sent an answer"


async def _always(_: Right) -> bool:
    return True


def _counted[**P, T](send: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    async def sending(*given: P.args, **named: P.kwargs) -> T:
        made = await send(*given, **named)
        log.get("headstrong").info(SENT)
        return made

    return sending


if __name__ == "__main__":
    for of, name, made in ((Right, "_ask", _always), (Right, "_proved", _always), (Post, "send", _counted(Post.send))):
        setattr(of, name, made)
    process.run(main, service="bot")
