"""Makes the recorded prompts of a turn or a conversation again with changes, and names what differs first (F14).

No provider is asked: as long as the prompts are equal byte for byte, the recorded answers are those of the fork as well.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from engine.events import Tags
from engine.events.turn import GenerationStarted
from engine.store import Log, Query
from projections import inspector
from projections.prompt import assemble
from projections.prompt.changes import AS_IT_WAS, PromptChanges
from projections.prompt.rebuild import rebuild
from projections.rerun.difference import Difference, of_sections, of_texts

STARTED = frozenset({"turn.generation_started"})
MOST = 10_000
"""Prompts of one conversation that are made again at most, the oldest first."""


@dataclass(frozen=True, slots=True)
class RerunScope:
    """Which recorded calls: those of one turn, or all of a channel up to a position of the log."""

    turn: UUID | None = None
    channel: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class ComparedCall:
    """One recorded call: where it stands in the log, and what differs in it. `why` says why it could not be made again."""

    position: int
    turn: UUID
    attempt: int
    differs: Difference | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class ForkReport:
    """`prompts` were made again, `equal` of them byte for byte as recorded; `first` is where the fork leaves the conversation.

    `skipped` could not be made again as they were: their words were erased, or they are of a newer program.
    """

    prompts: int
    equal: int
    first: ComparedCall | None
    skipped: tuple[ComparedCall, ...] = ()
    provider_calls: int = 0


async def scope_of(log: Log, text: str, until: int | None = None) -> RerunScope | None:
    """What a person means by a turn's id, an error's reference, a message's id or link, or a channel's id; None when it is nothing."""
    if found := await inspector.find(log, text):
        return RerunScope(turn=found[0].turn, until=until)
    named = text.strip().rstrip("/").rsplit("/", 1)[-1]
    if not (named.isascii() and named.isdecimal() and len(named) < 20):
        return None
    scope = RerunScope(channel=int(named), until=until)
    return scope if [position async for position, _ in calls(log, scope, limit=1)] else None


async def calls(log: Log, scope: RerunScope, *, limit: int = MOST) -> AsyncGenerator[tuple[int, GenerationStarted]]:
    """The recorded calls of a scope in the order of the log, each with its position."""
    tags = Tags(channel=scope.channel) if scope.turn is None else Tags(turn=scope.turn)
    async with aclosing(log.read(Query(types=STARTED, tags=tags, until=scope.until, limit=limit))) as found:
        async for recorded in found:
            if isinstance(recorded.event, GenerationStarted):
                yield recorded.position, recorded.event


async def compare(log: Log, scope: RerunScope, changes: PromptChanges = AS_IT_WAS) -> ForkReport:
    """Go through a scope until something differs. After that the conversation would be another, and nothing recorded holds for it."""
    made = equal = 0
    skipped: list[ComparedCall] = []
    async with aclosing(calls(log, scope)) as recorded_calls:
        async for position, started in recorded_calls:
            step = await compared(log, position, started, changes)
            made += 1
            if step.differs is not None:
                return ForkReport(made, equal, step, tuple(skipped))
            equal += not step.why
            skipped += [step] if step.why else []
    return ForkReport(made, equal, None, tuple(skipped))


async def compared(log: Log, position: int, started: GenerationStarted, changes: PromptChanges) -> ComparedCall:
    """One call beside what it would have been."""
    step = ComparedCall(position, started.turn_id, started.attempt)
    try:
        was = await rebuild(log, started)
        would = was if changes == AS_IT_WAS else await rebuild(log, started, changes=changes)
    except LookupError as error:
        return ComparedCall(position, started.turn_id, started.attempt, why=str(error))
    found = of_sections(assemble.texts(was.ingredients), assemble.texts(would.ingredients)) or _asked(started, changes)
    if found is None and would.prompt.sha256 != was.prompt.sha256:
        found = of_texts("prompt", *(str(one.prompt.as_json()) for one in (was, would)))
    if found is not None:
        return ComparedCall(position, started.turn_id, started.attempt, found)
    if not was.equal:
        return ComparedCall(position, started.turn_id, started.attempt, why="erased" if was.erased else "its bytes are not those recorded")
    return step


def _asked(started: GenerationStarted, changes: PromptChanges) -> Difference | None:
    """Whether another model or preset is asked with the same words."""
    if changes.model and changes.model != started.model:
        return of_texts("model", started.model, changes.model)
    if changes.preset is not None and changes.preset != started.preset_id:
        return of_texts("preset", str(started.preset_id or "none"), str(changes.preset))
    return None
