"""Checks of `tzurot doctor` that other rooms than its own bring along; each is made when the command line starts."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.config import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `detail` is what was found, or what to do when it is not ok."""

    name: str
    ok: bool
    detail: str


BROUGHT: dict[str, Callable[[Settings], list[Finding]]] = {}
"""Name -> what looks. Each is given the settings, changes nothing, and takes a few seconds at most."""
