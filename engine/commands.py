"""What the log's room adds to the command line: looking at the log, dead letters, backups, erasure, keys."""

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from engine import access, config
from engine.errors import SettingsError, StoreError
from engine.outside import numbers
from engine.terminal import Json, Yes, bars, echo, fields, say, table

if TYPE_CHECKING:
    from engine.erasure import Erased


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    log = typer.Typer(no_args_is_help=True, help="Look at the log.")
    log.command("show")(log_show)
    log.command("stats")(log_stats)
    app.add_typer(log, name="log")
    dlq = typer.Typer(no_args_is_help=True, help="Messages that could not be processed (dead letters).")
    dlq.command("list")(dlq_list)
    dlq.command("show")(dlq_show)
    dlq.command("retry")(dlq_retry)
    dlq.command("discard")(dlq_discard)
    app.add_typer(dlq, name="dlq")
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("erase")(erase)
    app.command("rotate-key")(rotate_key)


def _run[T](work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def log_show(
    which: Annotated[str, typer.Argument(help="A position or an event id.")],
    open_: Annotated[bool, typer.Option("--open", help="Show the sealed fields too. They are people's words: mind who looks on.")] = False,
    json: Json = False,
) -> None:
    """One event with its clear fields."""

    async def work() -> None:
        async with access.log(config.settings()) as log:
            found = await log.at([at]) if (at := numbers.whole(which)) is not None else [await log.find(_uuid(which))]
            if not found or found[0] is None:
                raise StoreError(f"the log has no event {which}")
            recorded = found[0]
            hidden = set() if open_ else set(type(recorded.event).SEALED)
            data = recorded.event.model_dump(mode="json", exclude=hidden)
            value = recorded.row.shown() | {"erased": recorded.erased, "data": data, "hidden": sorted(hidden)}
            say(value, json=json, words=fields(value))

    _run(work())


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise StoreError(f"{text} is neither a position nor an event id") from None


def log_stats(json: Json = False) -> None:
    """How many events of which type, how much space, and whether positions are without gaps."""

    async def work() -> None:
        async with access.log(config.settings()) as log:
            found = await log.stats()
        say(asdict(found), json=json)
        if not json:
            echo(f"{found.events:,} events up to position {found.head:,}, {found.bytes / 1e6:,.1f} MB, {found.subjects:,} data keys")
            table(("type", "events"), [(name, f"{count:,}") for name, count in found.types.items()], empty="Nothing has happened yet.")
        if found.events != found.head:
            raise StoreError(f"the log has {found.events} events but its head stands at {found.head}: restore a backup")

    _run(work())


def dlq_list(json: Json = False) -> None:
    """Dead letters that wait for a decision."""
    from engine.bus import deadletters

    async def work() -> None:
        async with access.log(config.settings()) as log:
            letters = await deadletters.waiting(log)
        say([asdict(letter) for letter in letters], json=json)
        if not json:
            rows = [(letter.id, letter.consumer, letter.subject, letter.error, letter.why, letter.at) for letter in letters]
            table(("id", "consumer", "subject", "error", "why", "at"), rows, empty="No dead letter waits for a decision.")

    _run(work())


def _letter(work: Any, which: str) -> None:
    from engine.bus import deadletters

    async def find() -> None:
        async with access.log(config.settings()) as log:
            letters = [letter for letter in await deadletters.waiting(log) if which == "all" or str(letter.id).startswith(which)]
            if not letters:
                raise StoreError(f"no dead letter {which} is waiting; see `tzurot dlq list`")
            for letter in letters:
                await work(log, letter)

    _run(find())


Which = Annotated[str, typer.Argument(help="Id of the dead letter, its beginning, or `all`.")]


def dlq_show(which: Which, json: Json = False) -> None:
    """One dead letter, and the event it was about (clear columns)."""

    async def work(log: Any, letter: Any) -> None:
        rows = [r.row.shown() for r in await log.at([letter.log_position])] if letter.log_position else []
        value = asdict(letter) | {"event": rows[0] if rows else None}
        say(value, json=json, words=fields(value))

    _letter(work, which)


def dlq_retry(which: Which, json: Json = False) -> None:
    """Send the reference on its way again."""
    from engine.bus import deadletters

    settings = config.settings()
    url = config.require_nats(settings)

    async def work(log: Any, letter: Any) -> None:
        await deadletters.retry(log, url, letter)
        say({"id": letter.id, "retried": True}, json=json, words=f"{letter.id} is on its way again")

    _letter(work, which)


def dlq_discard(which: Which, json: Json = False) -> None:
    """Close a dead letter without doing anything."""
    from engine.bus import deadletters

    async def work(log: Any, letter: Any) -> None:
        await deadletters.discard(log, letter)
        say({"id": letter.id, "discarded": True}, json=json, words=f"{letter.id} is closed")

    _letter(work, which)


def backup(
    file: Annotated[Path | None, typer.Argument(help="Where to; default: backups/ in the data folder.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Write a backup of the database while it is in use. The master key is NOT in it: keep that elsewhere."""
    from engine import backup as backups
    from engine import clock
    from engine.vault import load_master_key

    settings = config.settings()
    target = file or settings.tzurot_data / "backups" / backups.default_name(clock.now())

    async def work() -> None:
        async with access.database(settings) as dsn:
            made = await backups.backup(dsn, target, load_master_key(settings), lambda line: echo(line, err=True))
        words = (
            f"{target}: {made.events:,} events, {made.bytes / 1e6:,.1f} MB. To read the texts after a restore you need the master key "
            f"(id {made.master_key_id}). It is not in the backup."
        )
        say({"file": str(target)} | asdict(made), json=json, words=words)

    _run(work())


def restore(
    file: Annotated[Path, typer.Argument(help="The backup; its .json must lie beside it.")],
    replace: Annotated[bool, typer.Option("--replace", help="Also when the database holds events; it is kept under another name.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put a backup in the place of the database. Stop Tzurot first."""
    from engine import backup as backups
    from engine.vault import load_master_key

    settings = config.settings()

    async def work() -> None:
        found = await backups.inspect(file)
        if not yes:
            words = f"The backup is intact ({found.events:,} events, {found.made_at}). Nothing was restored. Run again with --yes."
            return say({"would_restore": asdict(found)}, json=json, words=words)
        async with access.database(settings, migrated=False) as dsn:
            tell = lambda line: echo(line, err=True)  # noqa: E731  # shorter here than a function of its own
            folder = settings.tzurot_data
            done = await backups.restore(dsn, file, load_master_key(settings), tell, replace=replace, folder=folder)
        again = f" Erased again, as it was after the backup: {', '.join(map(str, done.erased_again))}." if done.erased_again else ""
        kept = f" The database from before is kept as {done.kept}." if done.kept else ""
        return say(asdict(done), json=json, words=f"Restored up to position {done.position:,}.{again}{kept}")

    _run(work())


def erase(
    user: Annotated[int, typer.Argument(help="The person's Discord id.")],
    requested_by: Annotated[int, typer.Option(help="Who asked; default: the person.", show_default=False)] = 0,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Make everything a person wrote unreadable for good: log, read models, vectors, later backups. Cannot be undone."""
    from engine import erasure

    async def work() -> None:
        async with access.log(config.settings()) as log:
            if not yes:
                would = await erasure.preview(log, user)
                words = f"This makes {would.events:,} events by user {user} permanently unreadable. Run again with --yes to do it."
                return say({"would_erase": asdict(would)}, json=json, words=words)
            done = await erasure.erase(log, user, requested_by or user, config.settings().tzurot_data)
        return say(
            asdict(done),
            json=json,
            words=_erased_words(done),
        )

    _run(work())


def _erased_words(done: "Erased") -> str:
    if not done.had_key:
        words = "There was nothing left to erase."
    else:
        words = f"Erased {done.events:,} events. Running processes forget them within {done.everywhere_after_s:.0f} seconds."
    return words + _still_in(done.still_in)


def _still_in(places: tuple[str, ...]) -> str:
    if not places:
        return ""
    return " What was written before can still be read in these; delete them when you need them no more:\n  " + "\n  ".join(places)


def rotate_key(
    yes: Yes = False,
    keep_old: Annotated[
        bool | None,
        typer.Option(help="Keep the old key as master.key.<id>. Default: only while a backup here needs it.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Wrap all data keys with a new master key, while everything runs. May be repeated after an interruption.

    With MASTER_KEY in the environment, give the new one in NEW_MASTER_KEY, then restart everything with it as MASTER_KEY.
    """
    from engine import rotation
    from engine.vault import MasterKey, load_master_key

    settings = config.settings()
    new = os.environ.get("NEW_MASTER_KEY", "")
    if settings.master_key is not None and len(new) != 64:
        raise SettingsError("MASTER_KEY is set: give the new key, 64 hexadecimal digits, in NEW_MASTER_KEY.")
    if not yes:
        return say(
            {"would_rotate": True},
            json=json,
            words="This makes a new master key and wraps all data keys with it. Run again with --yes to do it.",
        )

    async def work() -> None:
        master = load_master_key(settings)
        with bars() as shown:
            tell = lambda done, total: shown.show("keys", done, total)  # noqa: E731  # shorter here than a function of its own
            async with access.log(settings) as log:
                if master.file is None:
                    done = await rotation.rotate(log, master, MasterKey.of(bytes.fromhex(new)), tell)
                else:
                    done = await rotation.rotate_file(log, master.file, tell, keep_old=keep_old)
        advice = " Now restart everything with the new MASTER_KEY." if master.file is None else ""
        words = f"{done.keys:,} data keys are wrapped by master key {done.to_key_id} now.{advice}"
        say(asdict(done), json=json, words=words + _still_in(done.still_in))

    return _run(work())
