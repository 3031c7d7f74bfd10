"""Master keys of before a rotation: kept only while something here needs them."""

import asyncio
import os
import re
from contextlib import suppress
from pathlib import Path

import orjson

from engine import data_keys, embedded, scrub
from engine.store import connect
from engine.vault import MasterKey, sync_folder

_KEPT = re.compile(r"master\.key\.([0-9a-f]{16})(\.old)?")
"""`.old`: kept by us while it is needed. Without it somebody asked to keep it, and only they take it away."""


def keep(path: Path, old: MasterKey, *, asked: bool) -> None:
    """Keep the key in `path` beside it, for good when somebody `asked`, else until nothing needs it."""
    kept = path.with_name(f"{path.name}.{old.id}{'' if asked else '.old'}")
    with suppress(FileExistsError):
        os.link(path, kept)


async def needed(dsn: str, folder: Path) -> dict[str, str]:
    """The ids of master keys that a backup in the data folder or a database on the server needs, and what needs it."""
    found = await asyncio.to_thread(_by_backups, folder)
    async with await connect.connect(dsn, application="tzurot keys") as connection:
        here = await data_keys.wrapped_by(connection)
        kept = await scrub.kept_databases(connection)
    found |= dict.fromkeys(here, "this database")
    for name in kept:
        with suppress(*connect.TROUBLE):
            async with await connect.connect(embedded.with_database(dsn, name), application="tzurot keys") as connection:
                found |= dict.fromkeys(await data_keys.wrapped_by(connection), f"database {name}")
    return found


async def prune(dsn: str, folder: Path) -> list[str]:
    """Remove kept keys that nothing needs any more. Returns the files that are left, each with what it still opens."""
    files = await asyncio.to_thread(
        lambda: [(file, found) for file in sorted(folder.glob("master.key.*")) if (found := _KEPT.fullmatch(file.name))]
    )
    uses = await needed(dsn, folder) if files else {}
    left = []
    for file, found in files:
        if found[2] and found[1] not in uses:
            file.unlink(missing_ok=True)
            await asyncio.to_thread(sync_folder, folder)
        else:
            left.append(f"{file}, which opens {uses.get(found[1], 'copies made before that key was replaced, if you have any')}")
    return left


def _by_backups(folder: Path) -> dict[str, str]:
    found = {}
    for manifest in (folder / "backups").glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found[str(orjson.loads(manifest.read_bytes())["master_key_id"])] = str(manifest.with_suffix(""))
    return found
