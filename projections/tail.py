"""The newest events of the log by their clear columns: found through the timeline, so that it costs what is shown, not what is there."""

from datetime import timedelta

from engine.store import Log, Query, Stored, reader
from projections.follow import runner
from projections.models import timeline
from projections.models.timeline import Filter

SKEW = timedelta(hours=1)
"""The timeline looks by when the log took an event; the clock that says when it happened may be ahead of ours by less than this."""


async def newest(log: Log, query: Query, limit: int) -> list[Stored]:
    """The newest rows that match types, channel, user and `since` of a query, in the order of the log, at most `limit`.

    What the timeline does not know yet is looked for in the log itself: all of it where the timeline was never made.
    """
    filtered = bool(query.types) or query.tags.channel is not None or query.tags.user is not None or query.since is not None
    async with log.pool.connection() as connection:
        known = {one.name: one.position for one in await runner.progress(connection) if one.role == "live"}.get("timeline", 0)
        late = Query(after=known if filtered else 0, types=query.types, tags=query.tags, since=query.since, backwards=True, limit=limit)
        found = [row async for row in reader.rows(connection, late)]
        wanted = Filter(types=query.types, channel=query.tags.channel, user=query.tags.user, since=query.since and query.since - SKEW)
        before: int | None = known + 1 if filtered and known else None
        while before is not None and len(found) < limit:
            page = await timeline.page(connection, wanted, before=before, limit=limit)
            positions = [one.position for one in page.entries if query.since is None or one.occurred_at >= query.since]
            found += reversed(await reader.at(connection, positions))
            before = page.older
    return found[:limit][::-1]
