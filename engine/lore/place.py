"""Put activated entries where their positions say: around the character, the note and the examples, at a depth, in outlets."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.lore.book import by_order
from engine.lore.evaluate import Activated

DEFAULT_DEPTH = 4
BEFORE, AFTER, NOTE_TOP, NOTE_BOTTOM, AT_DEPTH, EXAMPLE_TOP, EXAMPLE_BOTTOM, OUTLET = range(8)


@dataclass(frozen=True, slots=True)
class AtDepth:
    """Texts that come so many messages before the end (0: last), in a role: 0 system, 1 user, 2 assistant."""

    depth: int | None
    role: int
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """All texts by place, each in output order: higher order later. `order` are the uids in output order."""

    order: tuple[int, ...]
    before: str
    after: str
    note_top: tuple[str, ...]
    note_bottom: tuple[str, ...]
    at_depth: tuple[AtDepth, ...]
    examples: tuple[tuple[str, str], ...]
    outlets: dict[str, tuple[str, ...]]

    def around(self, note: str) -> str:
        """The author's note with the entries above and below it."""
        joined = "\n".join(("\n".join(self.note_top), note, "\n".join(self.note_bottom)))
        return joined.removeprefix("\n").removesuffix("\n")


def place(activated: Sequence[Activated]) -> Placed:
    """Sort the texts into their places. Among equal orders the one activated last comes first."""
    ranked = by_order(activated, lambda one: one.item.entry.order)
    texts: dict[int, list[str]] = {}
    depths: dict[tuple[int | None, int], list[str]] = {}
    outlets: dict[str, list[str]] = {}
    examples: list[tuple[str, str]] = []
    for one in ranked:
        entry = one.item.entry
        if not one.text or entry.position is None:
            continue
        if entry.position == AT_DEPTH:
            depths.setdefault(_bucket(depths, entry.depth, entry.role or 0), []).insert(0, one.text)
        elif entry.position in (EXAMPLE_TOP, EXAMPLE_BOTTOM):
            examples.insert(0, ("top" if entry.position == EXAMPLE_TOP else "bottom", one.text))
        elif entry.position == OUTLET:
            if entry.outlet_name:
                outlets.setdefault(entry.outlet_name, []).append(one.text)
        else:
            texts.setdefault(entry.position, []).insert(0, one.text)
    return Placed(
        order=tuple(one.uid for one in reversed(ranked)),
        before="\n".join(texts.get(BEFORE, ())),
        after="\n".join(texts.get(AFTER, ())),
        note_top=tuple(texts.get(NOTE_TOP, ())),
        note_bottom=tuple(texts.get(NOTE_BOTTOM, ())),
        at_depth=tuple(AtDepth(depth, role, tuple(found)) for (depth, role), found in depths.items()),
        examples=tuple(examples),
        outlets={name: tuple(found) for name, found in outlets.items()},
    )


def in_output_order(activated: Sequence[Activated]) -> list[Activated]:
    """The entries as they stand in a prompt: higher order later, and among equals the one activated last first."""
    return list(reversed(by_order(activated, lambda one: one.item.entry.order)))


def _bucket(known: dict[tuple[int | None, int], list[str]], depth: int | None, role: int) -> tuple[int | None, int]:
    """The group a text joins: one without a depth joins that of the default depth when it is there already."""
    wanted = (DEFAULT_DEPTH if depth is None else depth, role)
    return wanted if wanted in known else (depth, role)
