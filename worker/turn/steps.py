"""Think, act, observe (I6): a model may ask for tools before it answers, step by step, each recorded before the next is taken.

What a model asked for is stored with what the call did cost; what a tool gave is stored with what it changed. Whoever takes up the turn of
a worker that died goes on behind the last that was stored: no call is paid for again, and nothing is changed twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine import clock, ids
from engine.events import user_subject
from engine.events.build import sealed_for
from engine.events.craft.tool import AskedTool, ToolAnswered, ToolBegun, ToolsCalled
from engine.failpoints import failpoint
from engine.resources.craft.tools import MOST_AT_ONCE, MOST_STEPS
from engine.store import NewEvent, Stored
from projections.models.turns import Turn
from projections.prompt.assemble import Ingredients
from projections.prompt.section import Chosen
from projections.prompt.sections import tools as section
from worker import tools
from worker.tools import ToolOutcome, ToolUse
from worker.tools.kit import NO_TOOLS, Kit
from worker.turn import turn_events
from worker.turn.answer import Answer, Brief, Ledger, answer
from worker.work import Work

UNKNOWN = "It was begun when all stopped: whether it was done is not known, so it was not tried again."
"""What a model is told of a use whose answer was lost, of a tool that may change something elsewhere."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The steps a turn took: their references, and the number of the step that comes now."""

    refs: tuple[str, ...] = ()
    step: int = 1

    @property
    def last(self) -> bool:
        """Whether no more tools may be used."""
        return self.step > MOST_STEPS

    async def within(self, work: Work, ingredients: Ingredients, as_of: int) -> Ingredients:
        """The ingredients of the next prompt."""
        if not self.refs:
            return ingredients
        chosen = Chosen(self.refs)
        data = await section.load(work.log, chosen, as_of)
        return replace(ingredients, chosen={**ingredients.chosen, section.NAME: chosen}, data={**ingredients.data, section.NAME: data})


@dataclass(frozen=True, slots=True)
class ToolLoop:
    """The steps of one turn. `brief` makes what the next answer is made from."""

    work: Work
    turn: Turn
    ledger: Ledger
    kit: Kit
    brief: Callable[[Taken, Ingredients], Brief]
    ingredients: Ingredients
    as_of: int

    async def answered(self, past: Sequence[Stored]) -> Answer:
        """The answer, after as many steps as the model wants and may have. Raises what `answer` does."""
        deadline = clock.monotonic() + self.work.seconds
        taken = await self._resumed(past) if past else Taken()
        while True:
            brief = self.brief(taken, await taken.within(self.work, self.ingredients, self.as_of))
            seconds = max(min(brief.seconds, deadline - clock.monotonic()), 1.0)
            given = await answer(self.work, replace(brief, seconds=seconds) if taken.refs else brief, self.ledger)
            if not given.completion.calls:
                return given
            taken = await self._acted(taken, given)

    async def _acted(self, taken: Taken, given: Answer) -> Taken:
        """Record what was asked for, then do it."""
        failpoint("tools.before_called")
        asked = tuple(map(section.normal, given.completion.calls))
        event = ToolsCalled(
            turn_id=self.turn.turn,
            user_id=self.turn.user_id,
            character_id=self.turn.character,
            attempt=given.attempt.number,
            step=taken.step,
            model=given.completion.model or given.attempt.candidate.model.id,
            tools=tuple(one.name for one in asked),
            cost=self.ledger.calls[-1],
            asked=asked,
            text=given.reading.text,
        )
        started = ids.derived("generation", self.turn.turn, given.attempt.number)
        row = turn_events.new(self.turn, event, ids.derived("tools-called", self.turn.turn, taken.step), started)
        appended = await self.work.log.append(row, *self.ledger.settled)
        self.ledger.settled.clear()
        failpoint("tools.called")
        return await self._done(taken, appended.positions[0], asked, {})

    async def _done(self, taken: Taken, position: int, asked: Sequence[AskedTool], known: dict[int, int]) -> Taken:
        """Use what was not used yet; `known` are the positions of results there are."""
        refs = [f"t:{position}"]
        for index, one in enumerate(asked):
            at = known.get(index) or await self._used(taken.step, index, one)
            refs.append(f"t:{at}")
        return Taken((*taken.refs, *refs), taken.step + 1)

    async def _used(self, step: int, index: int, asked: AskedTool) -> int:
        failpoint("tools.before_use")
        kit = self.kit if index < MOST_AT_ONCE else NO_TOOLS
        if await self._begins(step, index, asked, kit):
            outcome = await tools.use(asked, ToolUse(self.work, self.turn, step, index), kit)
        else:
            outcome = ToolOutcome(UNKNOWN, done=False)
        event = ToolAnswered(
            turn_id=self.turn.turn,
            user_id=self.turn.user_id,
            character_id=self.turn.character,
            step=step,
            index=index,
            tool=asked.name,
            done=outcome.done,
            ms=outcome.ms,
            refs=outcome.refs,
            text=outcome.text,
        )
        called = ids.derived("tools-called", self.turn.turn, step)
        row = turn_events.new(self.turn, event, ids.derived("tool-answered", self.turn.turn, step, index), called)
        failpoint("tools.before_answered")
        position = (await self.work.log.append(row, *map(self._sealed, outcome.effects))).positions[0]
        failpoint("tools.answered")
        return position

    async def _begins(self, step: int, index: int, asked: AskedTool, kit: Kit) -> bool:
        """Record that something elsewhere may change now; False when that was begun before and nobody knows how it ended."""
        other = kit.remote.get(asked.name)
        if other is None or not other.acts:
            return True
        event = ToolBegun(
            turn_id=self.turn.turn, user_id=self.turn.user_id, character_id=self.turn.character, step=step, index=index, tool=asked.name
        )
        called = ids.derived("tools-called", self.turn.turn, step)
        row = turn_events.new(self.turn, event, ids.derived("tool-begun", self.turn.turn, step, index), called)
        begun = await self.work.log.append(row)
        failpoint("tools.begun")
        return not begun.repeated

    def _sealed(self, effect: NewEvent) -> NewEvent:
        """Sealed like all else of the turn: it goes with whoever asked."""
        return sealed_for(effect, self.turn.subject or user_subject(self.turn.user_id))

    async def _resumed(self, past: Sequence[Stored]) -> Taken:
        """Go on behind what a worker that died had stored."""
        events = [(recorded.position, recorded.event) for recorded in await self.work.log.open(past)]
        taken = Taken()
        for position, event in events:
            if isinstance(event, ToolsCalled):
                self.ledger.before.append(event.cost)
                known = {e.index: at for at, e in events if isinstance(e, ToolAnswered) and e.step == event.step}
                taken = await self._done(taken, position, event.asked, known)
        return taken
