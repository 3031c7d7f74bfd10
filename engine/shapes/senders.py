"""Whose the memories of a backup are: who sent what they are of, and as whom each of them is taken. Pure, for every face.

A backup knows people by ids of its own. Each is the importer, one of the importer's personas, somebody who is only called by a name, or
nobody, whose memories are left out. Nobody else's account is ever given a memory by a file.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args
from uuid import UUID

from pydantic import JsonValue

from engine.outside import clean
from engine.resources.typed import Wrong
from engine.shapes.mapping import ShapesMemory, ShapesPlan

Fate = Literal["me", "persona", "named", "nobody"]
ME, NOBODY = "me", "nobody"
_FATES: tuple[Fate, ...] = get_args(Fate)
HINT = "me, nobody, the name of a persona of yours, or any other name"
LEFT_OUT = "nobody's"
"""Why a record is skipped all of whose senders are nobody."""
MOST, SHOWN = 100, 25
LONGEST_NAME = 100
_FEWEST = 4
"""Characters of a sender's id that may stand for all of it."""


@dataclass(frozen=True, slots=True)
class ShapesSender:
    """One who sent what memories are of: `key` is the id there, `memories` how many are of them."""

    key: str
    memories: int

    @property
    def words(self) -> str:
        return f"{self.key}: {self.memories:,} {'memory' if self.memories == 1 else 'memories'}"


@dataclass(frozen=True, slots=True)
class SenderChoice:
    """As whom a sender is taken. `name` is what they are called in memories, `persona` whose name it is."""

    fate: Fate = "me"
    name: str = ""
    persona: UUID | None = None


type Choices = Mapping[str, SenderChoice]


def senders(memories: Iterable[ShapesMemory]) -> tuple[ShapesSender, ...]:
    """Who sent what the memories are of, whoever sent most first; at most MOST of them."""
    found = Counter(sender for one in memories if one.part == 0 for sender in one.senders)
    return tuple(ShapesSender(key, count) for key, count in sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST])


def given(lines: Iterable[str]) -> dict[str, str]:
    """What was said of each sender in lines such as `SENDER=WHO`. Raises Wrong."""
    found = dict[str, str]()
    for line in lines:
        sender, sign, who = line.partition("=")
        if not sign or not sender.strip():
            raise Wrong(f"{clean.name(line, 60) or 'That'} is not SENDER=WHO. WHO is {HINT}.")
        found[sender.strip()] = who.strip()
    return found


def chosen(said: Mapping[str, str], known: Sequence[ShapesSender], personas: Mapping[str, UUID]) -> dict[str, SenderChoice]:
    """The choice for each sender that something was said of; an id may be cut short. `personas` are the importer's. Raises Wrong."""
    found = dict[str, SenderChoice]()
    for sender, who in said.items():
        [key] = _meant(sender, known)
        if (choice := _choice(who, personas)) != SenderChoice():
            found[key] = choice
    return found


def _meant(sender: str, known: Sequence[ShapesSender]) -> list[str]:
    keys = [one.key for one in known]
    hits = [key for key in keys if key == sender] or [key for key in keys if len(sender) >= _FEWEST and key.startswith(sender)]
    if len(hits) != 1:
        of = f"It has: {', '.join(keys[:SHOWN])}." if keys else "Its memories name none."
        what = "several senders whose ids begin with" if hits else "no sender"
        raise Wrong(f"The backup has {what} {clean.name(sender, LONGEST_NAME)}. {of}")
    return hits


def _choice(who: str, personas: Mapping[str, UUID]) -> SenderChoice:
    name = clean.name(who, LONGEST_NAME)
    wanted = name.casefold()
    if wanted in ("", ME):
        return SenderChoice()
    if wanted == NOBODY:
        return SenderChoice("nobody")
    own = next(((called, persona) for called, persona in personas.items() if called.casefold() == wanted), None)
    if own is not None:
        return SenderChoice("persona", own[0], own[1])
    if name.startswith(("<@", "@")) or (name.isdecimal() and len(name) >= 15):
        raise Wrong(f"Memories of a file are nobody else's: {name} is an account. Say {HINT}.")
    return SenderChoice("named", name)


def taken(plan: ShapesPlan, choices: Choices) -> ShapesPlan:
    """The plan with every memory as its senders are taken; records that are nobody's are skipped."""
    if not choices:
        return plan
    memories, gone = list[ShapesMemory](), 0
    for one in plan.memories:
        found = [choices.get(sender, SenderChoice()) for sender in one.senders]
        if found and all(choice.fate == "nobody" for choice in found):
            gone += one.part == 0
            continue
        speaker = ", ".join(dict.fromkeys(choice.name for choice in found if choice.name))[:LONGEST_NAME]
        memories.append(replace(one, speaker=speaker))
    skipped = dict(plan.skipped) | ({LEFT_OUT: gone} if gone else {})
    return replace(plan, memories=tuple(memories), skipped=skipped)


def packed(choices: Choices) -> dict[str, JsonValue]:
    """The choices as a job keeps them."""
    return {key: {**asdict(one), "persona": str(one.persona) if one.persona else None} for key, one in choices.items()}


def unpacked(found: JsonValue) -> dict[str, SenderChoice]:
    """The choices that a job kept."""
    made = dict[str, SenderChoice]()
    for key, one in found.items() if isinstance(found, dict) else ():
        fate = next((known for known in _FATES if isinstance(one, dict) and one.get("fate") == known), None)
        if fate is not None and isinstance(one, dict):
            persona = one.get("persona")
            made[key] = SenderChoice(fate, str(one.get("name") or ""), UUID(str(persona)) if persona else None)
    return made
