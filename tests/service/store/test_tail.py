"""Following the log in fewer, larger batches: what nobody waits for is taken together with what comes right after it."""

from contextlib import aclosing
from types import SimpleNamespace

import pytest

from engine.store import open_log, tail
from engine.vault import MasterKey
from tests.chaos.store.lab import message


@pytest.mark.parametrize(("urgent", "sizes"), [((), [2]), (("message.received",), [1, 1])])
async def test_what_comes_right_after_joins_a_batch_unless_somebody_waits_for_it(
    dsn: str, monkeypatch: pytest.MonkeyPatch, urgent: tuple[str, ...], sizes: list[int]
) -> None:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:

        async def more(_: float) -> None:
            await log.append(message(2))

        monkeypatch.setattr(tail, "asyncio", SimpleNamespace(sleep=more))
        await log.append(message(1))
        async with aclosing(tail.follow(dsn, 0, linger=0.01, urgent=urgent)) as batches:
            found = [len(await anext(batches))]
            if urgent:
                await log.append(message(2))
                found.append(len(await anext(batches)))
    assert found == sizes
