"""The sections of a prompt and their order, which is one list: what changes least comes first."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.store import Log
from engine.store.together import answers
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
    relationship,
    request,
    silence,
    situation,
    tools,
    variables,
)

ORDER: tuple[Section, ...] = (
    *(platform, lore, variables, character, directives, profile, history, relationship, memories, note),
    *(pictures, situation, silence, request, tools),
)


async def select(snapshot: Snapshot, order: Sequence[Section] = ORDER) -> dict[str, Chosen]:
    """What each section is to be made of. Raises Unanswerable when the turn has lost what it is about."""
    choosing: dict[str, asyncio.Task[Chosen]] = {}
    for section in order:
        choosing[section.NAME] = asyncio.create_task(_chosen(section, replace(snapshot, other=_other(dict(choosing)))))
    return dict(zip(choosing, await answers(*choosing.values()), strict=True))


async def _chosen(section: Section, snapshot: Snapshot) -> Chosen:
    return await section.select(snapshot)


def _other(choosing: Mapping[str, asyncio.Task[Chosen]]) -> Callable[[str], Awaitable[Chosen]]:
    async def other(name: str) -> Chosen:
        return await choosing[name] if name in choosing else Chosen()

    return other


async def load(log: Log, chosen: Mapping[str, Chosen], as_of: int, order: Sequence[Section] = ORDER) -> dict[str, Any]:
    """The data of each section, from the log."""
    return {section.NAME: await section.load(log, chosen[section.NAME], as_of) for section in order}


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
