"""A request that a provider refused, made so that it takes it; and what was learned from that, kept for the next one."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from engine import clock, ids, log
from engine.decide.spending.quota import to_milliseconds
from engine.decide.spending.turn_model import Model, Quirks
from engine.events.build import new
from engine.events.model import ModelQuirksNoted
from engine.fault import Fault
from engine.store import connect
from worker.providers.refusals import remedy
from worker.work import Work

MOST = 3
"""Times one model is asked again within a turn because of what it refuses."""
REMEMBERED = timedelta(days=30)
"""What was learned is tried again after that: providers change."""
PATIENCE_SECONDS = 2.0
_log = log.get("mending")


async def mended(work: Work, model: Model, request: Mapping[str, Any], fault: Fault, turn: UUID, number: int) -> Model | None:
    """The model as it is to be treated after this refusal of call `number`; None when the refusal says nothing new."""
    found = remedy(fault, request)
    if found is None:
        return None
    treated = model.noting(found.quirks)
    if (treated.forbidden, treated.renamed, treated.messages) == (model.forbidden, model.renamed, model.messages):
        return None
    if found.lasting:
        await _remember(work, model.id, found.quirks, turn, number)
    return treated


async def _remember(work: Work, model: str, quirks: Quirks, turn: UUID, number: int) -> None:
    """Note it for every turn to come. An answer does not wait for Postgres to be back: then it is learned once more."""
    until = to_milliseconds(clock.now() + REMEMBERED)
    event = ModelQuirksNoted(
        model=model,
        forbidden=quirks.forbidden,
        renamed=dict(quirks.renamed),
        messages=quirks.messages,
        learned=True,
        until_ms=until,
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await work.log.append(new(event, ids.derived("model-quirks", turn, number)))
    except TimeoutError:
        return
    except connect.TROUBLE as error:
        _log.warning("not remembered", model=model, error=type(error).__name__)
        return
    _log.info("learned from a refusal", model=model, forbidden=event.forbidden, renamed=event.renamed, messages=event.messages)
