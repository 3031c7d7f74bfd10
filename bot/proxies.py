"""Exports of PluralKit and Tupperbox on their way to personas, for every face; knows no face."""

import asyncio
from dataclasses import dataclass, field

from bot import editing
from engine import ids
from engine.actor import Actor
from engine.cards.proxies import ProxyExport, read_export
from engine.cards.refusal import Unreadable
from engine.decide.places import persona
from engine.decide.rejected import Rejected
from engine.resources.typed import Wrong
from engine.store import Log

MOST_BYTES = 8 * 1024 * 1024


@dataclass(slots=True)
class TakenPersonas:
    """Names of the personas that were made; how many were here before; what could not be taken, in sentences."""

    program: str
    made: list[str] = field(default_factory=list)
    repeated: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        return f"{len(self.made):,} personas came in from {self.program}; {self.repeated:,} were here already."


async def read(raw: bytes) -> ProxyExport:
    """Look at a file. Raises Rejected."""
    try:
        return await asyncio.to_thread(read_export, raw)
    except Unreadable as error:
        raise Rejected(str(error)) from None


async def take(log: Log, actor: Actor, export: ProxyExport) -> TakenPersonas:
    """Make a persona of each member; one that came in before stays as it is now, also when it was deleted since."""
    taken = TakenPersonas(export.program, notes=list(export.bad))
    for one in export.personas:
        persona_id = ids.derived("proxy-persona", actor.user_id, export.program, one.key)
        try:
            done = await editing.carry_out(
                log, actor, persona.Create(persona_id, one.fields, measured=False), ids.derived("proxy-create", persona_id)
            )
        except (Rejected, Wrong) as error:
            taken.notes.append(f"{one.name} was left out: {error}")
            continue
        if done.repeated:
            taken.repeated += 1
        else:
            taken.made.append(one.name)
            taken.notes += [f"{one.name}: no place here for {', '.join(one.left)}"] if one.left else []
    return taken
