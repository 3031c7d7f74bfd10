"""From everything that may be woken to what is: the scan of a turn, and its record. Pure."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count, groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID

from engine.events.turn import DroppedPart, Roll
from engine.lore import Activated, Book, Effect, Entry, Evaluation, Globals, Line, Skipped, TimedState, evaluate
from engine.lore import Scene as LoreScene
from engine.lore.book import Item
from engine.lore.decorators import decorated
from engine.lore.entries import book_of
from engine.lore.place import in_output_order
from engine.resources.character import Description
from engine.resources.craft.lorebook import LorebookSheet
from projections.prompt import macros, tokens
from projections.prompt.lore_refs import Frozen, Running, Woken
from projections.prompt.macros import SOMEBODY, Dice
from projections.prompt.section import Chosen, Moment, Scene
from projections.prompt.sections import character, history, request
from projections.prompt.sections.character import Card
from projections.prompt.text import fill

if TYPE_CHECKING:
    from projections.prompt.sections.lore import Lore

RANGE = 500
"""Characters of entries' numbers in one line of the record."""


def settings_of(sheets: Sequence[LorebookSheet]) -> Globals:
    """The settings of a scan of several books together: the widest of each. Pure."""
    caps = [sheet.budget_cap for sheet in sheets]
    return Globals(
        depth=max((sheet.scan_depth for sheet in sheets), default=2),
        min_activations=max((sheet.min_entries for sheet in sheets), default=0),
        min_activations_depth_max=max((sheet.min_depth for sheet in sheets), default=0),
        budget=max((sheet.budget for sheet in sheets), default=25),
        budget_cap=max(caps) if caps and all(caps) else 0,
        recursive=any(sheet.recursive for sheet in sheets),
        max_recursion_steps=max((sheet.max_steps for sheet in sheets), default=0),
    )


def settle(lore: "Lore", others: Mapping[str, Any], moment: Moment) -> Chosen:
    """What of the candidates a conversation wakes, as references, with what stays running and what was left out."""
    books, talk = lore.books or {}, others.get(history.NAME)
    lines = talk.lines if isinstance(talk, history.Talk) else ()
    held = _held(lore, moment)
    found = [
        book_of(str(book), one.sheet, [_thawed(entry) for entry, _ in one.entries if (book, entry.uid) not in held], one.sources)
        for book, one in books.items()
    ]
    names = talk.names if isinstance(talk, history.Talk) else {}
    user = lines[-1].entry.author_name if lines else ""
    evaluation = scan(
        found,
        settings_of([one.sheet for one in books.values()]),
        [Line(_speaker(line, names, lore), line.entry.text) for line in lines if not line.entry.erased],
        lore.card,
        user=user,
        trigger=_trigger(others.get(request.NAME)),
        max_context=moment.max_context,
        frozen=sum(tokens.count(entry.content) for one, entry in lore.running if (one.book, one.uid) in held),
        chance=random.Random(str(moment.turn)).random,
        state=_state(lore, found),
        length=lore.length,
        scene=_scene(lore, others, moment),
    )
    return _chosen(lore, evaluation, held)


def scan(
    books: Sequence[Book],
    settings: Globals,
    lines: Sequence[Line],
    card: Card | None,
    *,
    user: str,
    max_context: int,
    chance: Callable[[], float],
    trigger: str = "normal",
    frozen: int = 0,
    state: TimedState | None = None,
    length: int | None = None,
    dry_run: bool = False,
    scene: Scene | None = None,
) -> Evaluation:
    """Evaluate books over what was said, oldest first. `frozen`: tokens of frozen entries, which the budget counts. In a `scene` macros

    of entries are replaced as the prompt will have them, else only names.
    """
    if frozen:
        left = max(int(settings.budget * max_context / 100) - frozen, 1)
        settings = settings.model_copy(update={"budget_cap": min(left, settings.budget_cap or left)})
    about = card.description if card else None
    name = about.name if about else ""
    tags = about.custom.get("tags") if about else None
    looked_at = LoreScene(
        lines=lines,
        fill=lambda text: fill(text, user=SOMEBODY, character=name),
        fill_key=lambda text: fill(text, user=user, character=name),
        card_file=name or None,
        tags=[tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else (),
        trigger=trigger,
        description=about.info if about else "",
        personality=about.traits if about else "",
        scenario=about.scenario if about else "",
        length=length,
        written=None if scene is None else lambda item: _written(scene, item, about),
    )
    return evaluate(books, looked_at, settings, max_context=max_context, count=tokens.count, random=chance, state=state, dry_run=dry_run)


def _written(scene: Scene, item: Item, about: Description | None) -> str:
    return macros.writer(scene, about, outlets=False).of(item.entry.parsed[1], f"{item.book}.{item.entry.uid}")


def _scene(lore: "Lore", others: Mapping[str, Any], moment: Moment) -> Scene | None:
    """The scene that texts of entries will be written in, with what their macros may ask for."""
    if moment.scene is None:
        return None
    scene, talk = replace(moment.scene, draw=Dice(moment.scene.seed).draw), others.get(history.NAME)
    offered = dict(history.offer(talk, scene, history.VERSION)) if isinstance(talk, history.Talk) else {}
    if lore.card is not None:
        offered |= character.offer(lore.card, replace(scene, offered=offered), character.VERSION)
    return replace(scene, offered=offered)


def _speaker(line: history.Said, names: Mapping[UUID, str], lore: "Lore") -> str:
    entry = line.entry
    if entry.kind == "message":
        return entry.author_name
    own = lore.card.description.name if lore.card else ""
    return names.get(entry.character, own) if entry.character is not None else own


def _trigger(asked: object) -> str:
    if not isinstance(asked, request.Asked):
        return "normal"
    return "continue" if asked.so_far is not None else "regenerate"


def _thawed(entry: Entry) -> Entry:
    """As a scan takes it: by its decorators. A frozen one stays by its own rule: its sticky time is how long, not an effect of the scan."""
    entry = decorated(entry)
    return entry.model_copy(update={"sticky": None}) if entry.frozen else entry


def _held(lore: "Lore", moment: Moment) -> dict[tuple[UUID, int], Frozen]:
    """Frozen entries that stay: their book still has them, their place is still in the conversation, their time is not over."""
    there = {(book, entry.uid) for book, one in (lore.books or {}).items() for entry, _ in one.entries if not entry.disable}
    found = {}
    for one, _ in lore.running:
        if not isinstance(one, Frozen) or (one.book, one.uid) not in there:
            continue
        if one.entry >= (moment.begin or 0) and (not one.until or lore.length < one.until):
            found[one.book, one.uid] = one
    return found


def _state(lore: "Lore", books: Iterable[Book]) -> TimedState:
    """What runs on, by the fingerprint of the entry it began with: one that was edited since loses it."""
    sheets = {book: one.sheet for book, one in (lore.books or {}).items()}
    effects: dict[str, dict[str, Effect]] = {"s": {}, "c": {}}
    for one, entry in lore.running:
        if isinstance(one, Running) and one.book in sheets:
            name = str(one.book)
            (same,) = book_of(name, sheets[one.book], [_thawed(entry)], ("global",)).entries
            print_ = f"{name}\n{same.fingerprint}"
            effects[one.kind][f"{name}.{one.uid}"] = Effect(fingerprint=print_, start=one.start, end=one.end, protected=one.protected)
    return TimedState(sticky=effects["s"], cooldown=effects["c"])


def _chosen(lore: "Lore", evaluation: Evaluation, held: Mapping[tuple[UUID, int], Frozen]) -> Chosen:
    positions = {(book, entry.uid): at for book, one in (lore.books or {}).items() for entry, at in one.entries}
    originals = {(book, entry.uid): entry for book, one in (lore.books or {}).items() for entry, _ in one.entries}
    refs = [one.text for one in held.values()]
    for one in in_output_order(evaluation.activated):
        at = (UUID(one.book), one.uid)
        entry = originals[at]
        if entry.frozen:
            until = lore.length + entry.sticky if entry.sticky else 0
            refs.append(Frozen(*at, positions[at], lore.asked, until).text)
        else:
            refs.append(Woken(*at, positions[at], _key(entry, one)).text)
    running = _running(evaluation.state, positions)
    frozen = any(ref.startswith("f:") for ref in refs)
    always = (f"m:{lore.asked}", *running) if running or frozen or lore.ran else ()
    rolls = _rolls(evaluation)
    return Chosen(
        (*([lore.card_ref] if lore.card_ref else ()), *lore.script_refs, *refs), rolls, tuple(_dropped(evaluation.skipped)), always
    )


def _key(entry: Entry, one: Activated) -> int | None:
    return entry.key.index(one.key) if one.key is not None and one.key in entry.key else None


def _running(state: TimedState, positions: Mapping[tuple[UUID, int], int]) -> list[str]:
    found = []
    for kind, effects in (("s", state.sticky), ("c", state.cooldown)):
        for name, effect in effects.items():
            book, _, uid = name.rpartition(".")
            at = (UUID(book), int(uid))
            if at in positions:
                found.append(Running(kind, *at, positions[at], effect.start, effect.end, effect.protected).text)
    return found


def _rolls(evaluation: Evaluation) -> tuple[Roll, ...]:
    """Every number drawn, in the order of drawing."""
    return tuple(Roll(what=kind, value=value) for kind, value in evaluation.rolls)


def _dropped(skipped: Sequence[Skipped]) -> Iterable[DroppedPart]:
    """What was not woken: a line for each book and reason, with the entries' numbers in runs; a roll that failed for itself."""
    for (book, why), same in groupby(
        sorted(skipped, key=lambda one: (one.book, one.reason, one.uid)), key=lambda one: (one.book, one.reason)
    ):
        runs, line = _runs([one.uid for one in same]), list[str]()
        for run in runs:
            if sum(map(len, line)) + len(line) + len(run) > RANGE:
                yield DroppedPart(what=f"lore:{book}:{','.join(line)}", why=why)
                line = []
            line.append(run)
        yield DroppedPart(what=f"lore:{book}:{','.join(line)}", why=why)


def _runs(numbers: Sequence[int]) -> list[str]:
    """Ascending numbers as `1`, `3-7`."""
    ahead = count()
    grouped = [list(run) for _, run in groupby(numbers, key=lambda number: number - next(ahead))]
    return [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in grouped]
