"""Everything a person owns or said, as one ZIP: the events, and what they come to as JSON and readable Markdown."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import IO, Any

import orjson

from engine.archive.container import ArchiveManifest, ArchiveWriter
from engine.archive.making import Tell, make, untold
from engine.archive.readable import Conversations
from engine.resources.field import values
from engine.resources.files import to_file
from engine.resources.kinds import CHARACTER, PRESET
from engine.resources.places.kinds import PERSONA
from engine.store import Log, Stored
from projections.models import catalog, keys, usage
from projections.models.craft import lorebooks
from projections.models.memories import noted
from projections.models.places import personas, profiles

MOST_MEMORIES = 1_000_000
README = """# Your data

Made {made_at} by Tzurot, for the person with the id {person}.

- `characters/`, `presets/`: what you made, each as a file that can be imported again.
- `profile.json`, `personas.json`: who you told characters that you are. `memories.md` and `memories.json`: what is remembered of you.
- `lorebooks.json`: your lorebooks. `conversations/`: what you said and what characters answered you, by channel.
- `keys.json`: that you gave a key, and its last four letters. The key itself is nobody's to read, also not yours.
- `usage.json`: what your answers used. `files/`: pictures and cards, by their addresses.
- `events.jsonl`: all of it as it happened, one event a line. Another Tzurot takes the archive in (`tzurot import`).

{left_out}
"""


async def make_person(log: Log, file: IO[bytes], person: int, tell: Tell = untold) -> ArchiveManifest:
    """Write a person's archive; returns its manifest."""
    async with log.pool.connection() as connection:
        own = [one for one in await catalog.characters(connection, log.vault) if not one.erased]
    said = Conversations({str(one.id): one.name for one in own})

    def seen(row: Stored, line: bytes) -> None:
        if row.type.startswith(("message.", "turn.completed", "reply.")):
            found = orjson.loads(line)
            said.add(row.type, row.occurred_at, found["data"] | found.get("opened", {}))

    writer = await make(log, file, "person", person, tell=tell, seen=seen)
    await _owned(log, writer, person, [one for one in own if one.owner_id == person])
    for channel, text, count in said.texts():
        writer.add(f"conversations/{channel}.md", text.encode("utf-8", "replace"))
        writer.manifest.counts["said"] = writer.manifest.counts.get("said", 0) + count
    writer.add("README.md", _readme(writer.manifest).encode())
    writer.finish()
    return writer.manifest


async def _owned(log: Log, writer: ArchiveWriter, person: int, characters: list[catalog.Character]) -> None:
    counts = writer.manifest.counts
    for one in characters:
        writer.add(f"characters/{one.slug}.json", _json(to_file(CHARACTER, values(one.sheet))))
    async with log.pool.connection() as connection:
        presets = [one for one in await catalog.presets(connection, log.vault) if one.owner_id == person and not one.erased]
        notes = (await noted.of_person(connection, log.vault, person, limit=MOST_MEMORIES))[::-1]
        mine = list(await keys.browse(connection, person))
        used = {by: [asdict(line) for line in await usage.summary(connection, by, user=person, limit=100_000)] for by in ("day", "model")}
        own = await profiles.all_of(connection, log.vault, person)
        who = await personas.of(connection, log.vault, person)
        books = [book for book in await lorebooks.shelf(connection) if book.owner_id == person]
    for preset in presets:
        writer.add(f"presets/{preset.id}.json", _json(to_file(PRESET, values(preset.sheet))))
    memories = [{name: value for name, value in asdict(note).items() if name != "position"} for note in notes]
    masked = [asdict(key) | {"key": f"…{key.last4}"} for key in mine]
    shelf = [await _book(log, book) for book in books]
    writer.add("profile.json", _json({str(character): values(sheet) for character, sheet in own.items()}))
    writer.add("personas.json", _json({str(one.id): to_file(PERSONA, values(one.sheet)) for one in who}))
    writer.add("memories.json", _json(memories))
    writer.add("memories.md", _memories(notes).encode("utf-8", "replace"))
    writer.add("lorebooks.json", _json(shelf))
    writer.add("keys.json", _json(masked))
    writer.add("usage.json", _json(used))
    counts |= {
        "characters": len(characters),
        "presets": len(presets),
        "personas": len(who),
        "memories": len(notes),
        "lorebooks": len(shelf),
        "provider keys": len(mine),
    }


async def _book(log: Log, book: lorebooks.Shelved) -> dict[str, Any]:
    """A lorebook's sheet and its entries, as they stand in the log."""
    found = await log.at([book.position, *dict.fromkeys(position for _, position in book.entries)])
    attached = [f"{scope}:{target}" for scope, target in book.attached]
    return {"id": book.lorebook, "attached": attached, "said": [one.event.model_dump(mode="json") for one in found]}


def _memories(notes: list[noted.Note]) -> str:
    lines = [f"- {note.at:%Y-%m-%d}: {note.text}" for note in notes]
    return "\n".join(["# What is remembered of you", "", *(lines or ["Nothing."])]) + "\n"


def _readme(manifest: ArchiveManifest) -> str:
    told = [f"- {why}: {count:,}" for why, count in sorted(manifest.left_out.items())]
    left = "\n".join(["Not in it:", "", *told]) if told else "Nothing was left out."
    return README.format(made_at=manifest.made_at[:19], person=manifest.about, left_out=left)


def _json(tree: Mapping[str, Any] | list[Any]) -> bytes:
    return orjson.dumps(tree, _plain, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)


def _plain(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(type(value).__name__)
