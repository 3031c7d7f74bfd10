"""Names of data keys. Pure.

A *subject* is whose words they are: `user:1`, `system`. A *key name* is one key of a subject: the first is called like the subject
itself, later ones carry their epoch: `user:1:2`. Several names joined with `+`, sorted, name the key that needs all of theirs.
A subject that ends in an epoch (`user:1:1`, `user:1:2`) means that key and no later one.
"""

import re
from collections.abc import Iterable

SYSTEM_SUBJECT = "system"
"""Seals what belongs to no person: the sample characters and presets that come with the program."""
JOINT = "+"
MOST = 64
"""So many subjects a text may have at most."""
_PINNED = re.compile(r"(user:\d+):(\d+)")


def user_subject(user_id: int) -> str:
    """Name whose words they are: a person's."""
    return f"user:{user_id}"


def key_name(subject: str, epoch: int) -> str:
    """Name a subject's key of an epoch, from 1."""
    return subject if epoch == 1 else f"{subject}:{epoch}"


def pinned(name: str) -> str:
    """The subject that means the key with this name, also when the person has got a newer one since."""
    return f"{name}:1" if name.count(":") == 1 else name


def name_of_pinned(subject: str) -> str | None:
    """The key name that a pinned subject means; None for one that means whichever key is current."""
    found = _PINNED.fullmatch(subject)
    return key_name(found[1], int(found[2])) if found else None


def base(name: str) -> str:
    """The subject of a key name."""
    found = _PINNED.fullmatch(name)
    return found[1] if found else name


def epoch(name: str) -> int:
    """The epoch of a key name, from 1."""
    found = _PINNED.fullmatch(name)
    return int(found[2]) if found else 1


def joined(names: Iterable[str]) -> str:
    """Name the key that needs all of these. Raises ValueError for none or too many."""
    distinct = sorted(set(names))
    if not 0 < len(distinct) <= MOST:
        raise ValueError(f"a sealed text needs 1 to {MOST} subjects, not {len(distinct)}")
    return JOINT.join(distinct)


def members(name: str) -> list[str]:
    """The names of the keys that one needs, which is itself unless it is joined."""
    return name.split(JOINT)
