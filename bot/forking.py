"""A conversation goes on in another channel from a point of it: what the console and the command line share."""

from dataclasses import dataclass
from uuid import UUID

from engine import ids
from engine.actor import Actor
from engine.decide import channel as rules
from engine.decide.channel import Activate, Where
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.store import Log
from projections.models import channels
from projections.models.places import forks

VENUE = "playground"
READ = ("channels", "forks", "history")


@dataclass(frozen=True, slots=True)
class ForkedConversation:
    """Where it goes on, with whom, from which event, and how many lines it took over."""

    channel: int
    source: int
    at: int
    character: UUID
    lines: int


async def fork(log: Log, actor: Actor, source: int, at: int, into: Where, *, character: UUID | None = None) -> ForkedConversation:
    """Go on from `source` as it was at the event `at`, with a character or whoever speaks there. Raises Rejected.

    In the playground the character is activated; in a channel whoever is active there answers.
    """
    host = character or await _host(log, source)
    if host is None:
        raise Rejected("No character ever spoke there. Choose one of its turns.")
    lines = await forks.by_then(log, source, at)
    key = ids.random_id()
    await execute(log, actor, rules.Fork(into, host, source, at, lines), key, see=READ)
    if into.venue == VENUE:
        await execute(log, actor, Activate(into, host), ids.derived("forked", key), see=READ)
    return ForkedConversation(into.channel_id, source, at, host, len(lines))


async def _host(log: Log, source: int) -> UUID | None:
    """Whom a conversation is with: who was activated first, else who answered last."""
    async with log.pool.connection() as connection:
        active = await channels.active_in(connection, source)
        session = await channels.session(connection, source)
        fork_of = await forks.fork_of(connection, source)
    return active[0] if active else session.character if session else fork_of.character if fork_of else None
