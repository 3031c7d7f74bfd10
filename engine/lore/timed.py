"""Keep entries active for a while, or away for a while. The unit is messages; nothing here knows a clock."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.lore.book import Item

Kind = Literal["sticky", "cooldown"]


class Effect(BaseModel):
    """A running effect: the chat lengths it begins and ends at. A protected one holds although the chat did not advance."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    start: int
    end: int
    protected: bool = False


class TimedState(BaseModel):
    """All running effects of a conversation, by the entry's name among all books."""

    model_config = ConfigDict(frozen=True)

    sticky: Mapping[str, Effect] = Field(default_factory=dict)
    cooldown: Mapping[str, Effect] = Field(default_factory=dict)


class Effects:
    """The effects during one evaluation, on a chat of `length` messages."""

    def __init__(self, state: TimedState, items: Sequence[Item], length: int, *, dry_run: bool) -> None:
        self._length, self._dry_run = length, dry_run
        self.kept: dict[Kind, dict[str, Effect]] = {"sticky": dict(state.sticky), "cooldown": dict(state.cooldown)}
        self._active: dict[Kind, set[str]] = {"sticky": set(), "cooldown": set()}
        if not dry_run:
            by_print: dict[str, Item] = {}
            for item in items:
                by_print.setdefault(_print(item), item)
            for kind in ("sticky", "cooldown"):
                self._look(kind, by_print)
        self._delayed = {item.key for item in items if item.entry.delay and length < item.entry.delay}

    def _look(self, kind: Kind, by_print: Mapping[str, Item]) -> None:
        """Drop what is over or undone; what goes on is active. A sticky entry that ends begins its cooldown."""
        kept = self.kept[kind]
        for key, effect in list(kept.items()):
            item = by_print.get(effect.fingerprint)
            if self._length <= effect.start and not effect.protected:
                del kept[key]
            elif item is None:
                if self._length >= effect.end:
                    del kept[key]
            elif not _duration(item, kind):
                del kept[key]
            elif self._length >= effect.end:
                del kept[key]
                if kind == "sticky" and item.entry.cooldown:
                    self.kept["cooldown"][item.key] = self._begun(item, "cooldown", protected=True)
                    self._active["cooldown"].add(item.key)
            else:
                self._active[kind].add(item.key)

    def _begun(self, item: Item, kind: Kind, *, protected: bool = False) -> Effect:
        return Effect(fingerprint=_print(item), start=self._length, end=self._length + _duration(item, kind), protected=protected)

    def is_sticky(self, item: Item) -> bool:
        """Whether it stays active without being found."""
        return item.key in self._active["sticky"]

    def is_cooling(self, item: Item) -> bool:
        """Whether it may not come again yet."""
        return item.key in self._active["cooldown"]

    def is_delayed(self, item: Item) -> bool:
        """Whether the chat is too short for it."""
        return item.key in self._delayed

    def after(self, activated: Sequence[Item]) -> TimedState:
        """The state once these were activated. A running effect is not begun anew; a dry run changes nothing."""
        if not self._dry_run:
            for item in activated:
                for kind in ("sticky", "cooldown"):
                    if _duration(item, kind) and item.key not in self.kept[kind]:
                        self.kept[kind][item.key] = self._begun(item, kind)
        return TimedState(sticky=self.kept["sticky"], cooldown=self.kept["cooldown"])


def _duration(item: Item, kind: Kind) -> int:
    return (item.entry.sticky if kind == "sticky" else item.entry.cooldown) or 0


def _print(item: Item) -> str:
    return f"{item.book}\n{item.entry.fingerprint}"
