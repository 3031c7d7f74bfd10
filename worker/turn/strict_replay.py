"""Runs the behaviours of recorded turns again on what was recorded: the prompt, and what was made of the provider's answer (F14).

Nobody is asked and nothing is stored. Strict: what is not equal byte for byte is a divergence, and is named.
"""

from contextlib import aclosing
from dataclasses import dataclass

from engine import ids
from engine.events.base import Event
from engine.events.turn import GenerationStarted, TurnCompleted
from engine.store import Log, Recorded
from projections.prompt.rebuild import Rebuilt, rebuild
from projections.prompt.sections import character, history
from projections.prompt.sections.character import Card
from projections.prompt.sections.history import Talk
from projections.rerun.difference import Difference, of_texts
from projections.rerun.forks import ComparedCall, RerunScope, calls
from worker.turn.text import frame, reading
from worker.turn.text.frame import PromptFrame


@dataclass(frozen=True, slots=True)
class Replayed:
    """`prompts` and `answers` that were made again and are equal; `diverged` is the first that is not.

    `skipped` cannot be judged: somebody's words were erased, or a newer program wrote them.
    """

    prompts: int
    answers: int
    diverged: ComparedCall | None
    skipped: tuple[ComparedCall, ...] = ()
    provider_calls: int = 0


async def replay(log: Log, scope: RerunScope) -> Replayed:
    """Go through the recorded calls of a scope in the log's order, up to the first divergence."""
    prompts = answers = 0
    skipped: list[ComparedCall] = []
    async with aclosing(calls(log, scope)) as recorded:
        async for position, started in recorded:
            turn = started.turn_id
            try:
                again = await rebuild(log, started)
            except LookupError as error:
                skipped.append(ComparedCall(position, turn, started.attempt, why=str(error)))
                continue
            if again.erased:
                skipped.append(ComparedCall(position, turn, started.attempt, why="erased"))
                continue
            if not again.equal:
                told = of_texts("prompt", started.prompt_sha256, again.prompt.sha256)
                return Replayed(prompts, answers, ComparedCall(position, turn, started.attempt, told), tuple(skipped))
            prompts += 1
            found = _answered(await log.find(ids.terminal(turn)), started)
            if found is None:
                continue
            if (differs := answer_differs(found, frame_of(again))) is not None:
                return Replayed(prompts, answers, ComparedCall(position, turn, started.attempt, differs), tuple(skipped))
            answers += 1
    return Replayed(prompts, answers, None, tuple(skipped))


def _answered(end: Recorded[Event] | None, started: GenerationStarted) -> TurnCompleted | None:
    """The answer that a call led to; none where another call of the turn did, or where it came from another program."""
    event = end.event if end is not None and not end.erased else None
    return event if isinstance(event, TurnCompleted) and event.attempt == started.attempt and event.provider != "import" else None


def answer_differs(answered: TurnCompleted, of_prompt: PromptFrame) -> Difference | None:
    """Read the recorded answer of the provider again, and compare what is made of it with what was delivered. Pure."""
    made = reading.read(answered.raw or answered.text, of_prompt)
    # An answer of before these steps were recorded names none.
    steps = of_texts("steps", _steps(answered.changed), _steps(made.changed)) if answered.changed else None
    return of_texts("answer", answered.text, made.text) or steps


def _steps(changed: tuple[str, ...]) -> str:
    """What was done to an answer; that it was too long cannot be seen in what was kept of it."""
    return ", ".join(step for step in changed if step != "length")


def frame_of(again: Rebuilt) -> PromptFrame:
    """What of the prompt a reply may imitate, as the worker has it when it asks."""
    card, talk = again.ingredients.data.get(character.NAME), again.ingredients.data.get(history.NAME)
    name = card.description.name if isinstance(card, Card) else ""
    others: set[str] = set()
    if isinstance(talk, Talk):
        others = {line.entry.author_name for line in talk.lines if line.entry.kind == "message"} | set(talk.names.values())
    return frame.of_prompt(again.prompt, name, others)
