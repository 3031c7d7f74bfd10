"""Which tier decides a setting: each field for itself, from the one closest to the turn down to what is built in (C4). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

Tier = Literal["baseline", "admin", "character", "server", "channel", "user", "user+character"]
TIERS: tuple[Tier, ...] = ("baseline", "admin", "character", "server", "channel", "user", "user+character")
"""From the weakest to the strongest."""


class Unset(Enum):
    """A tier that says nothing about a field, which is another thing than saying None."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Resolved[T]:
    """A value and the tier that set it. `beaten` are the weaker tiers that said something else, strongest first."""

    value: T
    tier: Tier
    beaten: tuple[Tier, ...] = ()


def resolve[T](said: Mapping[Tier, T | Unset]) -> Resolved[T]:
    """The value of one field. An explicit None is a value. Raises LookupError when no tier says anything, which a baseline prevents."""
    found = [(tier, value) for tier in reversed(TIERS) if not isinstance(value := said.get(tier, UNSET), Unset)]
    if not found:
        raise LookupError("no tier says anything about this field")
    tier, value = found[0]
    return Resolved(value, tier, tuple(other for other, theirs in found[1:] if theirs != value))


def resolve_all(fields: Sequence[str], tiers: Mapping[Tier, Mapping[str, object]]) -> dict[str, Resolved[object]]:
    """Every field. A tier's mapping holds what it sets; a field that is absent there is unset."""
    return {name: resolve({tier: values.get(name, UNSET) for tier, values in tiers.items()}) for name in fields}
