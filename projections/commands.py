"""What the read models' room adds to the command line: rebuild, verify, time travel, and the way on after poison."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from psycopg import AsyncConnection

from engine import access, blobs, config
from engine.errors import StoreError
from engine.events.base import Tags
from engine.store import Query, Stored
from engine.terminal import Json, Yes, bars, echo, say, table
from projections import past, tail
from projections.base import Projection
from projections.follow import aside, runner
from projections.follow import rebuild as rebuilding
from projections.follow import verify as verifying
from projections.registry import ALL, named
from projections.terminal import group

LogLimit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many events.")]
Names = Annotated[list[str] | None, typer.Argument(help="Read models; default: all.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command("projections")(run_projections)
    app.command("rebuild")(rebuild)
    app.command("verify")(verify)
    app.command("as-of")(as_of)
    models = typer.Typer(no_args_is_help=True, help="Show the read models; resume one that has stopped.")
    models.command("list")(models_list)
    models.command("resume")(models_resume)
    models.command("aside")(models_aside)
    models.command("take-back")(models_take_back)
    models.command("skip")(models_skip)
    app.add_typer(models, name="read-models")
    group(app, "log", "Look at the log.").command("tail")(log_tail)


def run_projections() -> None:
    """Keep the read models in step with the log and relay it, until stopped. `tzurot run` starts one of these by itself."""
    from engine import process
    from projections.__main__ import main

    process.run(main, service="projections")


def _chosen(names: Sequence[str] | None) -> list[Projection]:
    try:
        return [named(name) for name in names] if names else list(ALL)
    except KeyError as error:
        raise StoreError(f"there is no read model {error}; there are {', '.join(p.name for p in ALL)}") from None


def rebuild(
    names: Names = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the old tables, so that --switch-back is possible.")] = False,
    switch_back: Annotated[bool, typer.Option("--switch-back", help="Serve the kept tables again instead.")] = False,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="How many at the same time.")] = 2,
    preview: Annotated[bool, typer.Option("--preview", help="Only show what would be done.")] = False,
    json: Json = False,
) -> None:
    """Build read models anew from the log beside the serving ones, then switch at once. Goes on where an interrupted one was."""
    chosen = _chosen(names)

    async def work() -> None:
        async with access.database(config.settings()) as dsn:
            if preview:
                return await _preview(dsn, chosen, json=json)
            if switch_back:
                return await _switch_back(dsn, chosen, json=json)
            with bars() as shown:
                tell = lambda report: shown.show(report.name, report.position, report.head)  # noqa: E731  # shorter here than a function of its own
                reports = await rebuilding.rebuild(dsn, chosen, tell, at_once=at_once, keep=keep)
        say([asdict(report) for report in reports], json=json)
        if not json:
            table(
                ("read model", "events", "seconds", "events/s"),
                [(r.name, r.head, f"{r.seconds:.1f}", f"{r.rate or 0:,.0f}") for r in reports],
            )
        return None

    asyncio.run(work())


async def _preview(dsn: str, chosen: Sequence[Projection], *, json: bool) -> None:
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        row = await (await connection.execute("SELECT position FROM log_head")).fetchone()
        standing = {(entry.name, entry.role): entry.position for entry in await runner.progress(connection)}
    head = int(row[0]) if row else 0
    found = [{"name": p.name, "from": standing.get((p.name, "building"), 0), "to": head, "version": p.version} for p in chosen]
    words = "\n".join(f"{item['name']}: events {item['from']:,} to {item['to']:,}, then switch" for item in found)
    say(found, json=json, words=words)


async def _switch_back(dsn: str, chosen: Sequence[Projection], *, json: bool) -> None:
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        for projection in chosen:
            await rebuilding.switch_back(connection, projection)
            say({"name": projection.name, "switched_back": True}, json=json, words=f"{projection.name} serves its earlier tables again")


def verify(names: Names = None, json: Json = False) -> None:
    """Prove that every read model equals a fold of the log from zero, table by table, and that every kept file opens. Else exit code 1."""

    async def work() -> tuple[list[verifying.Verdict], list[str]]:
        async with access.log(config.settings()) as log:
            return await verifying.verify(log.dsn, _chosen(names)), await blobs.damaged(log.pool, log.vault)

    verdicts, damaged = asyncio.run(work())
    say([asdict(verdict) | {"equal": verdict.equal} for verdict in verdicts], json=json)
    if not json:
        rows = [
            (v.name, t, values["rows"], v.position, "equal" if t not in v.different else "DIFFERENT")
            for v in verdicts
            for t, values in v.tables.items()
        ]
        table(("read model", "table", "rows", "position", "compared"), rows)
    if damaged:
        raise StoreError(f"{len(damaged)} kept files do not open or are not what their address says: restore a backup")
    wrong = [f"{v.name}.{t}" for v in verdicts for t in v.different]
    if wrong:
        raise StoreError(
            f"{', '.join(wrong)} differ from the log. Build them anew: tzurot rebuild {' '.join(v.name for v in verdicts if v.different)}"
        )


def as_of(
    name: Annotated[str, typer.Argument(help="The read model.")],
    position: Annotated[str, typer.Argument(help="The log position.")],
    channel: Annotated[int | None, typer.Option(help="Only rows of this channel.")] = None,
    user: Annotated[int | None, typer.Option(help="Only rows of this user.")] = None,
    character: Annotated[str | None, typer.Option(help="Only rows of this character.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows per table, the latest.")] = 50,
    open_: Annotated[bool, typer.Option("--open", help="Open sealed texts too. They are people's words: mind who looks on.")] = False,
    json: Json = False,
) -> None:
    """A read model as it was at a position, without disturbing the live one."""
    name, at = _name_and_position(name, position)
    projection = _chosen([name])[0]
    wanted = {"channel": channel, "user_id": user, "author_id": user, "character": character}

    async def work() -> dict[str, list[dict[str, Any]]]:
        async with access.log(config.settings()) as log:
            return await past.tables(log, projection, at, wanted, limit=limit, opened=open_)

    tables = asyncio.run(work())
    say({"position": at, "name": name, "tables": tables}, json=json)
    if not json:
        for found, rows in tables.items():
            echo(f"\n{found}")
            table(list(rows[0]) if rows else [], [list(row.values()) for row in rows])


def _name_and_position(name: str, position: str) -> tuple[str, int]:
    """The two in either order, as the position stood first once. Raises StoreError."""
    if _is_position(name) and not _is_position(position):
        name, position = position, name
    if not _is_position(position):
        raise StoreError(f"{position} is no position of the log, which is a number. Write: tzurot as-of {name} 1000")
    return name, int(position)


def _is_position(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def models_list(json: Json = False) -> None:
    """Where every read model stands, and what stopped it."""

    async def work() -> tuple[int, list[runner.Progress]]:
        async with access.log(config.settings()) as log:
            head = await log.head()
            async with log.pool.connection() as connection:
                return head, await runner.progress(connection)

    head, found = asyncio.run(work())
    say([asdict(entry) | {"lag": head - entry.position} for entry in found], json=json)
    if not json:
        rows = [(e.name, e.role, e.version, e.position, head - e.position, e.status, e.problem or "") for e in found]
        table(("read model", "role", "version", "position", "lag", "status", "problem"), rows)


Name = Annotated[str, typer.Argument(help="The read model.")]


def models_aside(json: Json = False) -> None:
    """Events that read models left out because Postgres refused what they hold."""

    async def work() -> list[aside.Aside]:
        async with access.log(config.settings()) as log, log.pool.connection() as connection:
            return await aside.kept(connection)

    found = asyncio.run(work())
    say([asdict(entry) for entry in found], json=json, words="" if found else "Nothing was put aside.")
    if found and not json:
        table(
            ("read model", "position", "type", "event", "error", "at"),
            [(e.name, e.position, e.type, e.event_id, e.error, f"{e.at:%Y-%m-%d %H:%M}") for e in found],
        )


def models_take_back(name: Name, json: Json = False) -> None:
    """Let the next rebuild of a read model try the events again that it put aside."""

    async def work() -> int:
        async with access.log(config.settings()) as log, log.pool.connection() as connection:
            return await aside.take_back(connection, _chosen([name])[0].name)

    count = asyncio.run(work())
    say({"name": name, "taken_back": count}, json=json, words=f"{count} taken back. Now run: tzurot rebuild {name}")


def models_resume(name: Name, json: Json = False) -> None:
    """Let a stopped read model try its event again, after the program was mended."""

    async def work() -> bool:
        async with access.log(config.settings()) as log, log.pool.connection() as connection:
            return await runner.resume(connection, _chosen([name])[0].name)

    if not asyncio.run(work()):
        raise StoreError(f"{name} is not stopped")
    say({"name": name, "resumed": True}, json=json, words=f"{name} goes on")


def models_skip(name: Name, reason: Annotated[str, typer.Option(help="Why; it is kept.")], yes: Yes = False, json: Json = False) -> None:
    """Skip the event that stopped this read model, now and in every later rebuild and verify."""

    async def work() -> int | None:
        async with access.log(config.settings()) as log, log.pool.connection() as connection:
            if yes:
                return await runner.skip(connection, _chosen([name])[0].name, reason)
            problems = {entry.name: entry.problem for entry in await runner.progress(connection) if entry.role == "live"}
            say(
                {"would_skip": problems.get(name)}, json=json, words=f"This would skip {problems.get(name)}. Run again with --yes to do it."
            )
            return None

    position = asyncio.run(work())
    if position is not None:
        say({"name": name, "skipped": position}, json=json, words=f"{name} goes on after position {position}")


def log_tail(
    limit: LogLimit = 20,
    type_: Annotated[list[str] | None, typer.Option("--type", help="Only this event type; may be repeated.")] = None,
    channel: Annotated[int | None, typer.Option(help="Only this channel.")] = None,
    user: Annotated[int | None, typer.Option(help="Only this user.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only what happened at or after this moment (UTC).")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new events until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """The newest events: clear columns only, no text. With --json one object per line."""

    async def work() -> None:
        moment = since.astimezone() if since else None
        query = Query(types=frozenset(type_ or ()), tags=Tags(channel=channel, user=user), since=moment)
        async with access.log(config.settings()) as log:
            _show_rows(await tail.newest(log, query, limit), json=json)
            if follow:
                async for batch in log.follow(await log.head()):
                    _show_rows([row for row in batch if _wanted(row, query)], json=json)

    asyncio.run(work())


def _wanted(row: Stored, query: Query) -> bool:
    tags = query.tags
    return (not query.types or row.type in query.types) and tags.channel in (None, row.channel) and tags.user in (None, row.user)


def _show_rows(rows: list[Stored], *, json: bool) -> None:
    for row in rows:
        words = f"{row.position:>9}  {row.recorded_at:%Y-%m-%d %H:%M:%S}  {row.type:<26}  {row.stream}@{row.version}"
        say(row.shown(), json=json, words=words)
