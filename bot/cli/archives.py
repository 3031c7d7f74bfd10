"""`tzurot export` and `tzurot import`: archives of a person, a server, or everything (G4, ADR 64)."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Annotated, Literal

import typer

from engine import access, config
from engine.archive import making, taking
from engine.archive.container import ArchiveError, ArchiveManifest, ArchiveReader
from engine.archive.taking import TakenIn
from engine.embedded.folder import why
from engine.outside import numbers
from engine.store import Log, replica
from engine.terminal import Json, Yes, bars, echo, say
from engine.vault import load_master_key
from projections.archive.person import make_person
from projections.live import heartbeats
from projections.terminal import NotFound, with_log

Out = Annotated[Path, typer.Option("--out", help="The ZIP to write; it must not be there yet.")]
Opened = Annotated[bool, typer.Option("--opened/--sealed", help="Texts in the clear, or sealed as they are: that needs the master key.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Archives: of a person, of a server, of everything. `tzurot import` takes them in.")
    group.command("person")(person)
    group.command("server")(server)
    group.command("everything")(everything)
    app.add_typer(group, name="export")
    app.command("import")(import_)


def person(
    who: Annotated[int, typer.Argument(min=0, max=numbers.MOST, metavar="PERSON", help="Their id.")], out: Out, json: Json = False
) -> None:
    """Write everything a person owns or said, as JSON and readable Markdown; it is in the clear, for them alone."""

    async def work(log: Log) -> ArchiveManifest:
        async with replica.reading(log, config.settings().database_read_url) as source:
            with bars() as shown:
                return await _written(out, lambda file: make_person(source, file, who, _teller(shown.show)))

    _say(out, with_log(work), json=json)


def server(
    guild: Annotated[int, typer.Argument(min=0, max=numbers.MOST, metavar="SERVER", help="Its id.")],
    out: Out,
    opened: Opened = False,
    json: Json = False,
) -> None:
    """Write what happened in a server, with the characters that speak there."""
    _say(out, asyncio.run(_operators(out, "server", guild, opened=opened)), json=json)


def everything(out: Out, opened: Opened = False, json: Json = False) -> None:
    """Write the whole log with its files and keys, for another machine. The master key is NOT in it."""
    _say(out, asyncio.run(_operators(out, "everything", 0, opened=opened)), json=json)


async def _operators(out: Path, scope: Literal["server", "everything"], about: int, *, opened: bool) -> ArchiveManifest:
    settings = config.settings()
    async with access.log(settings) as own, replica.reading(own, settings.database_read_url) as log:
        with bars() as shown:

            async def make(file: IO[bytes]) -> ArchiveManifest:
                writer = await making.make(log, file, scope, about, opened=opened, tell=_teller(shown.show))
                writer.finish()
                return writer.manifest

            return await _written(out, make)


def _teller(show: Callable[[str, int, int], None]) -> making.Tell:
    async def tell(done: int, total: int) -> None:
        show("events", done, total)

    return tell


async def _written(out: Path, make: Callable[[IO[bytes]], Awaitable[ArchiveManifest]]) -> ArchiveManifest:
    """Write beside, then rename: a file of that name is whole. It is for its owner's eyes."""
    if out.exists():  # noqa: ASYNC240 - a look at a local folder
        raise NotFound(f"{out} exists. Choose another name; archives are never overwritten.")
    part = out.with_name(out.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
            manifest = await make(file)
            file.flush()
            os.fsync(file.fileno())
        part.rename(out)
    except OSError as error:
        raise NotFound(f"{out} cannot be written: {why(error)}.") from None
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _say(out: Path, manifest: ArchiveManifest, *, json: bool) -> None:
    counts = ", ".join(f"{count:,} {name}" for name, count in manifest.counts.items())
    left = "".join(f"\nNot in it: {count:,} {why}" for why, count in sorted(manifest.left_out.items()))
    words = f"{out}: {counts}.{left}" + (
        "" if manifest.opened else f"\nTo read its texts you need the master key (id {manifest.master_key_id}). It is not in the archive."
    )
    shown = {"file": str(out), "scope": manifest.scope, "about": manifest.about, "opened": manifest.opened}
    say(shown | {"counts": manifest.counts, "left_out": manifest.left_out}, json=json, words=words)


def import_(
    file: Annotated[Path, typer.Argument(help="An archive made by `tzurot export` or `/me export`.")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take an archive in: everything into an empty data folder, a person's or a server's beside what is there. Stop Tzurot first.

    The same archive again adds nothing.
    """
    settings = config.settings()

    async def work() -> None:
        with ArchiveReader(file) as archive:
            manifest = archive.manifest
            archive.check()
            if not yes:
                counts = ", ".join(f"{count:,} {name}" for name, count in manifest.counts.items())
                words = f"{file} is whole: {manifest.scope}, {counts}, made {manifest.made_at}. Run again with --yes to take it in."
                return say({"would_import": manifest.counts, "scope": manifest.scope}, json=json, words=words)
            async with access.log(settings) as log:
                await _stopped(log)
                take = taking.everything if manifest.scope == "everything" else taking.beside
                with bars() as shown:
                    taken = await take(log, archive, load_master_key(settings), _teller(shown.show))
            return _taken(taken, json=json)

    try:
        asyncio.run(work())
    except ArchiveError as error:
        raise NotFound(str(error)) from None


async def _stopped(log: Log) -> None:
    """A worker or a bot would begin what an archive has only half told yet. Raises NotFound."""
    async with log.pool.connection() as connection:
        running = sorted({beat.process for beat in await heartbeats.alive(connection)} & {"worker", "bot", "console"})
    if running:
        raise NotFound(f"Stop Tzurot first: {' and '.join(running)} {'is' if len(running) == 1 else 'are'} running.")


def _taken(taken: TakenIn, *, json: bool) -> None:
    left = "".join(f"\nLeft out: {count:,}, {why}" for why, count in sorted(taken.left_out.items()))
    new = taken.events - taken.repeated
    words = f"{new:,} events and {taken.files:,} files are taken in; {taken.repeated:,} events were here already.{left}"
    say({"events": new, "repeated": taken.repeated, "files": taken.files, "left_out": taken.left_out}, json=json, words=words)
    if not json and new:
        echo("Start Tzurot, and the read models follow.", err=True)
