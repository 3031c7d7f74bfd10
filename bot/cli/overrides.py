"""`tzurot preset override`: which preset answers where, and who chose it."""

from typing import Annotated
from uuid import UUID

import typer

from bot import editing
from bot.cli.acting import OPERATOR, carry
from bot.cli.output import listed
from engine import config, ids
from engine.decide.places.override import OverridePreset
from engine.resources.kinds import CHARACTER, PRESET
from engine.store import Log
from engine.terminal import Json, say
from projections.models.places import overrides


def override(
    which: Annotated[str, typer.Argument(help="Name or id; without it what holds is shown.", show_default=False)] = "",
    person: Annotated[int | None, typer.Option("--person", help="A person, by their id.", min=1, max=2**63 - 1)] = None,
    character: Annotated[str, typer.Option("--character", help="The character with which it answers that person.")] = "",
    channel: Annotated[int | None, typer.Option("--channel", help="A channel of the server, by its id.", min=1, max=2**63 - 1)] = None,
    server: Annotated[int | None, typer.Option("--server", help="A server, by its id.", min=1, max=2**63 - 1)] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Choose none there any more.")] = False,
    json: Json = False,
) -> None:
    """Choose the preset that answers a person with a character, a channel or a server; or show which answers a person, and every choice."""

    async def work(log: Log) -> None:
        about = (await editing.find(log, CHARACTER, OPERATOR, character)).id if character else None
        if not which and not clear:
            place = overrides.Place(server, channel)
            return await (_all(log, json=json) if person is None else _decided(log, person, about, place, json=json))
        item = None if clear else await editing.find(log, PRESET, OPERATOR, which)
        done = await editing.carry_out(
            log, OPERATOR, OverridePreset(item.id if item else None, person, about, channel, server), ids.random_id()
        )
        words = f"{item.name} answers there now." if item else "No preset is chosen there any more."
        shown = {"preset": str(item.id) if item else None, "changed": bool(done.events)}
        return say(shown, json=json, words=words if done.events else "Nothing changed: it is so already.")

    carry(work)


async def _decided(log: Log, person: int, character: UUID | None, place: overrides.Place, *, json: bool) -> None:
    """Show which preset answers a person, and who chose it."""
    async with log.pool.connection() as connection:
        found = await overrides.answering(connection, log.vault, person, character, place)
    if found is None:
        return say({}, json=json, words=f"No preset is chosen: {config.settings().default_model} answers {person}.")
    shown = {"preset": str(found.value.id), "name": found.value.name, "tier": found.tier, "before": list(found.beaten)}
    return say(shown, json=json, words=f"{found.value.name} ({found.value.model}) answers {person}: {found.tier} decides.")


async def _all(log: Log, *, json: bool) -> None:
    """Show every choice there is."""
    presets = {item.id: item.name for item in await editing.items(log, PRESET, OPERATOR)}
    names = {item.id: item.handle for item in await editing.items(log, CHARACTER, OPERATOR)}
    async with log.pool.connection() as connection:
        found = await overrides.everywhere(connection)
    rows = [
        {
            "preset": presets.get(one.preset, "deleted"),
            "person": str(one.person or ""),
            "character": names.get(one.character, "") if one.person else "",
            "channel": str(one.channel or ""),
            "server": str(one.guild or ""),
            "chosen by": str(one.chosen_by),
        }
        for one in found
    ]
    listed(rows, "No preset is chosen for a place. `tzurot preset override NAME --server ID` chooses one.", json=json)


__all__ = ["override"]
