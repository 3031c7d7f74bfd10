"""What a reference to a memory stands for: something said, or a note, from the log alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from engine.events.memory import MemoryCorrected, MemoryNoted
from engine.store import Log
from projections.models.history import Entry
from projections.prompt.sections import said
from projections.prompt.sections.history import entry_of

_REF = re.compile(r"(n:)?(\d+)(?:~(\d+))?(?:=(\d+)-(\d+))?")


@dataclass(frozen=True, slots=True)
class Content:
    """What a reference stands for. `speaker` is a person's name, `character` who replied, `subject` whose key seals the text."""

    ref: str
    position: int
    text: str
    at: datetime
    kind: str
    speaker: str
    channel: int | None
    subject: str = ""
    character: UUID | None = None
    erased: bool = False


def base(ref: str) -> str:
    """The reference without its passage."""
    return ref.partition("=")[0]


def position(ref: str) -> int:
    """The log position a reference is about."""
    return _parsed(ref)[1]


def _parsed(ref: str) -> tuple[bool, int, int | None, int, int | None]:
    found = _REF.fullmatch(ref)
    if found is None:
        raise LookupError(f"{ref} is no reference to a memory")
    edit, start, end = (int(number) if number else None for number in found.groups()[2:])
    return bool(found[1]), int(found[2]), edit, start or 0, end


async def contents(log: Log, refs: Sequence[str]) -> list[Content]:
    """What references stand for, from the log alone. LookupError when something is not there."""
    parsed = [(ref, *_parsed(ref)) for ref in refs]
    wanted = {number for _, _, place, edit, _, _ in parsed for number in (place, edit) if number is not None}
    rows = {recorded.position: recorded for recorded in await log.at(sorted(wanted))}
    found = []
    for ref, noted, place, edit, start, end in parsed:
        if noted:
            recorded = rows.get(place)
            event = recorded.event if recorded is not None else None
            if recorded is None or not isinstance(event, MemoryNoted | MemoryCorrected):
                raise LookupError(f"position {place} of the log is no memory")
            one = _noted(ref, place, event, recorded.row.occurred_at)
        else:
            one = _said(ref, entry_of(rows, place, edit))
        row = rows[place]
        text = one.text if end is None else one.text[start:end]
        found.append(replace(one, text=text, subject=row.row.subject or "", erased=one.erased or row.erased))
    return found


def _said(ref: str, entry: Entry) -> Content:
    files = [file.text for file in said.files(entry) if file.text]
    text = "\n".join(part for part in (entry.text, *(forward.text for forward in entry.forwards), *files) if part)
    return Content(
        ref=ref,
        position=entry.position,
        text=text,
        at=entry.sent_at,
        kind="reply" if entry.kind == "reply" else "said",
        speaker=entry.author_name,
        channel=entry.channel,
        character=entry.character,
        erased=entry.erased,
    )


def _noted(ref: str, place: int, event: MemoryNoted | MemoryCorrected, occurred: datetime) -> Content:
    if isinstance(event, MemoryCorrected):
        return Content(ref, place, event.text, occurred, "note", "", None)
    at = datetime.fromtimestamp(event.at_ms / 1000, occurred.tzinfo) if event.at_ms else occurred
    kind = {"fact": "fact", "summary": "summary", "dream": "reflection", "relationship": "relationship"}.get(event.origin, "note")
    return Content(ref, place, event.text, at, kind, event.speaker, event.channel_id, character=event.by_character)
