"""Draft who speaks where several characters are activated (A4). Pure: the same message draws the same, in every process and replay.

Four strategies, of SillyTavern's group chats (its activateNaturalOrder, activateListOrder, activatePooledOrder): natural, list, pooled,
manual. Ours differs in one rule: who is *addressed* speaks alone. Somebody is addressed by a name that begins or ends the text, or
that a comma or a colon follows; a name anywhere else mentions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from engine.events.message import Drawn
from engine.resources.channel import Strategy

OPENS = " @(\"'“„‘«*_~|>"
"""Characters before a name at the beginning of a text."""
ENDS = " .!?…,;:)\"'*_~”’»。！？、，：；"
"""Characters around a name that are no part of it."""
CALLS = ",:，：、"
"""After a name these make a call of it."""
LONGEST = 4000
"""Characters of a text in which names are looked for: what Discord allows in one message."""


@dataclass(frozen=True, slots=True)
class Member:
    """A character that may speak. `names` are its name and its aliases, the name first; `talkativeness` from 0 to 1."""

    id: UUID
    names: tuple[str, ...]
    talkativeness: float = 0.5


class Rolls:
    """Random numbers that follow from a seed alone: the nth is from the SHA-256 of seed and n."""

    def __init__(self, seed: UUID) -> None:
        self._seed, self._count = seed.bytes, 0

    def next(self) -> float:
        """A number from 0 up to, not including, 1: 53 bits."""
        self._count += 1
        digest = sha256(self._seed + self._count.to_bytes(4, "big")).digest()
        return (int.from_bytes(digest[:8], "big") >> 11) / 2**53

    def shuffled[T](self, items: Sequence[T]) -> list[T]:
        """The items in an order drawn at random (Fisher and Yates)."""
        left, found = list(items), list[T]()
        while left:
            found.append(left.pop(int(self.next() * len(left))))
        return found

    def one[T](self, items: Sequence[T]) -> tuple[T, float]:
        """One of the items, and the number that drew it."""
        number = self.next()
        return items[int(number * len(items))], number


def draft(members: Sequence[Member], text: str, strategy: Strategy, seed: UUID, spoken: Sequence[UUID] = ()) -> list[Drawn]:
    """Who speaks, in the order of their answers, then who does not, and why. Nobody more than once.

    `spoken` are those who spoke since a person last did, the last speaker last: empty when a person speaks. `seed` is the id of the
    event that is answered.
    """
    if called := _addressed(members, text):
        return [*(Drawn(character_id=m.id, why="addressed") for m in called), *_silent(members, called)]
    match strategy:
        case "natural":
            return _natural(members, text, Rolls(seed), spoken[-1:])
        case "list":
            return [Drawn(character_id=m.id, why="listed") for m in members]
        case "pooled":
            return _pooled(members, Rolls(seed), spoken)
        case "manual":
            return list(_silent(members, ()))


def _natural(members: Sequence[Member], text: str, rolls: Rolls, barred: Sequence[UUID]) -> list[Drawn]:
    """First those whose name a word of the text is part of, in the order of the words; then the others by their talkativeness."""
    able = [m for m in members if m.id not in barred]
    found: dict[UUID, Drawn] = {}
    for word in words(text):
        named = next((m for m in able if word in words(m.names[0])), None)
        if named is not None:
            found.setdefault(named.id, Drawn(character_id=named.id, why="mentioned"))
    missed: list[Drawn] = []
    for member in rolls.shuffled([m for m in able if m.id not in found]):
        number = rolls.next()
        if member.talkativeness >= number:
            found[member.id] = Drawn(character_id=member.id, why="talkative", roll=number)
        else:
            missed.append(Drawn(character_id=member.id, why="silent", roll=number))
    if not found and able:
        pool = [m for m in able if m.talkativeness > 0] or able
        drawn, number = rolls.one(pool)
        found[drawn.id] = Drawn(character_id=drawn.id, why="random", roll=number)
        missed = [one for one in missed if one.character_id != drawn.id]
    return [*found.values(), *missed, *(Drawn(character_id=m.id, why="spoke") for m in members if m.id in barred)]


def _pooled(members: Sequence[Member], rolls: Rolls, spoken: Sequence[UUID]) -> list[Drawn]:
    """One of those who have not spoken since a person did; of all but the last speaker when everybody has."""
    fresh = [m for m in members if m.id not in spoken]
    pool = fresh or [m for m in members if m.id not in spoken[-1:]] or list(members)
    if not pool:
        return []
    drawn, number = rolls.one(pool)
    return [Drawn(character_id=drawn.id, why="random", roll=number), *_silent(members, [drawn])]


def _silent(members: Sequence[Member], speaking: Sequence[Member]) -> Iterator[Drawn]:
    ids = {m.id for m in speaking}
    return (Drawn(character_id=m.id, why="silent") for m in members if m.id not in ids)


def words(text: str) -> list[str]:
    """The whole words of a text in small letters: runs of letters, digits and underscores."""
    runs = "".join(c if c.isalnum() or c == "_" else " " for c in text[:LONGEST].casefold())
    return runs.split()


def addresses(member: Member, text: str) -> bool:
    """Whether a text calls a character by name."""
    return bool(_addressed([member], text))


def _addressed(members: Sequence[Member], text: str) -> list[Member]:
    """The members a text calls by name, in the order of the calls."""
    plain = " ".join(text[:LONGEST].casefold().split())
    begins, ends = len(plain) - len(plain.lstrip(OPENS + ENDS)), len(plain.rstrip(ENDS))
    found = [
        (at, number, member)
        for number, member in enumerate(members)
        for name in member.names
        if (at := _called(plain, " ".join(name.casefold().split()), begins, ends)) >= 0
    ]
    return list(dict.fromkeys(member for _, _, member in sorted(found, key=lambda one: one[:2])))


def _called(text: str, name: str, begins: int, ends: int) -> int:
    """Where a text calls a name, or -1: at its beginning, at its end, or before a comma or a colon."""
    at = text.find(name) if name else -1
    while at >= 0:
        end = at + len(name)
        calls = text[end : end + 2].lstrip()[:1]
        if _whole(text, at, end) and (at <= begins or end >= ends or (calls != "" and calls in CALLS)):
            return at
        at = text.find(name, end)
    return -1


def _whole(text: str, start: int, end: int) -> bool:
    """Whether a slice is no piece of a longer word."""
    return not (start > 0 and text[start - 1].isalnum()) and not (end < len(text) and text[end].isalnum())
