"""Tools within a turn (I6): asked for, used, told, recorded; killed at every step; built again byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from uuid import UUID

import pytest

from engine.config import Settings
from engine.events.craft.tool import NotebookWritten, ToolAnswered, notebook
from engine.events.model import CatalogueFetched, Offered
from engine.events.turn import TurnCompleted
from engine.store import Log
from projections.follow import runner
from projections.inspecting import gather
from projections.models import turns
from projections.registry import ALL
from tests.support.provider.asking import asking, results
from tests.support.provider.room import Person, reading, room, with_provider
from tests.support.provider.server import Behaviour, FaultServer, ProviderRequest, Reply, Status
from tests.support.provider.tooling import ADA, Killed, give, of_tools, proved, script, worker
from worker.turn import steps
from worker.turn.generate import generate

EVERY = ("memory", "dice", "time", "web", "notes")


@pytest.fixture
async def provider() -> AsyncIterator[FaultServer]:
    async with FaultServer.running() as server:
        yield server


async def test_a_character_uses_tools_before_it_answers_and_the_record_says_all_of_it(settings: Settings, provider: FaultServer) -> None:
    """Off at first; then memory, dice, the clock and its notes, in two steps; what was refused is told to the model."""
    first = (("dice", {"dice": "3d6+2"}), ("time", {"zone": "Europe/Paris"}), ("web", {"url": "https://example.org"}))
    provider.decide = script(first, (("notes", {"action": "add", "text": "Likes <b>tea</b>"}), ("memory", {"query": "the harbour"})))
    async with room(with_provider(settings, provider.address)) as person:
        [turn] = await person.say("The harbour was closed yesterday", ADA)
        assert isinstance(await person.end(turn), TurnCompleted)
        assert "tools" not in provider.journal[-1].body, "off by default"
        assert await of_tools(person, turn) == []
        provider.journal.clear()
        await give(person.log, *EVERY)

        [turn] = await person.say("Roll for me, please", ADA)
        end = await person.end(turn)
        assert isinstance(end, TurnCompleted)
        assert [call.why for call in end.calls] == ["first"] * 3
        assert end.usage.cost is not None
        offered = [tool["function"]["name"] for tool in provider.journal[0].body["tools"]]
        assert offered == ["memory", "dice", "time", "notes"], "without WEB_FETCH_HOSTS no page is offered"
        called, dice, clock, web, again, note, memory = await of_tools(person, turn)
        assert (called.step, called.tools, called.text) == (1, ("dice", "time", "web"), "Let me see.")
        assert 5 <= int(dice.text.rpartition("= ")[2]) <= 20
        assert clock.text.endswith("(Europe/Paris)")
        assert (web.done, web.text) == (False, "There is no such tool here. There are: memory, dice, time, notes.")
        assert (again.step, note.text, note.done) == (2, "Noted.", True)
        assert (memory.text, len(memory.refs) > 0) == ("", True)
        assert "The harbour was closed yesterday" in results(provider.journal[-1])[-1]
        assert all(text.startswith("<shows>\n") for text in results(provider.journal[-1]))
        started = await proved(person.log, turn)
        assert [one.step for one in started] == [1, 2, 3]
        [written] = await person.log.stream(notebook(ADA, person.channel, person.user))
        assert isinstance(written.event, NotebookWritten)
        assert written.event.text == "Likes <b>tea</b>"
        async with person.log.pool.connection() as connection:
            found = await turns.get(connection, turn)
        assert found is not None
        chapters = [one.title for one in (await gather.of_turn(person.log, found)).chapters if one.name == "tool"]
        assert chapters[0] == "Step 1, tools asked for"
        assert chapters[-1] == "Step 2, memory used"


async def test_a_model_without_tools_is_said_to_have_none_and_answers_all_the_same(settings: Settings, provider: FaultServer) -> None:
    """Learned from its refusal, and from then on nothing is offered to it; one that never stops asking has to answer in the end."""

    def decide(asked: ProviderRequest) -> Behaviour:
        if asked.model == "plain/model":
            refused = Status(404, "No endpoints found that support tool use. To learn more, see the documentation.")
            return refused if "tools" in asked.body else Reply("Without any tool.")
        if asked.model == "listed/model":
            return Reply("Without being asked.")
        return asking(asked, ("dice", {"dice": "d20"})) if asked.body.get("tool_choice") != "none" else Reply("Enough of that.")

    provider.decide = decide
    async with room(with_provider(settings, provider.address)) as person:
        await give(person.log, "dice")
        await person.preset("plain/model")
        for refusals in (1, 0):
            provider.journal.clear()
            [turn] = await person.say("A plain one", ADA)
            end = await person.end(turn)
            assert isinstance(end, TurnCompleted)
            assert end.text == "Without any tool."
            assert sum("tools" in asked.body for asked in provider.journal) == refusals
            started = (await proved(person.log, turn))[-1]
            assert "tools: plain/model knows no tools (learned)" in started.left_out
            await runner.wait_for(person.log.pool, [model.name for model in ALL], await person.log.head(), seconds=60)
        offer = Offered(id="listed/model", context_tokens=8000, tools=False)
        await person.tell(CatalogueFetched(provider="elsewhere", sha256="0" * 64, models=(offer,)), "catalogue:elsewhere")
        await person.preset("listed/model")
        await runner.wait_for(person.log.pool, [model.name for model in ALL], await person.log.head(), seconds=60)
        provider.journal.clear()
        [turn] = await person.say("One that is said to know none", ADA)
        await person.end(turn)
        assert ["tools" in asked.body for asked in provider.journal] == [False], "nothing was tried"
        assert "tools: listed/model knows no tools (catalogue)" in (await proved(person.log, turn))[-1].left_out
        await person.preset("eager/model")
        await runner.wait_for(person.log.pool, [model.name for model in ALL], await person.log.head(), seconds=60)
        provider.journal.clear()
        [turn] = await person.say("An eager one", ADA)
        end = await person.end(turn)
        assert isinstance(end, TurnCompleted)
        assert (end.text, len(provider.journal)) == ("Enough of that.", 6)
        assert [one.step for one in await proved(person.log, turn)] == [1, 2, 3, 4, 5, 6]


async def test_a_worker_killed_at_every_step_leaves_one_end_and_nothing_done_twice(
    settings: Settings, provider: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each passage of each failpoint of the loop is died at once, in turn; another worker goes on behind what was stored."""
    add = ("notes", {"action": "add", "text": "The key is under the mat"})
    provider.decide = script((add, ("dice", {"dice": "2d20"})), (("notes", {"action": "strike", "number": 1}), ("dice", {"dice": "d6"})))
    passed: list[str] = []
    dies_at = 0

    def passing(name: str) -> None:
        passed.append(name)
        if len(passed) == dies_at:
            raise Killed(name)

    monkeypatch.setattr(steps, "failpoint", passing)
    settings = with_provider(settings, provider.address)
    async with reading(settings) as log:
        await give(log, "notes", "dice")
        for dies_at in count(1):
            person = Person(log, channel=5000 + dies_at)
            [turn] = await person.say("Go on", ADA)
            await runner.wait_for(log.pool, [model.name for model in ALL], await log.head(), seconds=60)
            async with log.pool.connection() as connection:
                found = await turns.get(connection, turn)
            assert found is not None
            passed.clear()
            killed, calls = "", len(provider.journal)
            for life in (1, 2):
                async with worker(settings) as work:
                    try:
                        await generate(work, found, asyncio.Event())
                        break
                    except Killed as death:
                        killed = str(death)
                        assert life == 1
            await _whole(log, person, turn, again=len(provider.journal) - calls - 3, killed=killed)
            if not killed:
                break
        assert dies_at > 14, "every step was died at"


async def _whole(log: Log, person: Person, turn: UUID, *, again: int, killed: str) -> None:
    """One end, each tool used once, its effects once, and no call too many but where the answer was not stored yet."""
    events = [one.event for one in await log.stream(f"turn:{turn}")]
    ends = [event for event in events if isinstance(event, TurnCompleted)]
    assert len(ends) == 1, killed
    answered = [(event.step, event.index, event.tool, event.text) for event in events if isinstance(event, ToolAnswered)]
    assert [(step, index) for step, index, *_ in answered] == [(1, 0), (1, 1), (2, 0), (2, 1)], killed
    written = [one.event for one in await log.stream(notebook(ADA, person.channel, person.user))]
    assert [(event.text, event.struck) for event in written if isinstance(event, NotebookWritten)] == [
        ("The key is under the mat", None),
        ("", 1),
    ], killed
    assert again == (killed == "tools.before_called"), killed
    assert len(ends[0].calls) == 3, killed
    assert answered[3][3] in ends[0].text, killed
    await proved(log, turn)
