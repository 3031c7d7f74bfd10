"""Regex scripts of a character and its server, as steps of rendering a prompt (I14): what is stored stays as it was said.

Reference: `s:POSITION` of what set them, in the order in which they run.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from engine.events import Event
from engine.events.script import ScriptsSet
from engine.macros.scripts import Script
from engine.store import Recorded
from engine.store.connect import Connection
from projections.models.craft import scripts

PREFIX = "s:"


async def references(connection: Connection, character: UUID, guild: int | None) -> tuple[str, ...]:
    """The references of the scripts that hold for a character in a server."""
    return tuple(f"{PREFIX}{position}" for position in await scripts.of(connection, character, guild))


def positions(refs: Iterable[str]) -> list[int]:
    """Where the scripts among these references stand. LookupError for a reference that is none."""
    found = [ref.removeprefix(PREFIX) for ref in refs if ref.startswith(PREFIX)]
    if wrong := [ref for ref in found if not ref.isdecimal()]:
        raise LookupError(f"{wrong[0][:100]} is no reference to scripts")
    return [int(ref) for ref in found]


def of(rows: Mapping[int, Recorded[Event]], refs: Iterable[str]) -> tuple[Script, ...]:
    """The scripts, in order; none of whoever was erased. LookupError when something is not there."""
    made: list[Script] = []
    for position in positions(refs):
        recorded = rows.get(position)
        if recorded is None or not isinstance(event := recorded.event, ScriptsSet):
            raise LookupError(f"position {position} of the log sets no scripts")
        made += [sheet.script() for sheet in event.scripts]
    return tuple(made)
