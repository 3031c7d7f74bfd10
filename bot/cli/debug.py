"""`tzurot debug`: recent turns by any combination of filters, and one turn's whole record."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from bot import turn_lines
from engine.store import Log
from engine.terminal import Json, say, table
from projections.models.timeline import Filter
from projections.terminal import with_log


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Show recent turns, and quotas that providers said were used up.")
    group.command("recent")(recent)
    group.command("quota")(quota)
    app.add_typer(group, name="debug")


def recent(
    character: Annotated[str, typer.Option(help="Name or short name.")] = "",
    user: Annotated[str, typer.Option(help="Name or number of a person.")] = "",
    channel: Annotated[str, typer.Option(help="Name or number of a channel.")] = "",
    category: Annotated[str | None, typer.Option(help="Category of an error, such as timeout.", show_default=False)] = None,
    model: Annotated[str | None, typer.Option(help="A model's id.", show_default=False)] = None,
    since: Annotated[datetime | None, typer.Option(help="Not earlier (UTC).", show_default=False)] = None,
    before: Annotated[datetime | None, typer.Option(help="Earlier (UTC).", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many at most.")] = 20,
    json: Json = False,
) -> None:
    """List the latest turns that match all that is given. `tzurot turn show` tells everything of one."""

    async def work(log: Log) -> list[turn_lines.ListedTurn]:
        wanted = Filter(
            user=await turn_lines.person_named(log, user),
            channel=await turn_lines.channel_named(log, channel),
            category=category,
            model=model,
            character=await turn_lines.character_named(log, character),
            since=_utc(since),
            before=_utc(before),
        )
        return await turn_lines.recent(log, wanted, limit=limit)

    found = with_log(work)
    rows = [asdict(one.turn) | {"character_name": one.who, "person_name": one.person} for one in found]
    say([row | {"took_s": one.took_s, "wait_s": one.wait_s} for row, one in zip(rows, found, strict=True)], json=json)
    if not json:
        columns = ("turn", "asked for (UTC)", "character", "person", "outcome", "waited", "in all", "model")
        table(columns, [_row(one) for one in found], empty="No turn matches.")


def _row(one: turn_lines.ListedTurn) -> tuple[object, ...]:
    turn = one.turn
    seconds = ["" if value is None else f"{value:.1f} s" for value in (one.wait_s, one.took_s)]
    at = f"{turn.requested_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    person = f"{one.person} ({turn.user_id})" if one.person else turn.user_id
    return (turn.turn, at, one.who, person, turn.category or turn.status, *seconds, turn.model or "")


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def quota(json: Json = False) -> None:
    """How often providers said "no more" in the last hour, day and week, and until when they are not asked."""
    found = with_log(turn_lines.quota_lines)
    say([asdict(line) for line in found], json=json, words="" if found else "No provider said so in the last 7 days.")
    if found and not json:
        names = tuple(name for name, _ in turn_lines.WINDOWS)
        table(("model", "payer", *names, "what", "until"), [(x.model, x.scope, *x.counts, x.category, x.until or "") for x in found])
