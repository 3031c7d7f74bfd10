"""Run the rounds of a scan: which entries are activated, which are not and why, and every random number used.

Semantics of SillyTavern 1.18's world info, without its fault of removing a bystander when an entry loses its group twice.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from engine.lore.book import Book, Globals, Item, in_order
from engine.lore.groups import Groups, Roll
from engine.lore.keys import Text, Unsupported, strip
from engine.lore.scan import Buffer, Scene
from engine.lore.timed import Effects, TimedState

MOST_ROUNDS = 1_000
"""More rounds than that are cut off; each finds an entry, opens a level or goes a message deeper, so real books need few."""


class EvaluationState(IntEnum):
    """What a round is for."""

    FIRST = 1
    RECURSION = 2
    DEEPER = 3


@dataclass(frozen=True, slots=True)
class Activated:
    """An entry that was activated: by which key (None: always on, sticky or by decorator), in which round, its filled-in text."""

    book: str
    uid: int
    key: str | None
    round: int
    text: str
    tokens: int
    item: Item = field(repr=False)
    roll: float | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry that was not, and the last check that said no."""

    book: str
    uid: int
    reason: str
    roll: float | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """What one round found (after groups and chance) and how many entries were active after it."""

    state: EvaluationState
    found: tuple[int, ...]
    kept: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome. `activated` in the order of activation. `rolls` are (kind, number), to be recorded. `state` is what holds next."""

    activated: tuple[Activated, ...]
    skipped: tuple[Skipped, ...]
    rounds: tuple[Round, ...]
    rolls: tuple[tuple[str, float], ...]
    state: TimedState
    over_budget: bool


def evaluate(
    books: Iterable[Book],
    scene: Scene,
    settings: Globals,
    *,
    max_context: int,
    count: Callable[[str], int],
    random: Callable[[], float],
    state: TimedState | None = None,
    dry_run: bool = False,
) -> Evaluation:
    """Scan the scene. `count` gives a text's tokens, `random` numbers from 0 up to, not including, 1; `max_context` is in tokens."""
    items = in_order(books, settings.strategy)
    effects = Effects(state or TimedState(), items, scene.chat_length, dry_run=dry_run)
    run = _Run(items, scene, settings, effects, _budget(settings, max_context), count, random)
    run.go()
    activated = tuple(run.activated.values())
    after = effects.after([one.item for one in activated])
    skipped = tuple(
        Skipped(i.book, i.entry.uid, run.why[i.key], run.drawn.get(i.key)) for i in items if i.key not in run.activated and i.key in run.why
    )
    return Evaluation(activated, skipped, tuple(run.rounds), tuple(run.rolls), after, run.over_budget)


def _budget(settings: Globals, max_context: int) -> int:
    budget = math.floor(settings.budget * max_context / 100 + 0.5) or 1
    return min(budget, settings.budget_cap) if settings.budget_cap > 0 else budget


class _Run:
    """One evaluation under way."""

    def __init__(
        self,
        items: Sequence[Item],
        scene: Scene,
        settings: Globals,
        effects: Effects,
        budget: int,
        count: Callable[[str], int],
        random: Callable[[], float],
    ) -> None:
        self.items, self.scene, self.settings, self.effects = items, scene, settings, effects
        self.budget, self.count, self._random = budget, count, random
        self.buffer = Buffer(scene, settings)
        self.activated: dict[str, Activated] = {}
        self.why: dict[str, str] = {}
        self.rounds: list[Round] = []
        self.rolls: list[tuple[str, float]] = []
        self.drawn: dict[str, float] = {}
        self.over_budget = False
        self._failed: set[str] = set()
        self._earlier = ""  # what earlier rounds passed on to recursion, newest first: only that counts against the budget
        self._levels = sorted({item.entry.level for item in items if item.entry.level})
        self._level = self._levels.pop(0) if self._levels else 0

    def go(self) -> None:
        """Run rounds until none is needed."""
        state: EvaluationState | None = EvaluationState.FIRST if self.items else None
        most = self.settings.max_recursion_steps or MOST_ROUNDS
        while state is not None and len(self.rounds) < most:
            state = self._round(state)

    def _round(self, state: EvaluationState) -> EvaluationState | None:
        found = self._found(state)
        survivors = self._survivors(found, state)
        passed = self._admit(survivors, found)
        self.rounds.append(Round(state, tuple(i.entry.uid for i in passed), tuple(a.uid for a in self.activated.values())))
        texts = [self._filled(item) for item in passed if not item.entry.prevent_recursion]
        following = self._next(state, found_more=bool(texts))
        if following is not None and (text := "\n".join(texts)):
            self.buffer.recursed.append(text)
            self._earlier = f"{text}\n{self._earlier}"
        return following

    def _next(self, state: EvaluationState, *, found_more: bool) -> EvaluationState | None:
        settings = self.settings
        if settings.recursive and not self.over_budget and (found_more or (state is EvaluationState.DEEPER and self.buffer.recursed)):
            return EvaluationState.RECURSION
        if not self.over_budget and len(self.activated) < settings.min_activations:
            deepest = settings.min_activations_depth_max
            if not (0 < deepest < self.buffer.depth or self.buffer.depth > len(self.scene.lines)):
                self.buffer.deeper += 1
                return EvaluationState.DEEPER
        if self._levels:
            self._level = self._levels.pop(0)
            return EvaluationState.RECURSION
        return None

    def _found(self, state: EvaluationState) -> dict[str, tuple[Item, str | None]]:
        """The entries that match in this round, sticky ones first: name -> (entry, key)."""
        found: list[tuple[Item, str | None]] = []
        for item in self.items:
            if item.key in self.activated or item.key in self._failed:
                continue
            try:
                key = self._check(item, state)
            except _No as no:
                self.why[item.key] = str(no)
                continue
            except Unsupported as error:
                self.why[item.key] = f"pattern refused: {error}"
                continue
            found.append((item, key))
        found.sort(key=lambda one: not self.effects.is_sticky(one[0]))
        return {item.key: (item, key) for item, key in found}

    def _check(self, item: Item, state: EvaluationState) -> str | None:
        """The key by which an entry is found, None when it needs none. Raises _No with the check that says no."""
        self._allowed(item)
        sticky = self._timely(item, state)
        decorators, _ = item.entry.parsed
        if "@@activate" in decorators:
            return None
        if "@@dont_activate" in decorators:
            raise _No("@@dont_activate")
        if item.entry.constant or sticky:
            return None
        return self._key(item, self.buffer.text(item.entry, with_recursion=state is not EvaluationState.DEEPER))

    def _allowed(self, item: Item) -> None:
        entry, scene = item.entry, self.scene
        if entry.disable:
            raise _No("disabled")
        if entry.triggers and scene.trigger not in entry.triggers:
            raise _No("trigger")
        wanted = entry.character_filter
        if wanted is not None and wanted.names and (scene.card_file in wanted.names) == wanted.is_exclude:
            raise _No("character")
        by_tag = wanted is not None and wanted.tags and scene.card_file is not None
        if wanted is not None and by_tag and bool(set(scene.tags) & set(wanted.tags)) == wanted.is_exclude:
            raise _No("tags")

    def _timely(self, item: Item, state: EvaluationState) -> bool:
        """Whether the entry is sticky. Raises _No when it is not its time."""
        entry, sticky = item.entry, self.effects.is_sticky(item)
        if self.effects.is_delayed(item):
            raise _No("delay")
        if sticky:
            return True
        if self.effects.is_cooling(item):
            raise _No("cooldown")
        if entry.level and (state is not EvaluationState.RECURSION or entry.level > self._level):
            raise _No("waits for recursion")
        if state is EvaluationState.RECURSION and self.settings.recursive and entry.exclude_recursion:
            raise _No("excluded from recursion")
        return False

    def _key(self, item: Item, text: Text) -> str:
        entry = item.entry
        primary = next((key for key in entry.key if self._has(text, key, item)), None)
        if primary is None:
            raise _No("no key found" if entry.key else "no keys")
        if not entry.selective or not entry.keysecondary:
            return primary
        found = [self._has(text, key, item) for key in entry.keysecondary]
        holds = {0: any(found), 1: not all(found), 2: not any(found), 3: all(found)}.get(entry.selective_logic, False)
        if not holds:
            raise _No("secondary keys")
        return primary

    def _has(self, text: Text, key: str, item: Item) -> bool:
        filled = (self.scene.fill_key or self.scene.fill)(key)
        return bool(filled) and self.buffer.has(text, strip(filled), item.entry)

    def _survivors(self, found: dict[str, tuple[Item, str | None]], state: EvaluationState) -> list[Item]:
        """What inclusion groups leave of a round's finds."""
        items = [item for item, _ in found.values()]
        groups = Groups(items, self.effects, self.buffer, with_recursion=state is not EvaluationState.DEEPER)
        lost = groups.reduce({one.item.entry.group for one in self.activated.values()}, self._roll)
        self.why.update(lost)
        return [item for item in items if item.key not in lost]

    def _admit(self, survivors: Sequence[Item], found: dict[str, tuple[Item, str | None]]) -> list[Item]:
        """Activate what passes chance and budget; returns what passed chance."""
        passed, new, before = [], "", self.count(self._earlier)
        for item in survivors:
            if self.over_budget and not item.entry.ignore_budget:
                self.why[item.key] = "budget"
                passed.append(item)
                continue
            if not self._lucky(item):
                self._failed.add(item.key)
                self.why[item.key] = "chance"
                continue
            passed.append(item)
            text = self._filled(item)
            new += f"{text}\n"
            if before + self.count(new) >= self.budget and not item.entry.ignore_budget:
                self.over_budget = True
                self.why[item.key] = "budget"
                continue
            self.activated[item.key] = Activated(
                item.book, item.entry.uid, found[item.key][1], len(self.rounds) + 1, text, self.count(text), item, self.drawn.get(item.key)
            )
        return passed

    def _lucky(self, item: Item) -> bool:
        entry = item.entry
        if not entry.use_probability or entry.probability == 100 or self.effects.is_sticky(item):
            return True
        number = self.drawn[item.key] = self._roll("probability")
        return entry.probability is not None and number * 100 <= entry.probability

    def _filled(self, item: Item) -> str:
        return self.scene.fill(item.entry.parsed[1]) if self.scene.written is None else self.scene.written(item)

    def _roll(self, kind: str) -> float:
        number = self._random()
        self.rolls.append((kind, number))
        return number


class _No(Exception):
    """A check said no; `str` is the reason."""


__all__ = ["Activated", "Evaluation", "EvaluationState", "Roll", "Round", "Skipped", "evaluate"]
