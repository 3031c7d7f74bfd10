"""Quick messages of one person get one answer (A16): before a turn begins, those that follow it at once are joined with it."""

from engine import clock
from engine.bus import Retry
from engine.decide.speaking.burst import MOST, Burst, Spoken, join
from projections.follow import runner
from projections.live import typing
from projections.models import channels, history, turns
from projections.models.turns import Turn
from worker.turn import turn_events
from worker.turn.generate import CATCH_UP_SECONDS, Behind
from worker.work import Work

UNCALLED = frozenset({"activation", "dm"})
"""Triggers of messages that call nobody."""


async def joined(work: Work, turn: Turn) -> Turn:
    """The turn that answers the run this one begins; those it stands for are ended. Raises Retry while more may come, Behind."""
    if turn.trigger not in UNCALLED or turn.epoch or (wait_s := await _wait_s(work, turn)) <= 0:
        return turn
    if not await runner.wait_for(work.log.pool, ("history",), turn.position, seconds=CATCH_UP_SECONDS):
        raise Behind("the history has not reached this turn yet; is `tzurot projections` running?")
    found = await _burst(work, turn, wait_s if turn.venue == "discord" else 0.0)
    if found is None:
        return turn
    if found.due is not None and (left := (found.due - clock.now()).total_seconds()) > 0:
        raise Retry(min(left, wait_s))  # by our own clock at most so long, whatever Discord's says
    async with work.log.pool.connection() as connection:
        chosen = await turns.get(connection, found.turn)
        earlier = [await turns.get(connection, one) for one in found.superseded]
    for one in earlier:
        if one is not None:
            await turn_events.cancel(work, one, "superseded")
    return chosen or turn


async def _wait_s(work: Work, turn: Turn) -> float:
    async with work.log.pool.connection() as connection:
        sheet = await channels.sheet_of(connection, turn.channel)
    return work.settings.burst_seconds if sheet is None or sheet.burst_s is None else sheet.burst_s


async def _burst(work: Work, turn: Turn, wait_s: float) -> Burst | None:
    """What becomes of the run; None when the message is gone."""
    async with work.log.pool.connection() as connection:
        said = await history.authors_since(connection, turn.channel, turn.message_id, limit=MOST + 1)
        if not said or said[0][0] != turn.message_id:
            return None
        typed = await typing.last(connection, turn.channel, turn.user_id)
        answers = await turns.triggers_of(connection, [message for message, _ in said])
    mine = {a.message_id: a.turn for a in answers if a.character == turn.character and a.pending and a.trigger in UNCALLED}
    calls = {a.message_id for a in answers if a.trigger not in UNCALLED}
    return join([Spoken(message, author, mine.get(message), message in calls) for message, author in said], wait_s, typed)
