"""Named places where a chaos run may make a process die, hang or raise. Off unless `UNSAFE_FAILPOINTS=true`.

`CHAOS_FAIL` holds comma-separated `name:action[:count]`; actions are kill, stop (SIGSTOP), raise, and sleep=SECONDS.
With a count the action is taken at that passage only (1 is the first).
"""

import os
import signal
import time
from collections import Counter
from dataclasses import dataclass

_passages: Counter[str] = Counter()


class Injected(Exception):
    """Raised by the action `raise`."""


@dataclass(frozen=True, slots=True)
class Failpoint:
    name: str
    action: str
    count: int | None


def parse(text: str) -> list[Failpoint]:
    """`a.b:kill,c:sleep=2:3` -> the failpoints it names; ValueError when an entry has no action."""
    return [_parse_one(entry.strip()) for entry in text.split(",") if entry.strip()]


def _parse_one(entry: str) -> Failpoint:
    name, colon, rest = entry.partition(":")
    action, _, count = rest.partition(":")
    if not colon or not action:
        raise ValueError(f"a failpoint is written name:action[:count], not {entry!r}")
    return Failpoint(name, action, int(count) if count else None)


def _load() -> dict[str, Failpoint]:
    if os.environ.get("UNSAFE_FAILPOINTS", "").lower() not in {"1", "true", "yes"}:
        return {}
    return {point.name: point for point in parse(os.environ.get("CHAOS_FAIL", ""))}


_active = _load()


def failpoint(name: str) -> None:
    """Mark a place by name. Does nothing outside a chaos run."""
    if not _active or (point := _active.get(name)) is None:
        return
    _passages[name] += 1
    if point.count is None or point.count == _passages[name]:
        _act(point)


def _act(point: Failpoint) -> None:
    if point.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif point.action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif point.action.startswith("sleep="):
        time.sleep(float(point.action.removeprefix("sleep=")))
    else:
        raise Injected(point.name)
