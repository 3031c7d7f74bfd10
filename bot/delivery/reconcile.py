"""What has to be done so that exactly the wanted messages stand in a channel (A6, A15, E3). Pure.

Posting, streaming by edit, regenerating, editing, deleting and going on after a crash are this one function with other arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Visible:
    """A message of a reply that stands in the channel; `text` is None where nobody knows what it says by now.

    One that carries a file shows that one and nothing else, whatever is edited.
    """

    id: int
    text: str | None
    file: UUID | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Post the wanted text at `index` after everything that stands there."""

    index: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Make a message say the wanted text at `index`."""

    id: int
    index: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Take a message away."""

    id: int


type Action = Send | Edit | Delete


@dataclass(frozen=True, slots=True)
class Plan:
    """`actions` in the order to carry them out; `kept`: index of a wanted text -> the message that says it, or will."""

    actions: tuple[Action, ...]
    kept: dict[int, int]


def reconcile(wanted: Sequence[str], visible: Sequence[Visible], files: Sequence[UUID | None] = ()) -> Plan:
    """The fewest actions that make the visible messages, in channel order, the wanted texts.

    A message can only be added at the end, so the kept ones show a beginning of what is wanted. Deletions and edits come first, in
    channel order; with as many actions either way, more messages are kept, and the earlier ones. Carried out, nothing is left to do.
    `files` are those that wanted messages carry, by their places.
    """
    costs = _costs(wanted, visible, [*files, *[None] * (len(wanted) - len(files))])
    kept_count = min(range(len(costs) - 1, -1, -1), key=lambda kept: costs[kept][-1] + len(wanted) - kept)
    kept = _kept(costs, wanted, visible, kept_count)
    of_message = {message: index for index, message in kept.items()}
    actions: list[Action] = []
    for message in visible:
        index = of_message.get(message.id)
        if index is None:
            actions.append(Delete(message.id))
        elif message.text != wanted[index]:
            actions.append(Edit(message.id, index))
    return Plan((*actions, *(Send(index) for index in range(kept_count, len(wanted)))), kept)


def _costs(wanted: Sequence[str], visible: Sequence[Visible], files: Sequence[UUID | None]) -> list[list[int]]:
    """costs[i][j]: the fewest edits and deletions by which the first j messages show the first i texts; unreachable ones are huge."""
    never = len(wanted) + len(visible) + 1
    costs = [[*range(len(visible) + 1)]]
    for index, text in enumerate(wanted[: len(visible)]):
        row = [never] * (len(visible) + 1)
        for place in range(index + 1, len(visible) + 1):
            message = visible[place - 1]
            shown = costs[index][place - 1] + (message.text != text if message.file == files[index] else never)
            row[place] = min(row[place - 1] + 1, shown)
        costs.append(row)
    return costs


def _kept(costs: Sequence[Sequence[int]], wanted: Sequence[str], visible: Sequence[Visible], count: int) -> dict[int, int]:
    """Which message shows which text, read back from the costs; of two as good the earlier one, so that a reply stays in its place."""
    kept: dict[int, int] = {}
    index, place = count, len(visible)
    while index:
        place -= 1
        if place < index or costs[index][place] + 1 != costs[index][place + 1]:
            index -= 1
            kept[index] = visible[place].id
    return dict(sorted(kept.items()))
