"""A turn's events in the order in which a person wants to read them: chapters of facts and tables. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from engine.decide import reply
from engine.events.base import Event
from engine.events.craft.made import ReplyFileDropped, ReplyFileMade, ReplyFileShown
from engine.events.craft.tool import ToolAnswered, ToolBegun, ToolsCalled
from engine.events.message import MessageDeclined, MessageDrafted, MessageReceived
from engine.events.reaction import ReactionAdded, ReactionRemoved
from engine.events.reply import (
    ChunkDelivered,
    DeliveryFailed,
    DeliveryIntended,
    ReplyDelivered,
    ReplyEdited,
    ReplyRated,
    ReplyRegenerated,
    ReplyReported,
)
from engine.events.turn import GenerationStarted, TurnCancelled, TurnCompleted, TurnDeclined, TurnFailed, TurnRequested
from engine.store import Recorded
from projections.inspecting.spans import Stretch, in_all, stretches

Names = Mapping[UUID, str]
Calls = Callable[[int], str]
"""What a person or a place is called, by id."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One thing that happened: facts by name, a table with its head, and texts by what they are."""

    name: str
    title: str
    at: datetime | None = None
    position: int | None = None
    facts: tuple[tuple[str, str], ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """An event in the graph of what led to what: `depth` steps from where it began."""

    depth: int
    position: int
    type: str
    id: UUID
    of: UUID | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """One turn. `waited_ms` passed before a worker took it up, `total_ms` from the message to what is shown."""

    turn: UUID
    chapters: tuple[Chapter, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    waited_ms: float = 0.0
    total_ms: float = 0.0
    links: tuple[Link, ...] = ()
    erased: bool = False
    versions: tuple[UUID, ...] = field(default=())


def inspect(
    turn: UUID, events: Sequence[Recorded[Event]], names: Names, *, called: Calls = str, place: Calls = str, now: datetime | None = None
) -> Inspection:
    """Make a turn's record of all events about it, in the order of the log: its own, its message's, its reply's.

    Nothing else is looked at, so that it is the same tomorrow. `names` are those of characters and presets;
    `called` and `place` say what a person and a channel are called.
    """
    own = [one for one in events if getattr(one.event, "turn_id", turn) == turn]
    parts = stretches(own, now)
    state = reply.fold(one.event for one in events)
    return Inspection(
        turn,
        tuple(chapter for one in own for chapter in _chapters(one, turn, names, called, place)) + tuple(_versions(events, state, turn)),
        parts,
        sum(part.ms for part in parts if part.name == "queue"),
        in_all(parts),
        links(events),
        any(one.erased for one in own),
        state.versions,
    )


def links(events: Sequence[Recorded[Event]]) -> tuple[Link, ...]:
    """The events as a forest by what caused them, each below its cause; one whose cause is not among them is a root."""
    known = {one.id for one in events}
    below: dict[UUID | None, list[Recorded[Event]]] = {}
    for one in events:
        cause = one.row.causation if one.row.causation in known and one.row.causation != one.id else None
        below.setdefault(cause, []).append(one)
    found: list[Link] = []
    waiting = [(0, one) for one in reversed(below.get(None, []))]
    while waiting:
        depth, one = waiting.pop()
        found.append(Link(depth, one.position, one.row.type, one.id, one.row.causation))
        waiting += [(depth + 1, child) for child in reversed(below.get(one.id, []))]
    return tuple(found)


def _chapters(one: Recorded[Event], turn: UUID, names: Names, called: Calls, place: Calls) -> Iterator[Chapter]:
    at, position = one.row.occurred_at, one.position
    match one.event:
        case MessageReceived() as event:
            facts = (("Said by", event.author_name), ("Where", f"{event.venue}, channel {place(event.channel_id)}"))
            yield Chapter("message", "Message", at, position, facts, texts=(("text", event.text),))
        case MessageDeclined() as event:
            rows = tuple((reason.gate, _name(names, reason.character_id)) for reason in event.declined)
            yield Chapter("gate", "Not answered", at, position, head=("reason", "by"), rows=rows)
        case MessageDrafted() as event:
            drawn = tuple((_name(names, d.character_id), d.why, "" if d.roll is None else f"{d.roll:.3f}") for d in event.drawn)
            yield Chapter("draft", "Who speaks", at, position, (("Strategy", event.strategy),), ("character", "why", "roll"), drawn)
        case ReplyRegenerated() as event:
            facts = (("By", called(event.by_user_id)), ("Wish", event.wish or "none"))
            yield Chapter("asked", "Another version asked for", at, position, facts)
        case TurnRequested() as event:
            which = (("Answer", f"{event.slot + 1} to this message"), ("Version asked for", str(event.epoch + 1)))
            yield Chapter("requested", "Turn requested", at, position, (("Trigger", event.trigger), ("Why", event.reason), *which))
        case GenerationStarted() as event:
            yield _attempt(event, at, position, names)
        case ToolsCalled() | ToolBegun() | ToolAnswered() as event:
            yield _tool(event, at, position)
        case TurnCompleted() | TurnFailed() | TurnCancelled() | TurnDeclined() as event:
            yield from _end(event, at, position)
        case ReplyDelivered() | ChunkDelivered() | DeliveryIntended() | DeliveryFailed() as event:
            yield Chapter("delivery", _DELIVERY[type(event)], at, position, tuple(_delivery(event)))
        case _:
            yield from _acts(one, turn, called)


def _acts(one: Recorded[Event], turn: UUID, called: Calls) -> Iterator[Chapter]:
    """What people did with the reply, and what was made for it."""
    at, position = one.row.occurred_at, one.position
    match one.event:
        case ReplyRated() as event if event.version == turn:
            yield Chapter("opinion", "Rated", at, position, (("By", called(event.by_user_id)), ("Rating", event.rating or "taken back")))
        case ReplyReported() as event if event.version == turn:
            yield Chapter("opinion", "Reported", at, position, (("By", called(event.by_user_id)),), texts=(("says", event.text),))
        case ReactionAdded() | ReactionRemoved() as event:
            title = "Reaction" if isinstance(event, ReactionAdded) else "Reaction taken back"
            yield Chapter("opinion", title, at, position, (("By", called(event.user_id)), ("Emoji", event.emoji)))
        case ReplyFileMade() | ReplyFileShown() | ReplyFileDropped() as event:
            yield Chapter("file", _FILE[type(event)], at, position, tuple(_file(event)))
        case _:
            return


_TIERS = {
    "baseline": "nobody: it comes with the program",
    "admin": "the bot's owners",
    "character": "the character",
    "server": "the server",
    "channel": "the channel",
    "user": "the person",
    "user+character": "the person for this character",
}
"""Who chose a preset, by tier."""


def chosen_by(event: GenerationStarted) -> str:
    """Say who chose the preset of an attempt: the tier that won. Pure."""
    return _TIERS.get(event.preset_tier or "", event.preset_tier or "not recorded")


def _attempt(event: GenerationStarted, at: datetime, position: int, names: Names) -> Chapter:
    preset = _name(names, event.preset_id) if event.preset_id else "none"
    facts = [
        ("Model", f"{event.model} by {event.provider}"),
        ("Preset", preset),
        ("Parameters", _parameters(event)),
        ("Set by", f"the preset {preset}" if event.preset_id else "nobody: they are built in"),
        ("Chosen by", chosen_by(event)),
        ("Prompt", f"{event.prompt_tokens:,} tokens, version {event.prompt_version}, of the log up to event {event.as_of}"),
        ("SHA-256", event.prompt_sha256),
    ]
    facts += [("Left out", ", ".join(event.left_out))] if event.left_out else []
    facts += [("Instead of", event.fallback_from)] if event.fallback_from else []
    facts += [("Rolls", ", ".join(f"{roll.what} {roll.value:g}" for s in event.sections for roll in s.rolls))] if _rolls(event) else []
    rows = [(section.name, f"{section.tokens:,}", str(len(section.refs)), str(len(section.dropped) or "")) for section in event.sections]
    texts = [(f"not in {section.name}", "\n".join(map(_dropped, section.dropped))) for section in event.sections if section.dropped]
    texts += [(f"in {s.name}", "\n".join(s.refs)) for s in event.sections if s.refs and s.name not in _LONG]
    step = f", step {event.step}" if event.step > 1 else ""
    title = f"Attempt {event.attempt}{step}" + ("" if event.why == "first" else f", {event.why}")
    return Chapter("attempt", title, at, position, tuple(facts), ("section", "tokens", "entries", "left out"), tuple(rows), tuple(texts))


_LONG = frozenset({"history"})
"""Sections whose entries stand in the log one by one and are shown by the exact prompt."""


def _tool(event: ToolsCalled | ToolBegun | ToolAnswered, at: datetime, position: int) -> Chapter:
    if isinstance(event, ToolAnswered):
        facts = (("Result", "done" if event.done else "refused"), ("Took", f"{event.ms:.0f} ms"))
        told = event.text or "\n".join(f"memory {ref}" for ref in event.refs)
        return Chapter("tool", f"Step {event.step}, {event.tool} used", at, position, facts, texts=(("told", told),))
    if isinstance(event, ToolBegun):
        once = ("Why", "it may change something elsewhere, so it is tried once")
        return Chapter("tool", f"Step {event.step}, {event.tool} begun", at, position, (once,))
    cost = "unknown" if event.cost.usage.cost is None else f"${event.cost.usage.cost:.5f}"
    rows = tuple((one.name, one.arguments) for one in event.asked)
    said = (("said beside it", event.text),) if event.text else ()
    facts = (("Model", event.model), ("Cost", cost))
    return Chapter("tool", f"Step {event.step}, tools asked for", at, position, facts, ("tool", "with"), rows, said)


def _parameters(event: GenerationStarted) -> str:
    """What was set for the model; tools by their names."""
    return ", ".join(f"{name} {value}" for name, value in shown(event.parameters).items()) or "the provider's own"


def shown(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as people are shown them: tools by their names, not with all that models are told of them. Pure."""
    offered = parameters.get("tools")
    if not isinstance(offered, list):
        return dict(parameters)
    names = [str(tool.get("function", {}).get("name", "")) for tool in offered if isinstance(tool, dict)]
    return {**parameters, "tools": ", ".join(names)}


def _rolls(event: GenerationStarted) -> bool:
    return any(section.rolls for section in event.sections)


def _dropped(part: Any) -> str:
    return f"{part.what}: {part.why}{f', {part.tokens} tokens' if part.tokens else ''}"


def _end(event: TurnCompleted | TurnFailed | TurnCancelled | TurnDeclined, at: datetime, position: int) -> Iterator[Chapter]:
    if isinstance(event, TurnCancelled):
        yield Chapter("end", f"Stopped: {event.why}", at, position)
        return
    if event.calls:
        head = ("why", "model", "paid by", "result", "ms", "read", "written", "cost")
        yield Chapter("calls", "Calls", at, position, head=head, rows=tuple(_call(call) for call in event.calls))
    if isinstance(event, TurnDeclined):
        yield Chapter("end", "It chose to say nothing", at, position, (("Model", f"{event.model} by {event.provider}"),))
        return
    if isinstance(event, TurnFailed):
        facts = (("Category", event.category), ("Status", str(event.status or "none")), ("Reference", event.reference))
        yield Chapter(
            "end", "Failed", at, position, facts, texts=(("details", event.technical_details),) if event.technical_details else ()
        )
        return
    marks = [mark for mark in ("stopped", "cut_short", "recovered", "repeated", "guest") if getattr(event, mark)]
    answered = (("Model", f"{event.model} by {event.provider}"), ("Finished", ", ".join([event.finish_reason, *marks])))
    thought = (("thinking", event.reasoning),) if event.reasoning else ()
    yield Chapter("end", "Answer", at, position, answered, texts=(("text", event.text), *thought))
    changed = tuple(map(str, getattr(event, "changed", ()) or ()))
    if changed or event.left_out or (event.raw and event.raw != event.text):
        told = [("Changed", ", ".join(changed))] if changed else []
        told += [("Could not be delivered", ", ".join(event.left_out))] if event.left_out else []
        raw = (("as the model wrote it", event.raw),) if event.raw else ()
        yield Chapter("post", "Made ready to show", at, position, tuple(told), texts=raw)


def _call(call: Any) -> tuple[str, ...]:
    result = "answered" if call.category is None else f"{call.category}{f' ({call.status})' if call.status else ''}"
    cost = "" if call.usage.cost is None else f"${call.usage.cost:.5f}"
    counted = (str(call.usage.prompt_tokens), str(call.usage.completion_tokens), cost)
    return (call.why, call.model, call.scope, result, f"{call.ms:.0f}", *counted)


_DELIVERY: Mapping[type[Event], str] = {
    DeliveryIntended: "About to be shown",
    ChunkDelivered: "Chunk shown",
    ReplyDelivered: "Delivered",
    DeliveryFailed: "Could not be shown",
}


def _delivery(event: ReplyDelivered | ChunkDelivered | DeliveryIntended | DeliveryFailed) -> Iterator[tuple[str, str]]:
    match event:
        case DeliveryIntended():
            yield "Chunks", f"{len(event.chunks)}, {sum(chunk.length for chunk in event.chunks):,} characters"
        case ChunkDelivered():
            yield "Chunk", f"{event.index + 1} of {event.total}{', found after a crash' if event.adopted else ''}"
            yield "Message", str(event.message_id)
        case ReplyDelivered():
            yield "Messages", ", ".join(map(str, event.message_ids))
        case DeliveryFailed():
            yield "Category", event.category


_FILE: Mapping[type[Event], str] = {
    ReplyFileMade: "File made",
    ReplyFileShown: "File shown",
    ReplyFileDropped: "File not shown",
}


def _file(event: ReplyFileMade | ReplyFileShown | ReplyFileDropped) -> Iterator[tuple[str, str]]:
    match event:
        case ReplyFileMade():
            yield "What", f"{event.kind}, {event.media_type}, {event.size:,} bytes{f', {event.seconds:g} s' if event.seconds else ''}"
            yield "By", " of ".join(one for one in (event.model, event.provider) if one) or "unknown"
        case ReplyFileShown():
            yield "Message", f"{event.message_id}{', found after a crash' if event.adopted else ''}"
        case ReplyFileDropped():
            yield "Why", event.category + (f" ({event.status})" if event.status else "")


def _versions(events: Sequence[Recorded[Event]], state: reply.State, turn: UUID) -> Iterator[Chapter]:
    """The reply's versions, where there are several."""
    if len(state.made) < 2 and not state.written and not state.closed:
        return
    edited = {one.event.version for one in events if isinstance(one.event, ReplyEdited)}
    rows = []
    for number, version in enumerate(state.versions, 1):
        shown = "shown" if version == state.live and not state.closed else ""
        made = "a person" if version in edited else "a model"
        rows.append((f"{number}{', this one' if version == turn else ''}", str(version), made, shown))
    facts = (("Reply", "deleted" if state.closed else f"{len(state.versions)} versions, {len(state.written)} continuations"),)
    yield Chapter("versions", "Versions", facts=facts, head=("version", "turn", "by", "stands"), rows=tuple(rows))


def _name(names: Names, which: UUID | None) -> str:
    return "" if which is None else names.get(which, str(which)[:8])
