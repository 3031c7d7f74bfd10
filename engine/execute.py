"""The one way by which a command changes anything: read its streams, decide, append with the versions that were read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any
from uuid import UUID

from engine import ids
from engine.actor import Actor
from engine.decide import channel, character, job, preset, reply
from engine.decide import key as provider_key
from engine.decide.command import Command, Rules
from engine.decide.craft import lorebook, note, notebook, script
from engine.decide.places import bulletin, override, persona, profile, server, serving
from engine.decide.reacting import mapping, opinion
from engine.decide.rejected import Rejected
from engine.decide.remembering import dreaming, memory
from engine.decide.speaking import chat, denial, scene
from engine.decide.spending import budget, lift, model_override, model_quirk, provider
from engine.events.base import Event
from engine.events.build import Cause, new
from engine.store import Condition, Log, NewEvent, Recorded
from engine.store.contend import in_turn, tied
from engine.store.progress import wait_for

RULES: tuple[Rules[Any, Any], ...] = (
    character.RULES,
    channel.RULES,
    preset.RULES,
    preset.DEFAULT_RULES,
    budget.BUDGET_RULES,
    budget.LIMIT_RULES,
    provider_key.RULES,
    model_override.RULES,
    model_quirk.RULES,
    job.RULES,
    reply.RULES,
    lift.RULES,
    denial.RULES,
    scene.RULES,
    chat.RULES,
    memory.RULES,
    dreaming.RULES,
    provider.RULES,
    mapping.RULES,
    opinion.RULES,
    lorebook.RULES,
    note.RULES,
    notebook.RULES,
    script.RULES,
    server.RULES,
    serving.RULES,
    profile.RULES,
    persona.RULES,
    persona.WORN_RULES,
    override.RULES,
    bulletin.PRESENCE_RULES,
    bulletin.RELEASE_RULES,
)
SEEN_S = 2.0
"""How long to wait for read models. They may be behind; the command was carried out all the same."""


@dataclass(frozen=True, slots=True)
class Executed:
    """The events of a command and their positions. `repeated`: an earlier call with the same key stored them."""

    events: tuple[Event, ...] = ()
    positions: tuple[int, ...] = ()
    repeated: bool = False


@dataclass(slots=True)
class _Situation:
    """What the streams of a command say: the state they fold into, their versions, and the ids of their events."""

    state: Any
    versions: dict[str, int] = field(default_factory=dict)
    known: set[UUID] = field(default_factory=set)


async def execute(
    log: Log, actor: Actor, command: Command, key: UUID, *, see: Sequence[str] = (), led_by: NewEvent | None = None
) -> Executed:
    """Carry out a command, once for each key: a repeat changes nothing and answers the same.

    `led_by` is what the command follows from, with `key` as its id: it is appended before its events, in the one append.
    Decides again when somebody else wrote first. With `see` it waits until those read models have it, not for ever. Raises Rejected
    with a sentence for the person, Conflict when others were faster every time, KeyDestroyed, StorageFull.
    """
    rules = rules_of(command)

    async def attempt() -> Executed:
        situation = await _situation(log, rules, command)
        if event_id(key) in situation.known:
            repeated = await _group(log, key)
            return Executed(tuple(r.event for r in repeated), tuple(r.position for r in repeated), repeated=True)
        events = rules.decide(situation.state, command, actor)
        cause = Cause(key, key if led_by is not None else None)
        news = [new(event, event_id(key, n), cause=cause) for n, event in enumerate(events)]
        written = {event.stream for event in news}
        read = tuple((name, version) for name, version in situation.versions.items() if rules.ties_what_it_reads and name not in written)
        condition = Condition(streams=read) if read and news else None
        appended = await log.append(*([led_by] if led_by is not None else []), *tied(news, situation.versions), condition=condition)
        return Executed(tuple(events), appended.positions, appended.repeated)

    done = await in_turn(log, command.queue, attempt)
    if see and done.positions:
        await wait_for(log.pool, see, done.positions[-1], seconds=SEEN_S)
    return done


async def undo(log: Log, actor: Actor, of: UUID, key: UUID, *, see: Sequence[str] = ()) -> Executed:
    """Take back the command with the key `of`, by a command made from its events. Raises Rejected where that cannot be done."""
    group = await _group(log, of)
    if not group:
        raise Rejected("There is nothing to take back.")
    rules = next((r for r in RULES if group[0].row.stream.partition(":")[0] == r.kind), None)
    if rules is None:
        raise Rejected("This cannot be taken back.")
    before = after = rules.initial
    streams = dict.fromkeys(r.row.stream for r in group)
    for recorded in [r for stream in streams for r in await log.stream(stream)]:
        before = rules.evolve(before, recorded.event) if recorded.position < group[0].position else before
        after = rules.evolve(after, recorded.event) if recorded.position <= group[-1].position else after
    return await execute(log, actor, rules.reverse(before, after, group[0].event), key, see=see)


def rules_of(command: Command) -> Rules[Any, Any]:
    """The rules a command is decided by."""
    return next(rules for rules in RULES if isinstance(command, rules.commands))


def event_id(key: UUID, number: int = 0) -> UUID:
    """The id of a command's event: the first is `number` 0."""
    return ids.derived("command", key, number)


async def _situation(log: Log, rules: Rules[Any, Any], command: Command) -> _Situation:
    found, told = _Situation(rules.initial), list[Recorded[Event]]()
    while missing := [name for name in dict.fromkeys(rules.reads(found.state, command)) if name not in found.versions]:
        for name in missing:
            recorded = await log.stream(name)
            found.versions[name] = recorded[-1].row.version if recorded else 0
            told += recorded
        # In the order of the log, not stream by stream: which of two things came last may be the whole question.
        told.sort(key=lambda one: one.position)
        found.state = reduce(rules.evolve, (one.event for one in told), rules.initial)
        found.known = {one.id for one in told}
    return found


async def _group(log: Log, key: UUID) -> list[Recorded[Event]]:
    """All events of the command with this key, in order."""
    found: list[Recorded[Event]] = []
    while (one := await log.find(event_id(key, len(found)))) is not None:
        found.append(one)
    return found
