"""The sections of a prompt and their order, which is one list: what changes least comes first."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.store import Log
from engine.store.beside import beside
from projections.prompt.section import Chosen, Moment, Section, Settling, Snapshot
from projections.prompt.sections import (
    character,
    directives,
    history,
    lore,
    memories,
    note,
    pictures,
    platform,
    profile,
    request,
    silence,
    situation,
)

ORDER: tuple[Section, ...] = (
    *(platform, lore, character, directives, profile, history, memories, note),
    *(pictures, situation, silence, request),
)


async def select(snapshot: Snapshot, order: Sequence[Section] = ORDER) -> dict[str, Chosen]:
    """What each section is to be made of. Raises Unanswerable when the turn has lost what it is about.

    They all ask at once, which in a pipeline costs as many round trips as the one with the most questions needs.
    """
    coming: dict[str, asyncio.Future[Chosen]] = {}

    async def other(name: str) -> Chosen:
        # Shielded: who waits for it may be given up before whoever makes it.
        return await asyncio.shield(coming[name]) if name in coming else Chosen()

    async def one(section: Section) -> Chosen:
        promised = coming[section.NAME]
        try:
            chosen = await section.select(replace(snapshot, other=other))
        except BaseException as error:
            promised.set_exception(error)
            promised.exception()  # looked at: whether anybody waits for it or not
            raise
        promised.set_result(chosen)
        return chosen

    coming.update((section.NAME, asyncio.get_running_loop().create_future()) for section in order)
    found = await beside(*(one(section) for section in order))
    return {section.NAME: chosen for section, chosen in zip(order, found, strict=True)}


async def load(log: Log, chosen: Mapping[str, Chosen], as_of: int, order: Sequence[Section] = ORDER) -> dict[str, Any]:
    """The data of each section, from the log."""
    found = await beside(*(section.load(log, chosen[section.NAME], as_of) for section in order))
    return {section.NAME: data for section, data in zip(order, found, strict=True)}


async def settled(
    log: Log, chosen: Mapping[str, Chosen], data: Mapping[str, Any], as_of: int, moment: Moment, order: Sequence[Section] = ORDER
) -> tuple[dict[str, Chosen], dict[str, Any]]:
    """The choice and the data once the sections that depend on others have chosen."""
    final, found = dict(chosen), dict(data)
    for section in order:
        if isinstance(section, Settling):
            name = section.NAME
            final[name] = section.settle(found[name], found, moment)
            found[name] = await section.load(log, final[name], as_of)
    return final, found


__all__ = ["ORDER", "load", "select", "settled"]
