"""What ends a generation from outside: a deleted message, a lease that somebody else has. Also where the hint never comes."""

import asyncio
from uuid import UUID, uuid4

import pytest

from bot import requests
from engine import clock
from engine.config import Settings
from engine.events.message import MessageDeleted
from engine.events.turn import TurnCancelled, TurnCompleted, TurnRequested
from engine.ids import message_event
from engine.seed import samples
from engine.store import NewEvent, Query
from projections.live import leases
from projections.models import turns
from tests.support.provider.room import Person, room, with_provider
from tests.support.stage import MODEL, Stage
from worker.turn import sweep
from worker.work import Ending

WREN = samples()[0].character_id


async def delete(person: Person, turn: UUID) -> None:
    """The turn's message is deleted where it was said."""
    [request] = [event.event for event in await person.events(turn) if isinstance(event.event, TurnRequested)]
    event = MessageDeleted(message_id=request.message_id, channel_id=person.channel, venue="playground")
    await person.log.append(NewEvent(event, stream=f"channel:{person.channel}", id=message_event(request.message_id, "deleted")))


async def test_a_message_deleted_without_a_hint_gets_no_reply(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is asked once more with the answer in hand: nothing else stands between it and the channel."""

    async def unheard(*_: object) -> None:
        """The hint is lost."""

    monkeypatch.setattr(Ending, "heard", unheard)
    async with Stage.start() as stage, room(with_provider(settings, stage.address, default_model=MODEL)) as person:
        stage.hold("ping-gone")
        [turn] = await person.say("ping-gone", WREN)
        await stage.held("ping-gone")
        await delete(person, turn)
        stage.release("ping-gone")
        end = await person.end(turn)
        assert isinstance(end, TurnCancelled)
        assert end.why == "message deleted"
        assert stage.calls[0].cut is False


async def test_a_turn_that_is_stopped_ends_its_call_and_what_waits_is_never_asked(settings: Settings) -> None:
    """Nobody pays on for what nobody will read; the cost so far is settled all the same, and what is said next is answered."""
    async with Stage.start() as stage, room(with_provider(settings, stage.address, default_model=MODEL)) as person:
        stage.hold("ping-stop")
        [turn], [behind] = await person.say("ping-stop", WREN), await person.say("ping-behind", WREN)
        call = await stage.held("ping-stop")
        async with person.log.pool.connection() as connection:
            for waiting in await turns.pending_in(connection, person.channel):
                await person.log.append(requests.cancelled(waiting, "stopped"))
        deadline = clock.monotonic() + 60
        while not call.cut:
            assert clock.monotonic() < deadline, "the call goes on although its turn was stopped"
            await asyncio.sleep(0.01)
        for stopped in (turn, behind):
            end = await person.end(stopped)
            assert isinstance(end, TurnCancelled)
            assert end.why == "stopped"
        [after] = await person.say("ping-after", WREN)
        assert isinstance(await person.end(after), TurnCompleted)
        assert len(stage.calls) == 2
        spent = [one.row.type async for one in person.log.read(Query(types=frozenset({"quota.spend_authorized", "quota.spend_settled"})))]
        assert spent.count("quota.spend_authorized") == spent.count("quota.spend_settled") == 2


async def test_a_worker_that_lost_its_lease_stops_its_call(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither pays on nor ends the turn; whoever has the lease does, and once it is free the turn is taken up again."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(sweep, "EVERY_SECONDS", 0.1)
    monkeypatch.setattr(sweep, "OLDER_THAN_SECONDS", 0.0)
    async with Stage.start() as stage, room(with_provider(settings, stage.address, default_model=MODEL)) as person:
        stage.hold("ping-lost")
        [turn] = await person.say("ping-lost", WREN)
        call = await stage.held("ping-lost")
        async with person.log.pool.connection() as connection:
            await connection.execute("UPDATE leases SET holder = %s, expires_at = now() + interval '1 hour'", (uuid4(),))
        deadline = clock.monotonic() + 60
        while not call.cut:
            assert clock.monotonic() < deadline, "the call goes on although another worker has the conversation"
            await asyncio.sleep(0.01)
        assert [type(event.event).__name__ for event in await person.events(turn)][-1] == "GenerationStarted"
        async with person.log.pool.connection() as connection:
            await connection.execute("DELETE FROM leases")
        assert isinstance(await person.end(turn), TurnCompleted)
        assert len(stage.calls) == 2
