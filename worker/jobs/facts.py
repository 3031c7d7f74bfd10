"""Facts in a model's answer: those that name a person's line as their source, and what each takes the place of (D11).

A fact may name a slot: what can have one value at a time, such as where somebody lives. A newer fact of the same person and slot takes the
older one's place, for as long as it holds: a line may say until when. What the person themselves corrected or locked is never replaced,
and stands against any other value of its slot.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from engine.decide.remembering.slot_names import slot_name
from engine.events.memory import MemoryNoted
from engine.resources.typed import tidy
from projections.models.memories import generations, noted
from worker.jobs.reading import LONGEST, Line
from worker.work import Work

MOST_FACTS = 12
MOST_ENTITIES, LONGEST_ENTITY = 8, 60
MOST_HELD = 1000
"""Facts of the people of a group that are looked at for those that a new one takes the place of."""
SHAPE = (
    '"facts": [{"line": 3, "fact": "one sentence about the person who said line 3, with their name", "about": ["whom and what it names"],'
    ' "slot": "home", "until": "", "weight": 0.5}]'
)
RULES = (
    "A fact is lasting (likes, plans, people, dates, decisions), was said by that person about themselves, and is in the language of the"
    " line. No fact about anybody else, none that only a character said. None is fine. In place of 'tomorrow' and the like stands the date."
    " weight: from 0 for a trifle to 1 for what must never be forgotten. slot: for what can have only one value at a time its name in one"
    ' to three English words, such as "home", "job", "age", "name", "birthday", "partner", "school", "pet\'s name"; "" for what can be true'
    ' beside others of its kind, such as likes. until: the last day on which it is true, such as "2026-05-04", where the line says so'
    ' ("until Friday"); else "".'
)


@dataclass(frozen=True, slots=True)
class HeldFact:
    """A fact that is noted already, with its slot.

    `by_hand`: its person corrected or locked it. `until_ms`: it holds until then, for good without.
    """

    memory: UUID
    person: int
    slot: str
    at_ms: int
    by_hand: bool = False
    until_ms: int | None = None


def facts_of(
    answer: Mapping[str, Any], lines: Sequence[Line], about: Mapping[str, Any], memory: Callable[[int], UUID]
) -> list[MemoryNoted]:
    """The facts that name a line of a person; `memory` gives the id of the first, the second, ..."""
    found = list[MemoryNoted]()
    facts = answer.get("facts")
    for fact in facts if isinstance(facts, list) else []:
        line, text = (fact.get("line"), fact.get("fact")) if isinstance(fact, dict) else (None, None)
        if not isinstance(line, int) or isinstance(line, bool) or not 0 <= line < len(lines) or not isinstance(text, str) or not tidy(text):
            continue
        one = lines[line]
        if not one.human or len(found) >= MOST_FACTS:
            continue
        values = dict(about) | {"memory_id": memory(len(found) + 1), "user_id": one.spoken.author_id, "origin": "fact"}
        values |= {"text": tidy(text)[:LONGEST], "sources": (one.source,), "at_ms": one.at_ms, "speaker": one.content.speaker[:100]}
        values |= {"entities": _entities(fact.get("about")), "salience": _weight(fact.get("weight"))}
        values |= _holds(fact, one)
        found.append(MemoryNoted.model_validate(values))
    return found


def _entities(named: object) -> tuple[str, ...]:
    texts = [tidy(one)[:LONGEST_ENTITY] for one in named if isinstance(one, str)] if isinstance(named, list) else []
    return tuple(dict.fromkeys(text for text in texts if text))[:MOST_ENTITIES]


def _holds(fact: Mapping[str, Any], line: Line) -> dict[str, Any]:
    """Its slot, and until when it holds. What was over when it was said says nothing of what is, so it has no slot."""
    named, until = fact.get("slot"), _until(fact.get("until"))
    if until is not None and until <= line.at_ms:
        return {}
    return {"slot": slot_name(tidy(named), line.content.speaker) if isinstance(named, str) else "", "until_ms": until}


def _until(said: object) -> int | None:
    """The end of the day that is named, in Unix milliseconds; None where none is."""
    try:
        day = date.fromisoformat(said.strip()[:10]) if isinstance(said, str) else None
        end = None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return None if end is None else max(_ms(end), 0)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _weight(said: object) -> float:
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said <= 1 else 0.5


def settled(found: Sequence[MemoryNoted], held: Sequence[HeldFact]) -> list[MemoryNoted]:
    """The facts that may be noted, each with those it takes the place of.

    Left out is one whose slot has what its person's own hand is on, or what they said later, unless that holds for a time only. Two
    facts of one message stand side by side. One takes the place of all that are older, also of those that another has replaced already:
    that other may be taken back, or end.
    """
    kept, known = list[MemoryNoted](), list(held)
    for note in sorted(found, key=lambda note: note.at_ms):
        same = [one for one in known if note.slot and (one.person, one.slot) == (note.user_id, note.slot)]
        if any(one.by_hand or (one.at_ms > note.at_ms and one.until_ms is None) for one in same):
            continue
        replaced = [one.memory for one in same if one.at_ms < note.at_ms][-50:]
        kept.append(note.model_copy(update={"supersedes": tuple(replaced)}))
        known.append(HeldFact(note.memory_id, note.user_id, note.slot, note.at_ms, until_ms=note.until_ms))
    return kept


def as_held(notes: Sequence[MemoryNoted]) -> list[HeldFact]:
    """Facts that were just noted, for those that come after them."""
    return [HeldFact(note.memory_id, note.user_id, note.slot, note.at_ms, until_ms=note.until_ms) for note in notes if note.slot]


async def held(work: Work, people: Sequence[int], generation: str) -> list[HeldFact]:
    """The facts of these people that hold and have a slot, for a generation."""
    async with work.log.pool.connection() as connection:
        found = {one.memory: one for one in await noted.standing(connection, people, generation, MOST_HELD)}
    events = [one.event for one in await work.log.at(sorted(one.position for one in found.values()))]
    known = [(found[event.memory_id], event) for event in events if isinstance(event, MemoryNoted) and event.slot]
    return [
        HeldFact(one.memory, one.person, slot_name(event.slot, event.speaker), _ms(one.at), one.by_hand, event.until_ms)
        for one, event in known
    ]


async def within_the_day(work: Work, facts: Sequence[MemoryNoted]) -> list[MemoryNoted]:
    """Leave out facts of people of whom enough is noted of that day."""
    kept, room = list[MemoryNoted](), dict[int, int]()
    for note in facts:
        if note.user_id not in room:
            async with work.log.pool.connection() as connection:
                known = await generations.noted_on(connection, note.user_id, note.at_ms / 1000, note.generation)
            room[note.user_id] = work.settings.memory_facts_a_day - known
        room[note.user_id] -= 1
        if room[note.user_id] >= 0:
            kept.append(note)
    return kept
