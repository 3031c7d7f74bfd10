"""Describe lorebooks: entries with SillyTavern's fields and defaults, where a book is bound, and the settings of a scan."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, cmp_to_key
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Source = Literal["chat", "persona", "character", "global"]
LoreScope = Literal["character", "channel", "guild", "person", "everywhere"]
"""Where a book may be attached here; the target is the id there, empty for everywhere."""
Strategy = Literal["evenly", "character_first", "global_first"]
Logic = Literal[0, 1, 2, 3]
"""What secondary keys demand: 0 any, 1 not all, 2 none, 3 all."""
DECORATORS = ("@@activate", "@@dont_activate")


class CharacterFilter(BaseModel):
    """Restricts an entry to characters by card file name or tag; `is_exclude` turns it round."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="allow")

    is_exclude: bool = False
    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Entry(BaseModel):
    """One entry of a lorebook, by SillyTavern's names (`keysecondary`, `selectiveLogic`, ...); unknown fields are kept.

    None in `scan_depth`, `case_sensitive`, `match_whole_words` and `use_group_scoring` means the book's setting. Durations of
    `sticky`, `cooldown` and `delay` are in messages. `delay_until_recursion` is a level; true means 1.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="allow")

    uid: int
    key: tuple[str, ...] = ()
    keysecondary: tuple[str, ...] = ()
    content: str = ""
    comment: str = ""
    constant: bool = False
    selective: bool = True
    selective_logic: int = 0
    order: float | None = 100
    position: int | None = 0
    disable: bool = False
    ignore_budget: bool = False
    exclude_recursion: bool = False
    prevent_recursion: bool = False
    match_persona_description: bool = False
    match_character_description: bool = False
    match_character_personality: bool = False
    match_character_depth_prompt: bool = False
    match_scenario: bool = False
    match_creator_notes: bool = False
    delay_until_recursion: int | bool = 0
    probability: float | None = 100
    use_probability: bool = True
    depth: int | None = 4
    outlet_name: str = ""
    group: str = ""
    group_override: bool = False
    group_weight: float | None = 100
    scan_depth: int | None = None
    case_sensitive: bool | None = None
    match_whole_words: bool | None = None
    use_group_scoring: bool | None = None
    role: int | None = 0
    sticky: int | None = None
    cooldown: int | None = None
    delay: int | None = None
    triggers: tuple[str, ...] = ()
    character_filter: CharacterFilter | None = None
    frozen: bool = False
    """Ours (I12): once woken it stays where the conversation was, so that later prompts begin with the same bytes."""

    @cached_property
    def parsed(self) -> tuple[tuple[str, ...], str]:
        """(known decorators, the text without the lines they stand on)."""
        return parse_decorators(self.content)

    @cached_property
    def fingerprint(self) -> str:
        """Identify the whole entry, so that an edited one loses its running effects."""
        return hashlib.sha256(orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def level(self) -> int:
        """The recursion level from which it may be found; 0 for at once."""
        return int(self.delay_until_recursion)

    @property
    def groups(self) -> tuple[str, ...]:
        """The inclusion groups it belongs to."""
        return tuple(name for name in (part.lstrip() if at else part for at, part in enumerate(self.group.split(","))) if name)


_ABSENT: Mapping[str, Any] = {
    "selective": False,
    "order": None,
    "position": None,
    "probability": None,
    "useProbability": False,
    "depth": None,
    "groupWeight": None,
    "role": None,
}


def raw_entry(fields: Mapping[str, Any]) -> Entry:
    """Read an entry as its file has it: an absent field counts as nothing, not as the value a new entry would get."""
    return Entry.model_validate({**_ABSENT, **fields})


class Book(BaseModel):
    """A lorebook with a name and where it is bound. One bound in two ways is read once."""

    model_config = ConfigDict(frozen=True)

    name: str
    entries: tuple[Entry, ...]
    sources: tuple[Source, ...] = ("global",)


class Globals(BaseModel):
    """Settings of a scan. `budget` is a share of the context in percent, `budget_cap` tokens (0: none)."""

    model_config = ConfigDict(frozen=True)

    depth: int = Field(default=2, ge=0)
    min_activations: int = Field(default=0, ge=0)
    min_activations_depth_max: int = Field(default=0, ge=0)
    budget: float = Field(default=25, ge=0)
    budget_cap: int = Field(default=0, ge=0)
    include_names: bool = True
    recursive: bool = False
    case_sensitive: bool = False
    match_whole_words: bool = False
    strategy: Strategy = "character_first"
    use_group_scoring: bool = False
    max_recursion_steps: int = Field(default=0, ge=0)


class Item:
    """An entry in one evaluation: which book it is from and where it stands among all."""

    __slots__ = ("book", "entry", "index")

    def __init__(self, book: str, entry: Entry, index: int = 0) -> None:
        self.book, self.entry, self.index = book, entry, index

    @property
    def key(self) -> str:
        """Name of the entry among all books."""
        return f"{self.book}.{self.entry.uid}"


_PRECEDENCE: tuple[Source, ...] = ("global", "chat", "persona", "character")
"""A book that is bound in several ways is read as the first of these."""


def in_order(books: Iterable[Book], strategy: Strategy) -> list[Item]:
    """List all entries in the order in which they are looked at: chat's and persona's books, then the character's and global ones."""
    of: dict[Source, list[Item]] = {"chat": [], "persona": [], "character": [], "global": []}
    for book in books:
        of[next((name for name in _PRECEDENCE if name in book.sources), "global")] += [Item(book.name, entry) for entry in book.entries]
    character, everywhere = of["character"], of["global"]
    rest: Sequence[Item]
    match strategy:
        case "evenly":
            rest = by_order([*everywhere, *character], _item_order)
        case "character_first":
            rest = [*by_order(character, _item_order), *by_order(everywhere, _item_order)]
        case "global_first":
            rest = [*by_order(everywhere, _item_order), *by_order(character, _item_order)]
    items = [*by_order(of["chat"], _item_order), *by_order(of["persona"], _item_order), *rest]
    for index, item in enumerate(items):
        item.index = index
    return items


def _item_order(item: Item) -> float | None:
    return item.entry.order


def by_order[T](items: Sequence[T], order: Callable[[T], float | None]) -> list[T]:
    """Sort from high order to low; equals, and what has no order, keep their places."""
    if all(order(item) is not None for item in items):
        return sorted(items, key=lambda item: -(order(item) or 0))

    def compare(a: T, b: T) -> int:
        x, y = order(a), order(b)
        return 0 if x is None or y is None else (y > x) - (y < x)

    return sorted(items, key=cmp_to_key(compare))


def parse_decorators(content: str) -> tuple[tuple[str, ...], str]:
    """Split leading lines that begin with @@ from a text. A line with @@@ counts only right after one that nobody knows."""
    if not content.startswith("@@"):
        return (), content
    known: list[str] = []
    fallen_back = False
    lines = content.split("\n")
    for at, line in enumerate(lines):
        if not line.startswith("@@"):
            return tuple(known), "\n".join(lines[at:])
        if line.startswith("@@@") and not fallen_back:
            continue
        plain = line[1:] if line.startswith("@@@") else line
        fallen_back = not plain.startswith(DECORATORS)
        if not fallen_back:
            known.append(plain)
    return tuple(known), content
