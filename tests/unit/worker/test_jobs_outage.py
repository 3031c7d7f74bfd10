"""Jobs that meet an outage of Postgres are not over: they are taken up again."""

from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from engine.errors import StoreError, StoreUnavailable
from projections.follow import rebuild as rebuilding
from projections.registry import ALL
from worker.jobs import rebuild, verify
from worker.jobs.running import GiveUp, RunningJob


@pytest.mark.parametrize(("raised", "seen"), [(StoreUnavailable("away"), StoreUnavailable), (StoreError("has never run"), GiveUp)])
async def test_an_outage_ends_no_job_and_what_trying_again_cannot_help_does(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, seen: type[Exception]
) -> None:
    """Comparing and building anew, which take long enough to meet one."""

    async def away(*_: object) -> None:
        raise raised

    monkeypatch.setattr(verify, "verify", away)
    monkeypatch.setattr(rebuilding, "rebuild", away)
    work = cast(Any, SimpleNamespace(log=SimpleNamespace(dsn="")))
    for handler in (verify.HANDLER, rebuild.HANDLER):
        with pytest.raises(seen):
            await handler.run(RunningJob(work, UUID(int=1), handler.name, "test", 1, parameters={"name": ALL[0].name}))
