"""What is to be different when a prompt is built again: another version of the character, no lore, no memories, other words (F14). Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from projections.models.history import Entry
from projections.prompt.section import Chosen
from projections.prompt.sections import character, history, lore, memories
from projections.prompt.sections.history import Said, Talk

LONGEST_EDIT = 16_000
"""Characters of other words for what somebody said."""
KEYS = "model=ID, preset=ID, character=POSITION, lore=off, memory=off, generation=NAME, vectors=NAME, event:POSITION=TEXT"
LONGEST_NAME = 200
BY_SETTINGS = "settings"
"""How the generation is written that the settings make."""
_SWITCH = ("on", "off")
_EVENT = re.compile(r"event:(\d{1,18})")


class NoSuchChange(ValueError):
    """Something cannot be changed so; the sentence says what can."""


@dataclass(frozen=True, slots=True)
class PromptChanges:
    """What a run again has otherwise. Empty fields change nothing.

    `character` is a position of the log: the description that held there. `edits` are other words for what stands at a position.
    `generation` names summaries and facts that are met instead, `vectors` the embedder by whose vectors they are found; `recalled` is
    what recall finds then, which whoever has an engine asks.
    """

    model: str = ""
    preset: UUID | None = None
    character: int | None = None
    lore: bool = True
    memory: bool = True
    edits: Mapping[int, str] = field(default_factory=dict)
    generation: str | None = None
    vectors: str = ""
    recalled: Chosen | None = None

    @property
    def recalls(self) -> bool:
        """Whether memories are looked for anew, which only a worker does."""
        return self.generation is not None or bool(self.vectors)

    def chosen(self, recorded: Mapping[str, Chosen]) -> dict[str, Chosen]:
        """The references of each section with what is left out, and with the other version of the character."""
        found = dict(recorded)
        gone = [name for name, kept in ((lore.NAME, self.lore), (memories.NAME, self.memory)) if not kept and name in found]
        found |= {memories.NAME: self.recalled} if self.recalled is not None and memories.NAME in found else {}
        found |= {name: Chosen() for name in gone}
        if self.character is not None and character.NAME in found:
            refs = tuple(f"{ref.partition('@')[0]}@{self.character}" for ref in found[character.NAME].refs)
            found[character.NAME] = replace(found[character.NAME], refs=refs)
        return found

    def data(self, loaded: Mapping[str, Any]) -> dict[str, Any]:
        """The data of each section with other words for what was said."""
        found, talk = dict(loaded), loaded.get(history.NAME)
        if self.edits and isinstance(talk, Talk):
            found[history.NAME] = replace(talk, lines=tuple(self._said(line) for line in talk.lines))
        return found

    def _said(self, line: Said) -> Said:
        return replace(line, entry=self._entry(line.entry), answers=None if line.answers is None else self._entry(line.answers))

    def _entry(self, entry: Entry) -> Entry:
        return replace(entry, text=self.edits[entry.position]) if entry.position in self.edits else entry


AS_IT_WAS = PromptChanges()


def parse(settings: Iterable[str]) -> PromptChanges:
    """Read `key=value` as a person writes it. Raises NoSuchChange."""
    found = AS_IT_WAS
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise NoSuchChange(f"Write {setting} as key=value: {KEYS}.")
        found = _with(found, key.strip().lower(), value)
    return found


def _with(found: PromptChanges, key: str, value: str) -> PromptChanges:
    match key:
        case "model" if value.strip():
            return replace(found, model=value.strip()[:200])
        case "preset":
            return replace(found, preset=_id(value))
        case "character" if value.strip().isdecimal() and len(value.strip()) <= 18:
            return replace(found, character=int(value))
        case "lore" if value.strip().lower() in _SWITCH:
            return replace(found, lore=value.strip().lower() == "on")
        case "memory" if value.strip().lower() in _SWITCH:
            return replace(found, memory=value.strip().lower() == "on")
        case "generation" if len(value) <= LONGEST_NAME:
            return replace(found, generation="" if value.strip() == BY_SETTINGS else value.strip())
        case "vectors" if value.strip() and len(value) <= LONGEST_NAME:
            return replace(found, vectors=value.strip())
    edited = _EVENT.fullmatch(key)
    if edited is None:
        raise NoSuchChange(f"{key}={value[:40]} changes nothing. It takes {KEYS}.")
    if len(value) > LONGEST_EDIT:
        raise NoSuchChange(f"Other words may have {LONGEST_EDIT:,} characters; these have {len(value):,}.")
    return replace(found, edits={**found.edits, int(edited[1]): value})


def _id(value: str) -> UUID:
    try:
        return UUID(value.strip())
    except ValueError:
        raise NoSuchChange(f"{value[:60]} is no id of a preset. `tzurot preset list` shows them.") from None
