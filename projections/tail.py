"""The newest events of the log by their clear columns: found through the timeline, so that it costs what is shown, not what is there."""

from dataclasses import replace
from datetime import timedelta

from engine.events.base import Tags
from engine.store import Log, Query, Stored, reader
from projections.follow import runner
from projections.models import timeline
from projections.models.timeline import Filter

SKEW = timedelta(hours=1)
"""The timeline looks by when the log took an event; the clock that says when it happened may be ahead of ours by less than this."""


async def newest(log: Log, query: Query, limit: int) -> list[Stored]:
    """The newest rows, at most `limit`, that match types, tags but the turn, `since` and `until` of a query, in the order of the log.

    What the timeline does not know yet is looked for in the log itself: all of it where the timeline was never made.
    """
    tags, until = query.tags, query.until
    filtered = bool(query.types) or tags != Tags() or query.since is not None
    async with log.pool.connection() as connection:
        known = {one.name: one.position for one in await runner.progress(connection) if one.role == "live"}.get("timeline", 0)
        late = replace(query, after=known if filtered else 0, backwards=True, limit=limit)
        found = [row async for row in reader.rows(connection, late)]
        wanted = Filter(query.types, tags.guild, tags.channel, tags.user, tags.character, since=query.since and query.since - SKEW)
        before: int | None = min(known, known if until is None else until) + 1 if filtered and known else None
        while before is not None and len(found) < limit:
            page = await timeline.page(connection, wanted, before=before, limit=limit)
            positions = [one.position for one in page.entries if query.since is None or one.occurred_at >= query.since]
            found += reversed(await reader.at(connection, positions))
            before = page.older
    return found[:limit][::-1]
