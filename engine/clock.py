"""The one source of time, so that a test can stop it and a replay never asks it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic as _monotonic


def _system_now() -> datetime:
    return datetime.now(UTC)


_now: Callable[[], datetime] = _system_now


def now() -> datetime:
    """The wall clock, in UTC. For what people read; never for order (that is the log's position) or durations."""
    return _now()


def monotonic() -> float:
    """Seconds on a clock that never steps back. For durations and deadlines."""
    return _monotonic()


@contextmanager
def frozen(moment: datetime | Callable[[], datetime]) -> Iterator[None]:
    """Within the block `now()` gives this moment, or what this function returns."""
    global _now
    before = _now
    _now = moment if callable(moment) else lambda: moment
    try:
        yield
    finally:
        _now = before
