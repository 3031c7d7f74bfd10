"""R08: the answer to an append is lost after Postgres has committed, and the append still returns where its events are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine import ids
from engine.config import Settings
from engine.events.ops import DeadLetterDiscarded
from engine.store import Appended, Condition, Log, NewEvent, open_log
from engine.vault import load_master_key
from tests.support.commits import LostReplies
from tests.support.proxy import Proxy

Rig = tuple[Log, LostReplies]


@asynccontextmanager
async def rig(settings: Settings) -> AsyncIterator[Rig]:
    """A log whose connections go through a proxy that can lose answers to commits."""
    assert settings.database_url is not None
    dsn = settings.database_url
    replies = LostReplies()
    port = int(str(conninfo_to_dict(dsn)["port"]))
    async with Proxy.start(port, replies.inspector) as proxy:
        proxied = make_conninfo(dsn, host="127.0.0.1", port=proxy.port)
        async with open_log(proxied, load_master_key(settings)) as log:
            yield log, replies


def _event(number: int) -> NewEvent:
    event = DeadLetterDiscarded(consumer="worker", dead_letter_id=str(number))
    return NewEvent(event, stream="dead-letters:worker", id=ids.derived("lost-replies", number))


async def _append(log: Log, number: int, condition: Condition | None = None) -> Appended:
    return await log.append(_event(number), condition=condition)


async def test_an_append_whose_answer_is_lost_is_stored_once_and_says_so(settings: Settings) -> None:
    """The caller sees success with the original position, whether the loss hits the first or a later append of a connection."""
    async with rig(settings) as (log, replies):
        for number in range(1, 11):
            replies.armed = number % 2
            appended = await _append(log, number)
            assert appended == Appended((number,)), number
        assert replies.lost == 5
        assert [recorded.position for recorded in await log.stream("dead-letters:worker")] == list(range(1, 11))


async def test_the_same_under_a_condition(settings: Settings) -> None:
    """A conditional append commits in a transaction of its own; its lost COMMIT is no conflict with itself."""
    async with rig(settings) as (log, replies):
        replies.armed = 1
        appended = await _append(log, 1, Condition(after=0, types=frozenset({DeadLetterDiscarded.TYPE})))
        assert (appended, replies.lost) == (Appended((1,)), 1)
