"""With a paid answer in hand an outage of Postgres is sat out, not paid for again (I4)."""

from types import SimpleNamespace
from typing import Any

from engine.errors import StoreUnavailable
from worker.turn.generate import _is_deleted

TURN: Any = SimpleNamespace(message_id=7)


class _Away:
    """A log that cannot be asked `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def find(self, _: object) -> object | None:
        self.times -= 1
        if self.times >= 0:
            raise StoreUnavailable("away")
        return None


async def test_an_outage_is_sat_out() -> None:
    """The question is asked again until Postgres answers, whatever became of the lease: a second end would only be a repeat."""
    log = _Away(3)
    work: Any = SimpleNamespace(log=log)
    assert await _is_deleted(work, TURN) is False
    assert log.times == -1
