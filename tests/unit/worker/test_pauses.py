"""How long a call waits before it is tried again."""

import random
from statistics import mean, pstdev

from worker.turn.answer import FIRST_PAUSE, pause_s


def test_pauses_grow_and_are_spread() -> None:
    """R23: those who failed together do not come back together; each try waits twice as long as the one before, on the whole."""
    chance = random.Random(7)
    first, second = ([pause_s(count, chance) for _ in range(1_000)] for count in (1, 2))
    assert all(FIRST_PAUSE / 2 <= pause <= FIRST_PAUSE * 1.5 for pause in first)
    assert all(FIRST_PAUSE <= pause <= FIRST_PAUSE * 3 for pause in second)
    assert 1.9 < mean(second) / mean(first) < 2.1
    assert pstdev(first) > FIRST_PAUSE / 4
    assert pstdev(second) > FIRST_PAUSE / 2
