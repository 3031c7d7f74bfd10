"""Who may meet which memory: decided here, in SQL, and nowhere else. References only, no text is opened.

What was said is met in its channel by whoever is answered there, since they can read it; elsewhere only by the person who said it or
was answered, with the character that heard it: in private talk, or in the same server where they chose so. A private talk is met in
itself alone. What a person had noted is met when they are answered, within its reach; what was made of a channel's talk, in that channel.
What was deleted, forgotten, said incognito, taken back by another version or before the last reset is met nowhere, nor what was made of it;
nor is anything met by a character that was not there. What was said elsewhere as a persona that keeps its memories to itself is met as that
persona only, and as that one nothing that was said elsewhere as another.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection

from projections import unchanged
from projections.base import sql
from projections.models.places.personas import ANYONE
from projections.models.places.scenes import SEEN


@dataclass(frozen=True, slots=True)
class MemoryScope:
    """Whom a character answers, where and when. `until` is the position of the message to answer; without a server it is private talk.

    `most_said`, `most_elsewhere`, `most_summaries` and `most_notes` say how many of the newest are looked at: what was said in the channel,
    replies elsewhere, and of each kind of notes. What is older is met through what was made of it, so that a turn costs the same in a
    channel of a million messages. `generation`: of these summaries and facts instead of the chosen ones.
    """

    reader: UUID
    person: int
    channel: int
    guild: int | None
    venue: str
    until: int
    at: datetime
    most_said: int = 10_000
    most_elsewhere: int = 2_000
    most_summaries: int = 300
    most_notes: int = 3_000
    generation: str | None = None


# Each rule asks a set that is hashed once for the statement (IN), and looks closer only at who or what is in it: most are in none.
FORGOTTEN = """
((coalesce(e.message_id, e.reply_to) IN (SELECT u.message_id FROM memory.unsaid u WHERE u.why = 'forgotten' AND u.message_id IS NOT NULL)
  AND EXISTS (SELECT 1 FROM memory.unsaid u WHERE u.message_id = coalesce(e.message_id, e.reply_to) AND u.why = 'forgotten'
              AND (u.character IS NULL OR u.character = e.character))) IS TRUE
 OR (e.turn IN (SELECT u.turn FROM memory.unsaid u WHERE u.why = 'forgotten' AND u.turn IS NOT NULL)) IS TRUE
 OR e.author_id IN (SELECT f.person FROM memory.spans f)
    AND EXISTS (SELECT 1 FROM memory.spans f WHERE f.person = e.author_id AND e.sent_at >= f.since AND e.sent_at <= f.until
                AND (f.character IS NULL OR f.character = %(reader)s) AND (f.channel IS NULL OR f.channel = e.channel)))
"""
"""What a person had forgotten: no model is shown it again, not even while it stands in the channel. Needs `reader`."""
_CORRECTED = """
((coalesce(e.message_id, e.reply_to) IN
  (SELECT u.message_id FROM memory.unsaid u WHERE u.why = 'corrected' AND u.message_id IS NOT NULL)) IS TRUE
 OR (e.turn IN (SELECT u.turn FROM memory.unsaid u WHERE u.why = 'corrected' AND u.turn IS NOT NULL)) IS TRUE)
"""
_INCOGNITO = """
(e.author_id IN (SELECT i.person FROM memory.sessions i WHERE i.kind = 'incognito')
 AND EXISTS (SELECT 1 FROM memory.sessions i WHERE i.kind = 'incognito' AND i.person = e.author_id AND e.sent_at >= i.since
             AND e.sent_at < least(i.until, i.ended, 'infinity') AND (i.character IS NULL OR i.character = %(reader)s)))
"""
_BEFORE_RESET = """
(e.channel IN (SELECT r.channel FROM history.resets r)
 AND e.asked <= coalesce((SELECT max(r.position) FROM history.resets r
                          WHERE r.channel = e.channel AND (r.character IS NULL OR r.character = %(reader)s)), 0))
"""
_BLOCKED = """
(e.kind = 'message' AND e.author_id IN (SELECT d.user_id FROM access.denials d WHERE d.mode = 'block') AND EXISTS (
    SELECT 1 FROM access.denials d WHERE d.user_id = e.author_id AND d.mode = 'block' AND (d.scope, d.target) IN
        (('bot', ''), ('guild', coalesce(e.guild::text, '-')), ('channel', e.channel::text), ('character', %(reader)s::text))))
"""


_SOURCES = """
SELECT message_id, turn, of_memory, edit, fixed, replaced FROM memory.sources d WHERE d.memory = {memory}
UNION ALL SELECT i.message_id, i.turn, i.of_memory, i.edit, i.fixed, d.replaced OR i.replaced
FROM memory.sources d JOIN memory.sources i ON i.memory = d.of_memory WHERE d.memory = {memory}
"""
"""What a memory was made of, at once or by way of another memory: a reflection is made of facts, those of what was said."""


_ENDED = "coalesce({note}.until <= %(at)s, false)"
"""It held for a time only, and that is over."""
_OUTDATED = "EXISTS (SELECT 1 FROM memory.superseded z WHERE z.memory = o.memory)"
"""What follows from a fact does not follow from the one that took its place."""


def _taken_back(memory: str) -> str:
    """Whether what a memory was made of is gone for all: deleted, said otherwise since, forgotten or corrected. `reader` may be NULL."""
    return f"""
coalesce((
    SELECT bool_or(CASE WHEN s.of_memory IS NOT NULL THEN o.memory IS NULL OR o.gone OR o.corrected OR {_OUTDATED}
                        ELSE e.position IS NULL OR e.gone OR s.fixed AND e.edit_position IS DISTINCT FROM s.edit
                             OR coalesce({FORGOTTEN}, false) OR {_CORRECTED} END)
    FROM ({_SOURCES.format(memory=memory)}) AS s
    LEFT JOIN LATERAL (SELECT * FROM history.entries m WHERE m.message_id = s.message_id
                       UNION ALL SELECT * FROM history.entries t WHERE t.turn = s.turn) AS e ON true
    LEFT JOIN LATERAL (SELECT * FROM memory.notes o WHERE o.memory = s.of_memory) AS o ON true
    WHERE NOT s.replaced), false)
"""


TAKEN_BACK = _taken_back("n.memory")
"""What the note `n` was made of is gone, so its text is neither met nor shown."""
REPLACED = f"""
EXISTS (SELECT 1 FROM memory.superseded z JOIN memory.notes y ON y.memory = z.by_memory
        WHERE z.memory = n.memory AND (y.gone OR NOT {_ENDED.format(note="y")} AND NOT {_taken_back("z.by_memory")}))
"""
"""A newer memory has taken the place of the note `n`. Needs `at`."""
HIDDEN = f"""
EXISTS (SELECT 1 FROM memory.dreamed h JOIN memory.dreams w ON w.dream = h.dream
        WHERE h.memory = n.memory AND h.added = w.undone AND NOT {_taken_back("h.kept")})
"""
"""Hidden by a consolidation that holds while what says the same stands, or added by one that was taken back."""
ENDED = _ENDED.format(note="n")
"""The note `n` held for a time only, and that is over. Needs `at`."""
STANDS_FOR_ALL = f"""
(e.live AND NOT e.gone AND NOT {FORGOTTEN} AND NOT {_CORRECTED} AND NOT {_INCOGNITO} AND NOT {_BEFORE_RESET} AND NOT {_BLOCKED})
"""
"""Whether something said, `e`, may be met at all, whoever was there."""
_OPEN = """
(e.channel NOT IN (SELECT p.channel FROM scenes.presence p)
 AND NOT EXISTS (SELECT 1 FROM scenes.whispers w WHERE w.message_id = coalesce(e.message_id, e.reply_to)))
"""
"""Nobody was ever said to be away there, and it was no whisper: whoever is asked saw it."""
STANDS = f"({STANDS_FOR_ALL} AND ({_OPEN} OR {SEEN}))"
"""Whether something said, `e`, may be met at all by the character `reader`."""


def _kept_apart(position: str, guild: str) -> str:
    """Whether something said at a position in a server was said as a persona that keeps its memories to itself, or is met by such a one."""
    was, now = (
        f"""
        (SELECT w.persona FROM (
             SELECT DISTINCT ON (a.guild, a.character) a.guild, a.character, a.persona FROM personas.worn a
             WHERE a.person = %(person)s AND a.since < {before}
               AND (a.guild, a.character) IN ((0, %(reader)s), (coalesce({place}::bigint, 0), '{ANYONE}'), (0, '{ANYONE}'))
             ORDER BY a.guild, a.character, a.since DESC) AS w
         JOIN personas.personas q ON q.persona = w.persona {standing}
         ORDER BY w.character <> '{ANYONE}' DESC, w.guild <> 0 DESC LIMIT 1)"""
        for before, place, standing in ((position, guild, ""), ("%(until)s", "%(guild)s", "AND NOT q.deleted"))
    )
    return f"""
(EXISTS (SELECT 1 FROM personas.personas x WHERE x.owner_id = %(person)s AND NOT x.share_memory)
 AND (SELECT b.was IS DISTINCT FROM b.now
             AND EXISTS (SELECT 1 FROM personas.personas y WHERE y.persona IN (b.was, b.now) AND NOT y.share_memory)
      FROM (SELECT {was} AS was, {now} AS now) AS b))
"""


_OWN_ELSEWHERE = f"""
SELECT DISTINCT x.position FROM (
    SELECT position, reply_to FROM history.entries r
    WHERE r.kind = 'reply' AND r.author_id = %(person)s AND r.character = %(reader)s AND r.venue = %(venue)s AND r.channel <> %(channel)s
      AND (%(guild)s::bigint IS NULL
           OR r.guild = %(guild)s AND EXISTS (SELECT 1 FROM memory.choices c WHERE c.person = %(person)s AND c.reach = 'server'))
      AND NOT {_kept_apart("r.position", "r.guild")}
    ORDER BY r.position DESC LIMIT %(most_elsewhere)s) AS r
CROSS JOIN LATERAL (SELECT r.position UNION ALL SELECT m.position FROM history.entries m WHERE m.message_id = r.reply_to) AS x
"""
_SAID = f"""
SELECT e.position, CASE WHEN e.edit IS NULL THEN e.position::text ELSE e.position || '~' || e.edit END AS ref
FROM (
    (SELECT *, edit_position AS edit FROM history.entries WHERE channel = %(channel)s AND position < %(until)s
     ORDER BY asked DESC, place DESC LIMIT %(most_said)s)
    UNION ALL
    SELECT *, edit_position FROM history.entries WHERE position IN ({_OWN_ELSEWHERE}) AND channel <> %(channel)s AND position < %(until)s
      AND position NOT IN (SELECT f.position FROM forks.lines f WHERE f.channel = %(channel)s)
    UNION ALL
    SELECT o.*, f.edit FROM forks.lines f JOIN history.entries o ON o.position = f.position WHERE f.channel = %(channel)s
) AS e WHERE {STANDS}
"""


def _broken(memory: str) -> str:
    """Whether something a memory was made of, at once or by way of another memory, is not met by the character `reader`.

    What a person corrected stands by itself: it is met by whoever was there for what it was made of, whatever became of that.
    A scalar subquery, so that it is asked for these notes through the index and never joined with the sources of all.
    """
    return f"""
coalesce((
    SELECT bool_or(CASE WHEN s.replaced THEN e.position IS NOT NULL AND ({_OPEN} OR {SEEN}) IS NOT TRUE
                        WHEN s.of_memory IS NOT NULL
                        THEN o.memory IS NULL OR o.gone OR o.corrected OR {_OUTDATED} OR {_ENDED.format(note="o")}
                        ELSE e.position IS NULL OR s.fixed AND e.edit_position IS DISTINCT FROM s.edit OR ({STANDS}) IS NOT TRUE END)
    FROM ({_SOURCES.format(memory=memory)}) AS s
    LEFT JOIN LATERAL (SELECT * FROM history.entries m WHERE m.message_id = s.message_id
                       UNION ALL SELECT * FROM history.entries t WHERE t.turn = s.turn) AS e ON true
    LEFT JOIN LATERAL (SELECT * FROM memory.notes o WHERE o.memory = s.of_memory) AS o ON true), false)
"""


_HIDDEN = f"""
EXISTS (SELECT 1 FROM memory.dreamed h JOIN memory.dreams w ON w.dream = h.dream
        WHERE h.memory = n.memory AND h.added = w.undone AND NOT {_broken("h.kept")})
"""
"""HIDDEN for the character `reader`: what is said by a note that it may not meet is not said for it."""
OF_NOTES = "notes:"
"""So begins the group of a summary that was made of a person's notes and not of a channel's talk: it is met as they are."""
_GENERATION = "coalesce(%(generation)s, (SELECT g.generation FROM memory.generations g WHERE g.kind = 'summary'), '')"
_OF_CHANNEL = f"""
SELECT * FROM memory.notes
WHERE NOT gone AND channel = %(channel)s AND origin = '{{origin}}' AND NOT archived AND venue = %(venue)s
  AND (character IS NULL OR character = %(reader)s) AND (generation = {_GENERATION} OR corrected OR locked)
  AND (person = %(person)s OR NOT starts_with(grp, '{OF_NOTES}'))
ORDER BY noted DESC LIMIT %({{most}})s
"""
_OF_PERSON = f"""
SELECT * FROM memory.notes
WHERE NOT gone AND person = %(person)s AND NOT archived AND venue = %(venue)s AND (character IS NULL OR character = %(reader)s)
  AND origin <> 'relationship'
  AND (origin NOT IN ('fact', 'summary', 'dream')
       OR (origin = 'dream' OR channel IS DISTINCT FROM %(channel)s) AND (generation = {_GENERATION} OR corrected OR locked))
  AND (channel = %(channel)s OR %(guild)s::bigint IS NULL AND guild IS NOT NULL
       OR channel IS NULL OR reach = 'everywhere' OR reach = 'server' AND guild = %(guild)s)
ORDER BY noted DESC LIMIT %(most_notes)s
"""
# What a conversation that goes on from another takes over of what was made of it: as of the event where they part.
_FORKED = "(SELECT f.{column} FROM forks.forks f WHERE f.channel = %(channel)s)"
_OF_FORK = f"""
SELECT * FROM memory.notes
WHERE NOT gone AND channel = {_FORKED.format(column="source")} AND noted <= {_FORKED.format(column="at")} AND NOT archived
  AND (character IS NULL OR character = %(reader)s) AND origin <> 'relationship'
  AND (origin IN ('fact', 'summary') AND NOT starts_with(grp, '{OF_NOTES}') OR person = %(person)s)
  AND (origin NOT IN ('fact', 'summary', 'dream') OR generation = {_GENERATION} OR corrected OR locked)
ORDER BY noted DESC LIMIT %(most_notes)s
"""
_NOTES = f"""
SELECT DISTINCT n.memory, n.position FROM (
    ({_OF_CHANNEL.format(origin="summary", most="most_summaries")}) UNION ALL ({_OF_CHANNEL.format(origin="fact", most="most_notes")})
    UNION ALL ({_OF_PERSON})
    UNION ALL ({_OF_FORK})
) AS n
WHERE NOT {ENDED} AND NOT {_HIDDEN} AND NOT {_broken("n.memory")}
  AND (n.channel IS NOT DISTINCT FROM %(channel)s OR NOT {_kept_apart("n.position", "n.guild")})
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
_BETWEEN = f"""
SELECT n.position FROM memory.notes n
WHERE NOT n.gone AND n.person = %(person)s AND n.character = %(reader)s AND n.origin = 'relationship' AND NOT n.archived
  AND (n.generation = {_GENERATION} OR n.corrected OR n.locked)
  AND (n.venue = %(venue)s AND (n.channel = %(channel)s OR %(guild)s::bigint IS NULL AND n.guild IS NOT NULL)
       OR n.channel = {_FORKED.format(column="source")} AND n.noted <= {_FORKED.format(column="at")})
  AND NOT {_HIDDEN} AND NOT {_broken("n.memory")} AND (n.channel = %(channel)s OR NOT {_kept_apart("n.position", "n.guild")})
  AND NOT EXISTS (SELECT 1 FROM memory.superseded s JOIN memory.notes g ON g.memory = s.by_memory WHERE s.memory = n.memory AND g.gone)
  AND NOT ({_FRESH})
ORDER BY n.channel = %(channel)s DESC, n.channel = coalesce({_FORKED.format(column="source")}, 0) DESC, n.noted DESC LIMIT 1
"""


_EVER = """
SELECT 1 FROM memory.notes n WHERE NOT n.gone AND n.person = %(person)s AND n.character = %(reader)s AND n.origin = 'relationship' LIMIT 1
"""


async def met(connection: AsyncConnection, scope: MemoryScope) -> Sequence[str]:
    """References of all that may be met, in the order of the log: `812`, `812~815` for its edit at 815, `n:830` for a note.

    None for somebody who is answered without memories.
    """
    parameters = asdict(scope)
    statement = sql(f"SELECT array_agg(ref) FROM ({_MET}) AS met WHERE NOT ({_FRESH})", "")
    # To plan it takes 11 ms, twenty times as long as to run it: prepared at once, each connection plans it five times and never again.
    cursor = await connection.execute(statement, parameters, prepare=True)
    found = await cursor.fetchone()
    return tuple(found[0] or ()) if found else ()


async def between(connection: AsyncConnection, scope: MemoryScope) -> int | None:
    """Position of what was noted last of how the person and the character stand to each other, where it may be met; None for nothing.

    What was said in a private talk is met in itself alone; what was said on a server in private talk, too.
    """
    if not await unchanged.rows(connection, ["memory"], sql(_EVER, ""), {"person": scope.person, "reader": scope.reader}):
        return None  # most often, and that is known from the turn before: to begin with the whole question takes a millisecond
    row = await (await connection.execute(sql(_BETWEEN, ""), asdict(scope))).fetchone()
    return int(row[0]) if row else None
