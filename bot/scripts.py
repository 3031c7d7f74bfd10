"""What every face does with regex scripts: find them, read SillyTavern's, and try out what a text becomes. Knows no face."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.actor import Actor
from engine.cards import trees
from engine.cards.refusal import Unreadable
from engine.decide.craft.script import MOST, PutScript, SetScripts
from engine.decide.rejected import Rejected
from engine.events.script import ScriptsSet
from engine.execute import Executed, execute
from engine.macros.scripts import Placement, Refused, Script, apply, check
from engine.outside.clean import storable
from engine.resources.craft.kinds import SCRIPT
from engine.resources.craft.script import ScriptScope, ScriptSheet
from engine.resources.kinds import defaults, typed
from engine.store import Log
from projections.models.craft import scripts

MOST_BYTES = 1024 * 1024
"""Largest file of scripts that is looked at."""


@dataclass(frozen=True, slots=True)
class FoundScripts:
    """Scripts of a file, and in sentences which were left out and why."""

    sheets: tuple[ScriptSheet, ...]
    notes: tuple[str, ...] = ()


async def sheets_of(log: Log, scope: ScriptScope, target: str) -> tuple[ScriptSheet, ...]:
    """The scripts of a character or a server, in the order in which they run."""
    async with log.pool.connection() as connection:
        character, guild = (UUID(target), None) if scope == "character" else (None, int(target))
        positions = await scripts.of(connection, character, guild)
    return await _opened(log, positions)


async def scripts_of(log: Log, character: UUID, guild: int | None) -> tuple[Script, ...]:
    """All scripts that hold for a character in a server, as they are run."""
    async with log.pool.connection() as connection:
        positions = await scripts.of(connection, character, guild)
    return tuple(sheet.script() for sheet in await _opened(log, positions))


async def _opened(log: Log, positions: Sequence[int]) -> tuple[ScriptSheet, ...]:
    rows = {recorded.position: recorded.event for recorded in await log.at(sorted(positions)) if not recorded.erased}
    events = [rows.get(position) for position in positions]
    return tuple(sheet for event in events if isinstance(event, ScriptsSet) for sheet in event.scripts)


async def put(log: Log, actor: Actor, scope: ScriptScope, target: str, name: str, texts: Mapping[str, str], key: UUID) -> Executed:
    """Add a script or change the one of that name, from filled-in fields. Raises Rejected."""
    known = await sheets_of(log, scope, target)
    old = next((sheet for sheet in known if sheet.name.casefold() == name.strip().casefold()), None)
    before = old.model_dump() if old is not None else defaults(SCRIPT) | {"name": name.strip()}
    after, wrong = typed(SCRIPT, before, texts, new=old is None)
    for sentence in wrong.values():
        raise Rejected(sentence)
    return await execute(log, actor, PutScript(scope, target, before["name"], after), key, see=["scripts"])


async def add(log: Log, actor: Actor, scope: ScriptScope, target: str, found: FoundScripts, key: UUID) -> Executed:
    """Put the scripts of a file behind those there are; one of the same name takes its place. Raises Rejected."""
    named = {sheet.name.casefold(): sheet for sheet in (*await sheets_of(log, scope, target), *found.sheets)}
    return await execute(log, actor, SetScripts(scope, target, tuple(named.values())), key, see=["scripts"])


async def read_file(raw: bytes) -> FoundScripts:
    """The scripts in a file of SillyTavern's: one, a list, or those of a card. Raises Rejected."""
    if len(raw) > MOST_BYTES:
        raise Rejected(f"The file is larger than {MOST_BYTES // 2**20} MB.")
    try:
        tree = await asyncio.to_thread(trees.json_of, raw)
    except Unreadable as error:
        raise Rejected(str(error)) from None
    found = read(tree)
    if not found.sheets and not found.notes:
        raise Rejected("There is no regex script in this file.")
    return found


def read(tree: object) -> FoundScripts:
    """The scripts in a document of SillyTavern's. What cannot be run in linear time is named and left out. Pure."""
    sheets, notes = list[ScriptSheet](), list[str]()
    for fields in _listed(tree)[:MOST]:
        name = " ".join(storable(str(fields.get("scriptName") or "Script"), 100).split()) or "Script"
        try:
            check(Script(str(fields.get("findRegex"))))
            sheets.append(_sheet(name, fields))
        except (Refused, ValueError, TypeError) as error:
            reason = str(error) if isinstance(error, Refused) else "It has fields that cannot be read."
            notes.append(f"The script {name} was left out: {reason}")
    return FoundScripts(tuple(sheets), tuple(notes))


def _listed(tree: object) -> list[Mapping[str, Any]]:
    if isinstance(tree, Mapping) and "findRegex" not in tree:
        data = tree.get("data", tree)
        extensions = data.get("extensions") if isinstance(data, Mapping) else None
        tree = extensions.get("regex_scripts") if isinstance(extensions, Mapping) else None
    many = tree if isinstance(tree, list) else [tree]
    return [one for one in many if isinstance(one, Mapping) and one.get("findRegex")]


def _sheet(name: str, fields: Mapping[str, Any]) -> ScriptSheet:
    placement = fields.get("placement")
    places = set(placement) if isinstance(placement, list) else set()
    shown, prompt = bool(fields.get("markdownOnly")), bool(fields.get("promptOnly"))
    trim = fields.get("trimStrings")
    return ScriptSheet(
        name=name,
        find=storable(str(fields["findRegex"]), 1000),
        replace=storable(str(fields.get("replaceString") or ""), 4000),
        trim=tuple(storable(str(one), 200) for one in trim[:20]) if isinstance(trim, list) else (),
        user=Placement.USER in places,
        replies=Placement.CHARACTER in places,
        lore=Placement.LORE in places,
        holds="both" if shown == prompt else "shown" if shown else "prompt",
        least_depth=_depth(fields.get("minDepth")),
        most_depth=_depth(fields.get("maxDepth")),
        disabled=bool(fields.get("disabled")),
    )


def _depth(value: object) -> int | None:
    """A depth as SillyTavern has it: a negative one is none."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10_000 else None


def trial(sheets: Sequence[ScriptSheet], text: str) -> list[tuple[str, str]]:
    """(whose words, where; what the text becomes) for every way in which a text may be met. Pure."""
    run = [sheet.script() for sheet in sheets]
    ways = (
        ("said by a person, for the model", Placement.USER, False),
        ("a reply, for the model", Placement.CHARACTER, False),
        ("a reply, as it is shown", Placement.CHARACTER, True),
        ("a lorebook entry", Placement.LORE, False),
    )
    return [(label, apply(text, run, placement, shown=shown)) for label, placement, shown in ways]
