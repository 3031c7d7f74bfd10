"""Who may meet which memory: decided here, in SQL, and nowhere else. References only, no text is opened.

What was said is met in its channel by whoever is answered there, since they can read it; elsewhere only by the person who said it or
was answered, with the character that heard it: in private talk, or in the same server where they chose so. A private talk is met in
itself alone. What a person had noted is met when they are answered, within its reach; what was made of a channel's talk, in that channel.
What was deleted, forgotten, said incognito, taken back by another version or before the last reset is met nowhere, nor what was made of it;
nor is anything met by a character that was not there.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection

from projections.base import sql
from projections.models.places.scenes import SEEN


@dataclass(frozen=True, slots=True)
class MemoryScope:
    """Whom a character answers, where and when. `until` is the position of the message to answer; without a server it is private talk."""

    reader: UUID
    person: int
    channel: int
    guild: int | None
    venue: str
    until: int
    at: datetime


FORGOTTEN = """
(EXISTS (SELECT 1 FROM memory.unsaid u WHERE u.message_id = coalesce(e.message_id, e.reply_to) AND u.why = 'forgotten'
         AND (u.character IS NULL OR u.character = e.character))
 OR EXISTS (SELECT 1 FROM memory.unsaid u WHERE u.turn = e.turn AND u.why = 'forgotten')
 OR EXISTS (SELECT 1 FROM memory.spans f WHERE f.person = e.author_id AND e.sent_at >= f.since AND e.sent_at <= f.until
            AND (f.character IS NULL OR f.character = %(reader)s) AND (f.channel IS NULL OR f.channel = e.channel)))
"""
"""What a person had forgotten: no model is shown it again, not even while it stands in the channel. Needs `reader`."""
_CORRECTED = """
EXISTS (SELECT 1 FROM memory.unsaid u WHERE u.why = 'corrected' AND (u.message_id = e.message_id OR u.turn = e.turn))
"""
_INCOGNITO = """
EXISTS (SELECT 1 FROM memory.sessions i WHERE i.kind = 'incognito' AND i.person = e.author_id AND e.sent_at >= i.since
        AND e.sent_at < least(i.until, i.ended, 'infinity') AND (i.character IS NULL OR i.character = %(reader)s))
"""
_BEFORE_RESET = """
e.asked <= coalesce((SELECT max(r.position) FROM history.resets r
                     WHERE r.channel = e.channel AND (r.character IS NULL OR r.character = %(reader)s)), 0)
"""
_BLOCKED = """
(e.kind = 'message' AND EXISTS (
    SELECT 1 FROM access.denials d WHERE d.user_id = e.author_id AND d.mode = 'block' AND (d.scope, d.target) IN
        (('bot', ''), ('guild', coalesce(e.guild::text, '-')), ('channel', e.channel::text), ('character', %(reader)s::text))))
"""
STANDS_FOR_ALL = f"""
(e.live AND NOT e.gone AND NOT {FORGOTTEN} AND NOT {_CORRECTED} AND NOT {_INCOGNITO} AND NOT {_BEFORE_RESET} AND NOT {_BLOCKED})
"""
"""Whether something said, `e`, may be met at all, whoever was there."""
STANDS = f"({STANDS_FOR_ALL} AND {SEEN})"
"""Whether something said, `e`, may be met at all by the character `reader`."""
_OWN_ELSEWHERE = """
SELECT x.position FROM history.entries r
CROSS JOIN LATERAL (SELECT r.position UNION ALL SELECT m.position FROM history.entries m WHERE m.message_id = r.reply_to) AS x
WHERE r.kind = 'reply' AND r.author_id = %(person)s AND r.character = %(reader)s AND r.venue = %(venue)s AND r.channel <> %(channel)s
  AND (%(guild)s::bigint IS NULL
       OR r.guild = %(guild)s AND EXISTS (SELECT 1 FROM memory.choices c WHERE c.person = %(person)s AND c.reach = 'server'))
"""
_SAID = f"""
SELECT e.position, CASE WHEN e.edit_position IS NULL THEN e.position::text ELSE e.position || '~' || e.edit_position END AS ref
FROM history.entries e
WHERE (e.channel = %(channel)s OR e.position IN ({_OWN_ELSEWHERE})) AND e.position < %(until)s AND {STANDS}
"""
_BROKEN = f"""
EXISTS (
    SELECT 1 FROM memory.sources s
    LEFT JOIN LATERAL (SELECT * FROM history.entries m WHERE m.message_id = s.message_id
                       UNION ALL SELECT * FROM history.entries t WHERE t.turn = s.turn) AS e ON true
    LEFT JOIN memory.notes o ON o.memory = s.of_memory
    WHERE s.memory = n.memory
      AND CASE WHEN s.of_memory IS NOT NULL THEN o.memory IS NULL OR o.gone OR o.corrected
               ELSE e.position IS NULL OR s.fixed AND e.edit_position IS DISTINCT FROM s.edit OR NOT {STANDS} END)
"""
HIDDEN = """
EXISTS (SELECT 1 FROM memory.dreamed h JOIN memory.dreams w ON w.dream = h.dream
        WHERE h.memory = n.memory AND h.added = w.undone)
"""
"""Hidden by a consolidation that holds, or added by one that was taken back."""
_NOTES = f"""
SELECT n.memory, n.position FROM memory.notes n
WHERE NOT n.gone AND NOT n.archived AND n.venue = %(venue)s AND (n.character IS NULL OR n.character = %(reader)s) AND NOT {HIDDEN}
  AND (n.origin <> 'summary' OR n.generation = coalesce((SELECT g.generation FROM memory.generations g WHERE g.kind = 'summary'), ''))
  AND CASE WHEN n.origin IN ('fact', 'summary') AND n.channel = %(channel)s THEN true
           ELSE n.person = %(person)s AND (n.channel = %(channel)s OR %(guild)s::bigint IS NULL AND n.guild IS NOT NULL
               OR n.channel IS NULL OR n.reach = 'everywhere' OR n.reach = 'server' AND n.guild = %(guild)s) END
  AND NOT {_BROKEN}
"""
_MET = f"""
WITH noted AS ({_NOTES})
SELECT position, ref FROM ({_SAID}) AS said
UNION ALL
SELECT n.position, 'n:' || n.position FROM noted n
WHERE NOT EXISTS (SELECT 1 FROM memory.superseded s WHERE s.memory = n.memory
                  AND (s.by_memory IN (SELECT memory FROM noted)
                       OR EXISTS (SELECT 1 FROM memory.notes g WHERE g.memory = s.by_memory AND g.gone)))
ORDER BY 1
"""
_FRESH = """
SELECT EXISTS (SELECT 1 FROM memory.sessions f WHERE f.kind = 'fresh' AND f.person = %(person)s AND f.since <= %(at)s
               AND %(at)s < least(f.until, f.ended, 'infinity') AND (f.character IS NULL OR f.character = %(reader)s))
"""


async def met(connection: AsyncConnection, scope: MemoryScope) -> Sequence[str]:
    """References of all that may be met, in the order of the log: `812`, `812~815` for its edit at 815, `n:830` for a note.

    None for somebody who is answered without memories.
    """
    parameters = asdict(scope)
    row = await (await connection.execute(sql(_FRESH, ""), parameters)).fetchone()
    if row and row[0]:
        return ()
    cursor = await connection.execute(sql(f"SELECT array_agg(ref) FROM ({_MET}) AS met", ""), parameters)
    found = await cursor.fetchone()
    return tuple(found[0] or ()) if found else ()
