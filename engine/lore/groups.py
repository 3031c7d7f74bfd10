"""Let at most one entry of an inclusion group stay: sticky ones, then the best score, then priority, else a weighted pick."""

from collections.abc import Callable, Collection, Mapping, Sequence

from engine.lore.book import Item, by_order
from engine.lore.scan import Buffer
from engine.lore.timed import Effects

type Roll = Callable[[str], float]
"""Gives the next random number from 0 up to, not including, 1; told what it is for: group or probability."""


class Groups:
    """The groups among the entries found in one round. `lost` says why an entry went."""

    def __init__(self, found: Sequence[Item], effects: Effects, buffer: Buffer, *, with_recursion: bool) -> None:
        self._effects, self._buffer, self._with_recursion = effects, buffer, with_recursion
        self.lost: dict[str, str] = {}
        named: dict[str, list[Item]] = {}
        for item in found:
            for name in item.entry.groups:
                named.setdefault(name, []).append(item)
        # Names that are whole numbers come first, ascending: the order of a JavaScript object's keys.
        numbers = sorted((name for name in named if _is_index(name)), key=int)
        self._groups = {name: named[name] for name in (*numbers, *(n for n in named if not _is_index(n)))}

    def reduce(self, taken: Collection[str], roll: Roll) -> Mapping[str, str]:
        """Decide all groups; returns who lost and why. `taken` are the group texts of entries activated earlier."""
        settled = {name for name, group in self._groups.items() if self._by_effects(name, group)}
        for name, group in self._groups.items():
            if name not in settled:
                self._by_score(name, group)
        for name, group in self._groups.items():
            if name not in settled:
                self._one(name, group, taken, roll)
        return self.lost

    def _by_effects(self, name: str, group: list[Item]) -> bool:
        """Sticky entries win outright; cooling and delayed ones go. True when a sticky one is there."""
        sticky = [item for item in group if self._effects.is_sticky(item)]
        for item in group:
            if sticky and item not in sticky:
                self._lose(item, f"group {name}: a sticky entry holds it")
            if self._effects.is_cooling(item):
                self._lose(item, "cooldown")
            if self._effects.is_delayed(item):
                self._lose(item, "delay")
        return bool(sticky)

    def _by_score(self, name: str, group: list[Item]) -> None:
        everywhere = self._buffer.settings.use_group_scoring
        if not everywhere and not any(item.entry.use_group_scoring for item in group):
            return
        scores = {id(item): self._buffer.score(item.entry, with_recursion=self._with_recursion) for item in group}
        best = max(scores.values())
        for item in list(group):
            is_scored = everywhere if item.entry.use_group_scoring is None else item.entry.use_group_scoring
            if is_scored and scores[id(item)] < best:
                self._lose(item, f"group {name}: fewer keys found")
                group.remove(item)

    def _one(self, name: str, group: Sequence[Item], taken: Collection[str], roll: Roll) -> None:
        if name in taken:
            return self._keep(group, None, f"group {name}: another entry is active")
        if len(group) < 2:
            return None
        preferred = by_order([item for item in group if item.entry.group_override], lambda item: item.entry.order)
        if preferred:
            return self._keep(group, preferred[0], f"group {name}: lower priority")
        winner = _picked(group, roll)
        return None if winner is None else self._keep(group, winner, f"group {name}: not picked")

    def _keep(self, group: Sequence[Item], winner: Item | None, why: str) -> None:
        for item in group:
            if item is not winner:
                self._lose(item, why)

    def _lose(self, item: Item, why: str) -> None:
        self.lost.setdefault(item.key, why)


def _picked(group: Sequence[Item], roll: Roll) -> Item | None:
    weights = [100.0 if item.entry.group_weight is None else item.entry.group_weight for item in group]
    target, reached = roll("group") * sum(weights), 0.0
    for item, weight in zip(group, weights, strict=True):
        reached += weight
        if target <= reached:
            return item
    return None


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdigit() and (name == "0" or name[0] != "0") and int(name) < 2**32 - 1
