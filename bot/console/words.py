"""How things are said on the pages: event types, tags, times and numbers. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from engine.events import all_types
from engine.events.turn import DroppedPart
from engine.fault import KINDS, Category

_SAID = {
    "message.received": "Message received",
    "message.edited": "Message edited",
    "message.deleted": "Message deleted",
    "turn.requested": "Turn requested",
    "turn.generation_started": "Generation started",
    "turn.tools_called": "Tools asked for",
    "turn.tool_begun": "Tool begun",
    "turn.tool_answered": "Tool used",
    "notebook.written": "Note of its own written",
    "turn.completed": "Turn completed",
    "turn.failed": "Turn failed",
    "turn.cancelled": "Turn cancelled",
    "turn.declined": "Silence chosen",
    "reply.intended": "Delivery intended",
    "reply.chunk_delivered": "Chunk delivered",
    "reply.delivered": "Reply delivered",
    "reply.failed": "Delivery failed",
    "reply.regenerated": "Another version asked for",
    "reply.continued": "Continuation asked for",
    "message.voice_transcribed": "Voice message written down",
    "reply.file_made": "File made for a reply",
    "reply.file_shown": "File shown",
    "reply.file_dropped": "File not shown",
    "reply.edited": "Reply edited",
    "reply.version_chosen": "Version chosen",
    "reply.deleted": "Reply deleted",
    "reply.rated": "Reply rated",
    "reply.reported": "Reply reported",
    "experiment.run": "Experiment run",
    "reaction.added": "Reaction added",
    "reaction.removed": "Reaction taken back",
    "reaction.cleared": "Reactions cleared",
    "reaction.mapped": "Reactions mapped",
}
_SHAPES = {"message": "circle", "turn": "triangle", "reply": "half", "character": "square", "preset": "diamond", "channel": "hexagon"}
_TRIGGERS = {
    "reply": "a reply to one of its messages",
    "activation": "it is active in this channel",
    "dm": "a private conversation goes on",
    "name": "it was called by name",
    "mention": "the bot was mentioned",
    "command": "a command",
    "reaction": "a reaction",
    "playground": "chosen in the playground",
    "initiative": "it spoke first",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """An event type as a person reads it: family by name and shape, what happened, and how it went (good, bad or plain)."""

    type: str
    family: str
    shape: str
    label: str
    mood: str


def kind(type_: str) -> Kind:
    """The words for an event type, known or not."""
    family, _, rest = type_.partition(".")
    label = _SAID.get(type_) or f"{family} {rest}".replace("_", " ").capitalize()
    return Kind(type_, family, _SHAPES.get(family, "ring"), label, _mood(rest))


def _mood(rest: str) -> str:
    if rest in {"failed", "dead_lettered", "user_erased"}:
        return "bad"
    return "good" if rest in {"completed", "delivered"} else "calm"


def kinds() -> dict[str, list[Kind]]:
    """Every event type there is, by family."""
    found: dict[str, list[Kind]] = {}
    for name, _ in all_types():
        found.setdefault(name.partition(".")[0], []).append(kind(name))
    return found


def types_of(choice: str) -> frozenset[str]:
    """The event types of a filter's choice: one type's name, or a family's. Empty for anything else."""
    names = [name for name, _ in all_types()]
    return frozenset(name for name in names if choice and (name == choice or name.partition(".")[0] == choice))


def trigger(name: str) -> str:
    """Why a character answers, in words."""
    return _TRIGGERS.get(name, name)


def category(name: str | None) -> str:
    """An error category as a heading: `rate_limit` -> `Too many requests`."""
    try:
        return KINDS[Category(name or "unknown")].title
    except ValueError:
        return (name or "unknown").replace("_", " ").capitalize()


def duration(milliseconds: float | None) -> str:
    """420 -> `420 ms`, 2300 -> `2.3 s`, 185000 -> `3 min 5 s`; a dash when unknown."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


def count(number: float) -> str:
    """950 -> `950`, 12400 -> `12.4 k`, 3000000 -> `3 M`."""
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if number >= limit:
            return f"{number / (1e3 if unit == ' k' else limit):.1f}".removesuffix(".0") + unit
    return f"{number:,.1f}".removesuffix(".0")


def money(dollars: float | None) -> str:
    """US dollars: 12.5 -> `$12.50`, 0.5 -> `$0.50`, 0.0014 -> `$0.0014`, 0 -> `$0`; a dash when unknown."""
    if dollars is None:
        return "–"
    if dollars == 0:
        return "$0"
    if dollars >= 1:
        return f"${dollars:,.2f}"
    return (
        f"${dollars:.4f}".removesuffix("00")
        if dollars >= 0.0001
        else f"${dollars:.7f}".rstrip("0")
        if dollars >= 1e-7
        else "under $0.0000001"
    )


def span(seconds: float) -> str:
    """A long time in its two largest units: 93784 -> `1 d 2 h`."""
    left, parts = int(max(seconds, 0)), []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def ago(moment: datetime, now: datetime) -> str:
    """`just now`, `5 min ago`, `3 h ago`, then the date."""
    passed = now - moment
    if passed < timedelta(minutes=1):
        return "just now"
    if passed < timedelta(hours=1):
        return f"{passed.seconds // 60} min ago"
    if passed < timedelta(days=1):
        return f"{passed.seconds // 3600} h ago"
    return f"{moment:%d %b %Y}"


def short(value: object) -> str:
    """Enough of an id to tell it from its neighbours: the end of a number, the start of a UUID."""
    text = str(value)
    return text[:8] if isinstance(value, UUID) else (f"…{text[-6:]}" if len(text) > 9 else text)


def size(count: float) -> str:
    """Bytes: 1536 -> `1.5 kB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return ""


_WHY = {
    "limit": "further back than this conversation's window of messages",
    "room": "no room in the model's context window",
    "thin": "left out on a third try, to lead away from a repetition",
    "length": "the rest of a very long text",
    "window": "outside the window",
    "link": "a model reads what a file is and says, not where it lies",
    "many": "more than one message may show",
    "version": "prompts of that time left it out",
}
_WHAT = {
    "history": "What was said in event",
    "text": "The end of the message in event",
    "attachment": "The end of an attachment of event",
    "forward": "The end of a forwarded text of event",
    "name": "The end of the author's name of event",
    "label": "The end of a file's name of event",
    "mention": "Names mentioned in event",
    "link": "The addresses of files of event",
}


@dataclass(frozen=True, slots=True)
class Gone:
    """Something that did not go into a prompt, in words; `position` is where it stands in the log, `until` where the last of several."""

    what: str
    position: int | None
    why: str
    tokens: int
    until: int | None = None


def left_out(part: DroppedPart) -> Gone:
    """A dropped part in words. Pure."""
    kind, _, rest = part.what.partition(":")
    place = rest.rpartition(":")[2]
    position = int(place) if place.isdecimal() else None
    before = kind == "history" and rest.startswith("before:")
    what = "Everything before event" if before else _WHAT.get(kind, part.what)
    return Gone(what, position, _WHY.get(part.why, part.why), part.tokens)


def folded(gone: Iterable[Gone]) -> list[Gone]:
    """The same with neighbours that are one kind of thing, left out for one reason, made one line. Pure."""
    found: list[Gone] = []
    for each in gone:
        last = found[-1] if found else None
        run = last is not None and each.position is not None and (last.what, last.why) == (_run(last, each.what), each.why)
        if last is not None and run:
            count = int(last.what.split()[0].replace(",", "")) + 1 if last.until else 2
            found[-1] = Gone(f"{count:,} times: {each.what}s", last.position, last.why, last.tokens + each.tokens, each.position)
        else:
            found.append(each)
    return found


def _run(last: Gone, what: str) -> str:
    return f"{last.what.split()[0]} times: {what}s" if last.until else what
