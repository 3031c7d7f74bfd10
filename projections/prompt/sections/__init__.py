"""The sections of a prompt and their order, which is one list: what changes least comes first."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.store import Log
from projections.prompt.section import Chosen, Section, Snapshot
from projections.prompt.sections import character, history, platform, request, silence, situation

ORDER: tuple[Section, ...] = (platform, character, history, situation, silence, request)


async def select(snapshot: Snapshot, order: Sequence[Section] = ORDER) -> dict[str, Chosen]:
    """What each section is to be made of. Raises Unanswerable when the turn has lost what it is about."""
    return {section.NAME: await section.select(snapshot) for section in order}


async def load(log: Log, chosen: Mapping[str, Chosen], as_of: int, order: Sequence[Section] = ORDER) -> dict[str, Any]:
    """The data of each section, from the log."""
    return {section.NAME: await section.load(log, chosen[section.NAME], as_of) for section in order}


__all__ = ["ORDER", "load", "select"]
