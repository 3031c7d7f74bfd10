"""Build the text that keys are looked for in: the newest messages first, each behind a mark, then what an entry opted into."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from engine.lore.book import Entry, Globals, Item
from engine.lore.keys import Text, Unsupported, matches, strip

MARK = "\x01"
JOINER = f"\n{MARK}"
DEEPEST = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """One message: who said it and what."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Scene:
    """What a scan looks at. `lines` oldest first. `notes` are injected texts that may be searched, in order.

    `fill` replaces macros in contents and, unless `fill_key` does, in keys. `length` is that of the whole chat where `lines` are only
    its end. `card_file` and `tags` are what filters by character compare with; without a card
    file no filter by tag applies. `written` gives the text of an entry instead of `fill`, where its place among others matters.
    """

    lines: Sequence[Line]
    fill: Callable[[str], str] = str
    card_file: str | None = None
    tags: Sequence[str] = ()
    trigger: str = "normal"
    persona: str = ""
    description: str = ""
    personality: str = ""
    depth_prompt: str = ""
    scenario: str = ""
    creator_notes: str = ""
    notes: Sequence[str] = ()
    fill_key: Callable[[str], str] | None = None
    written: Callable[[Item], str] | None = None
    length: int | None = None

    @property
    def chat_length(self) -> int:
        """Messages of the whole chat, by which timed effects are counted."""
        return len(self.lines) if self.length is None else self.length


@dataclass(slots=True)
class Buffer:
    """The searched text of one evaluation: it grows by what recursion finds and deepens for minimum activations."""

    scene: Scene
    settings: Globals
    deeper: int = 0
    recursed: list[str] = field(default_factory=list)
    _newest: list[str] = field(default_factory=list)
    _texts: dict[tuple[object, ...], Text] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lines = reversed(self.scene.lines[-DEEPEST:] if self.scene.lines else [])
        self._newest = [strip(f"{line.name}: {line.text}" if self.settings.include_names else line.text) for line in lines]

    @property
    def depth(self) -> int:
        """How many messages are searched now, unless an entry has its own depth."""
        return self.settings.depth + self.deeper

    def text(self, entry: Entry, *, with_recursion: bool) -> Text:
        """The text to search for an entry's keys."""
        depth = min(entry.scan_depth if entry.scan_depth is not None else self.depth, DEEPEST)
        if depth <= 0:
            return Text("")
        opted = self._opted(entry)
        key = (depth, *(name for name, _ in opted), len(self.recursed) if with_recursion else -1)
        if key not in self._texts:
            parts = [MARK + JOINER.join(self._newest[:depth]), *(text for _, text in opted), *self.scene.notes]
            self._texts[key] = Text(JOINER.join([*parts, *(self.recursed if with_recursion else ())]))
        return self._texts[key]

    def _opted(self, entry: Entry) -> list[tuple[str, str]]:
        scene = self.scene
        wanted = (
            (entry.match_persona_description, "persona", scene.persona),
            (entry.match_character_description, "description", scene.description),
            (entry.match_character_personality, "personality", scene.personality),
            (entry.match_character_depth_prompt, "depth_prompt", scene.depth_prompt),
            (entry.match_scenario, "scenario", scene.scenario),
            (entry.match_creator_notes, "creator_notes", scene.creator_notes),
        )
        return [(name, text) for opted, name, text in wanted if opted and text]

    def has(self, text: Text, key: str, entry: Entry) -> bool:
        """Whether a key stands in a text, by the entry's options or the book's. Raises Unsupported."""
        settings = self.settings
        return matches(
            text,
            key,
            case_sensitive=settings.case_sensitive if entry.case_sensitive is None else entry.case_sensitive,
            whole_words=settings.match_whole_words if entry.match_whole_words is None else entry.match_whole_words,
        )

    def score(self, entry: Entry, *, with_recursion: bool) -> int:
        """Count the keys found, for groups decided by score. Keys as written: macros are not filled here."""
        text = self.text(entry, with_recursion=with_recursion)
        primary = sum(self._counts(text, key, entry) for key in entry.key)
        secondary = sum(self._counts(text, key, entry) for key in entry.keysecondary)
        if not entry.key:
            return 0
        if entry.keysecondary and (entry.selective_logic == 0 or (entry.selective_logic == 3 and secondary == len(entry.keysecondary))):
            return primary + secondary
        return primary

    def _counts(self, text: Text, key: str, entry: Entry) -> bool:
        """Whether a key counts as found; a pattern that is refused does not."""
        with suppress(Unsupported):
            return self.has(text, key, entry)
        return False
