"""Each of the store's fault rows with a few trials; `tzurot chaos R12 --events 1000000` and its like are the full runs."""

import os
from dataclasses import replace

import pytest

from tests.chaos.store import lab, r07, r08, r09, r10, r11, r12, r13, r21, r26, r33, r38, r39, r45


def held(result: dict[str, object]) -> None:
    assert result["passed"], result


async def test_r07_postmaster_killed() -> None:
    """Nothing acknowledged is lost."""
    held(await r07.run(trials=2, timely=False))


async def test_r08_answers_lost() -> None:
    """Success is reported as success."""
    held(await r08.run(trials=12))


async def test_r09_postgres_away() -> None:
    """Order kept, everything stored soon after."""
    held(await r09.run(trials=1, events=2, timely=False))


async def test_r10_half_open_socket() -> None:
    """Noticed; how soon is what the full row says."""
    held(await r10.run(trials=1, timely=False))


async def test_r11_disk_full() -> None:
    """Refused whole, and on again when there is room. Only root can mount the small disk: others see that it says so."""
    if os.geteuid() == 0:
        held(await r11.run(trials=1))
    else:
        with pytest.raises(Exception, match="root"):
            await r11.run(trials=1)


async def test_r12_many_writers() -> None:
    """A tailing reader misses nothing."""
    held(await r12.run(trials=1, events=800))


@pytest.mark.timeout(400)
async def test_r13_projector_killed() -> None:
    """Checkpoint and rows move together; only the poisoned one stops."""
    held(await r13.run(trials=2, events=400, timely=False))


async def test_r21_large_event() -> None:
    """Stored whole, published as a reference."""
    held(await r21.run(trials=1))


async def test_r26_the_same_twice() -> None:
    """Stored once."""
    held(await r26.run(trials=15))


async def test_r33_skewed_clocks() -> None:
    """Order by position."""
    held(await r33.run(trials=2))


@pytest.mark.timeout(400)
async def test_r38_erasure_under_load() -> None:
    """Nothing left to find, nothing comes back."""
    held(await r38.run(trials=1, rate=10.0, timely=False))


async def test_r39_rotation_killed() -> None:
    """Everything opens that should, nothing else does."""
    held(await r39.run(trials=2, events=200))


async def test_a_readable_word_fails_any_row() -> None:
    """I8: every row's database is searched for what people said; here somebody's words are a stream's name."""
    with pytest.raises(AssertionError, match="what somebody said stands in"):
        async with lab.database() as server, lab.opened(server.dsn) as log:
            await log.append(replace(lab.message(1), stream=lab.CANARY))


async def test_r45_attempts_to_recover_the_erased() -> None:
    """From the files; the other ways are tests of the vault's own."""
    held(await r45.run(trials=1))
