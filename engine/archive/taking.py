"""Take archives in: everything into an empty log, position by position; a person's or a server's beside what is there, once each."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from engine import blobs, subjects
from engine.archive.container import BLOBS, EVENTS, KEYS, ArchiveError, ArchiveReader
from engine.archive.lines import ArchivedEvent, NotALine, read_line
from engine.archive.making import Tell, untold
from engine.archive.selection import NOT_OWN, OWN
from engine.errors import KeyDestroyed, PartialRepeat, UnknownEvent
from engine.events.base import Event, user_subject
from engine.events.channel import ConversationForked
from engine.events.memory import MemoryNoted
from engine.resources.places.forked import ForkedLine
from engine.sealing import KEY_BYTES, DataKey, combined, seal, unseal
from engine.store import Log, NewEvent, Stored
from engine.store.codec import bound_to
from engine.store.rows import COLUMNS
from engine.vault import MasterKey, unwrap, wrap

TOGETHER = 200
"""Events of one append."""
_ENDS = frozenset({"turn.completed", "turn.failed", "turn.declined", "turn.cancelled"})
_NAMING_PLACES = frozenset({"memory.noted", "conversation.forked"})
"""They may name where something of before stands in the log."""
_SHOWN = frozenset({"reply.delivered", "reply.failed"})
_OF_TURNS = frozenset(
    {
        *(*_ENDS, *_SHOWN, "turn.requested", "reply.chunk_delivered", "reply.intended", "reply.regenerated"),
        *("reply.file_made", "reply.file_shown", "reply.file_dropped"),
    }
)
_COLUMNS = tuple(zip((name.strip() for name in COLUMNS.split(",")), (
    *("int8", "uuid", "text", "int4", "text", "int2", "timestamptz", "timestamptz", "uuid", "uuid"),
    *("int8", "int8", "int8", "uuid", "uuid", "text", "bytea", "bytea"),
), strict=True))  # fmt: skip
"""The table's columns in the order of `Stored`, with their types."""


@dataclass(slots=True)
class TakenIn:
    """What became of an archive: `events` of it are in the log now, `repeated` of them were before; what was left out, and why."""

    events: int = 0
    repeated: int = 0
    files: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def leave_out(self, why: str) -> None:
        self.left_out[why] = self.left_out.get(why, 0) + 1


def read_events(archive: ArchiveReader) -> Iterator[ArchivedEvent]:
    """The events in order. Raises ArchiveError with the number of the line."""
    for number, line in enumerate(archive.lines(EVENTS), 1):
        try:
            yield read_line(line)
        except NotALine as error:
            raise ArchiveError(f"Line {number} of {EVENTS}: {error}") from None


async def everything(log: Log, archive: ArchiveReader, master: MasterKey, tell: Tell = untold) -> TakenIn:
    """Put the archive of a whole installation into an empty log, in one transaction: same positions, ids and times.

    A sealed one needs the master key it was made with; an opened one is sealed anew, with new keys of the same names. Raises ArchiveError.
    """
    archive.check()
    taken = TakenIn()
    async with log.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute("SELECT position FROM log_head FOR UPDATE")).fetchone()
        if row is None or row[0] != 0:
            raise ArchiveError("The log is not empty. The archive of a whole installation goes into a new data folder or database.")
        keys = await _put_keys(connection, archive, master)
        last = await _copied(connection, archive, keys, taken, tell)
        await connection.execute("UPDATE log_head SET position = %s", (last,))
        taken.files = await _put_files(connection, archive, keys)
    return taken


async def _put_keys(connection: AsyncConnection, archive: ArchiveReader, master: MasterKey) -> dict[str, DataKey]:
    found, opened = dict[str, DataKey](), archive.manifest.opened
    await connection.execute("DELETE FROM data_keys")
    for line in map(orjson.loads, archive.lines(KEYS)):
        if "epoch_of" in line:
            await connection.execute("INSERT INTO key_epochs (subject, epoch) VALUES (%s, %s)", (line["epoch_of"], line["epoch"]))
        elif "provider_key" in line:
            values = (UUID(line["provider_key"]), line["user"], line["provider"], line["subject"], base64.b64decode(line["sealed"]))
            await connection.execute(
                "INSERT INTO provider_keys (key_id, user_id, provider, subject, sealed) VALUES (%s, %s, %s, %s, %s)", values
            )
        else:
            key = None if line["destroyed"] else _data_key(line, master, opened=opened)
            wrapped = wrap(master, line["name"], key.secret) if key is not None else None
            statement = (
                "INSERT INTO data_keys (subject, wrapped, master_key_id, created_at, destroyed_at)"
                " VALUES (%s, %s, %s, %s, CASE WHEN %s THEN now() END)"
            )
            await connection.execute(statement, (line["name"], wrapped, master.id, line["created_at"], wrapped is None))
            found |= {line["name"]: key} if key is not None else {}
    return found


def _data_key(line: Mapping[str, Any], master: MasterKey, *, opened: bool) -> DataKey:
    if opened:
        return DataKey(line["name"], secrets.token_bytes(KEY_BYTES))
    if line["master_key_id"] != master.id:
        raise ArchiveError(
            f"The archive's keys are wrapped by master key {line['master_key_id']}, and the one here is {master.id}."
            " Put that key's file in place (or set MASTER_KEY) first: nobody can read the texts without it."
        )
    return unwrap(master, line["name"], base64.b64decode(line["wrapped"]))


async def _copied(connection: AsyncConnection, archive: ArchiveReader, keys: Mapping[str, DataKey], taken: TakenIn, tell: Tell) -> int:
    last, total = 0, archive.manifest.counts.get("events", 0)
    statement = f"COPY events ({', '.join(f'"{name}"' for name, _ in _COLUMNS)}) FROM STDIN (FORMAT BINARY)"
    async with connection.cursor().copy(statement.encode()) as copy:
        copy.set_types([kind for _, kind in _COLUMNS])
        for one in read_events(archive):
            if one.row.position != last + 1:
                raise ArchiveError(f"Position {last + 1} is missing in the archive.")
            await copy.write_row(_sealed_row(one, keys))
            last = one.row.position
            taken.events += 1
            if taken.events % 5_000 == 0:
                await tell(taken.events, total)
    return last


def _sealed_row(one: ArchivedEvent, keys: Mapping[str, DataKey]) -> Stored:
    if one.opened is None:
        return one.row
    key = key_of(keys, one.row.subject or "")
    if key is None:
        raise ArchiveError(f"The archive names no key {one.row.subject}.")
    return one.row._replace(sealed=seal(key, orjson.dumps(one.opened), bound_to(one.row.id, one.row.type)))


def key_of(keys: Mapping[str, DataKey], name: str) -> DataKey | None:
    """The key with this name, made of several where it is joined; None when one is missing. Pure."""
    members = [keys.get(member) for member in subjects.members(name)]
    there = [key for key in members if key is not None]
    return combined(there) if there and len(there) == len(members) else None


async def _put_files(connection: AsyncConnection, archive: ArchiveReader, keys: Mapping[str, DataKey]) -> int:
    count = 0
    for line in map(orjson.loads, archive.lines(BLOBS)):
        content = archive.bytes_of(line["member"], 2 * blobs.MOST_BYTES)
        key = key_of(keys, line["subject"])
        if archive.manifest.opened and key is None:
            continue
        sealed = seal(key, content, blobs.bound_to(line["address"])) if archive.manifest.opened and key is not None else content
        values = (line["address"], line["subject"], line["size"], sealed)
        await connection.execute(
            "INSERT INTO blobs (address, subject, size, sealed) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", values
        )
        count += 1
    return count


@dataclass(slots=True)
class _Adding:
    """An archive being added to what is there. `complete`: turns that ended and were shown, and files that were; others would be begun

    anew.
    """

    log: Log
    archive: ArchiveReader
    keys: Mapping[str, DataKey]
    complete: frozenset[str]
    taken: TakenIn = field(default_factory=TakenIn)
    moved: dict[int, int] = field(default_factory=dict)
    """Positions in the archive, to where the same stands here."""
    pending: list[tuple[int, NewEvent]] = field(default_factory=list)


async def beside(log: Log, archive: ArchiveReader, master: MasterKey, tell: Tell = untold) -> TakenIn:
    """Add a person's or a server's archive to what is there, each event once: a repeat adds nothing. Nothing else may be running.

    Of a person's archive only what that person may own is taken. Turns without an end are left out. Raises ArchiveError.
    """
    archive.check()
    adding = _Adding(log, archive, _archived_keys(archive, master), _complete(archive))
    total = archive.manifest.counts.get("events", 0)
    for number, one in enumerate(read_events(archive), 1):
        if len(adding.pending) >= TOGETHER or one.row.type in _NAMING_PLACES:
            await _flush(adding)
            await tell(number - 1, total)
        _choose(adding, one)
    await _flush(adding)
    await _add_files(adding)
    return adding.taken


def _archived_keys(archive: ArchiveReader, master: MasterKey) -> dict[str, DataKey]:
    if archive.manifest.opened:
        return {}
    lines = (line for line in map(orjson.loads, archive.lines(KEYS)) if "name" in line and not line["destroyed"])
    return {line["name"]: _data_key(line, master, opened=False) for line in lines}


def _complete(archive: ArchiveReader) -> frozenset[str]:
    ended, shown, failed, files = set[str](), set[str](), set[str](), set[str]()
    for one in read_events(archive):
        if one.row.type in _ENDS:
            ended.add(_turn_of(one.row))
            failed |= {_turn_of(one.row)} if one.row.type in ("turn.declined", "turn.cancelled") else set()
        elif one.row.type in _SHOWN:
            shown.add(_turn_of(one.row))
        elif one.row.type == "reply.file_shown":
            files.add(_named(one.row, "file_id"))
    return frozenset((ended & (shown | failed)) | files)


def _turn_of(row: Stored) -> str:
    return _named(row, "turn_id")


def _named(row: Stored, field: str) -> str:
    return str(orjson.loads(row.data).get(field, ""))


def _choose(adding: _Adding, one: ArchivedEvent) -> None:
    try:
        event = _refused(adding, one)
    except (UnknownEvent, ValueError) as error:
        event = f"{one.row.type}: this program cannot read it ({type(error).__name__})"
    if isinstance(event, str):
        adding.taken.leave_out(event)
    else:
        adding.pending.append((one.row.position, event))


def _refused(adding: _Adding, one: ArchivedEvent) -> NewEvent | str:
    """The event to append, or why it is left out."""
    row, manifest = one.row, adding.archive.manifest
    if one.erased:
        return "its text was erased"
    if row.sealed is not None and one.opened is None:
        key = key_of(adding.keys, row.subject or "")
        if key is None:
            return "its text was erased"
        one = one.opened_with(key)
    if row.type.startswith(("job.", "quota.", "key.")) or row.type in NOT_OWN:
        return "it is of another installation"
    if row.type in _OF_TURNS and _named(row, "turn_id") not in adding.complete:
        return "a turn that had no end"
    if row.type == "reply.file_made" and _named(row, "file_id") not in adding.complete:
        return "a file that was not shown"
    event = _moved(adding, one.event())
    if event is None:
        return "nothing of what it goes on from is here"
    new = one.to_append(event)
    if manifest.scope == "person" and not _may_own(new, manifest.about):
        return "it is not this person's"
    return new


def _may_own(new: NewEvent, person: int) -> bool:
    """Whether a file may say that this person did so: it was in their hands, and anything may stand in it."""
    if not new.event.TYPE.startswith(OWN) or set(map(subjects.base, new.subjects)) - {user_subject(person)}:
        return False
    whose = new.event.tags.user
    return whose in (None, person) and new.event.doer in (None, 0, person)


def _moved(adding: _Adding, event: Event) -> Event | None:
    """The event with positions of this log; None when nothing is left that it names. What is not in the archive is named no more."""
    moved = adding.moved
    if isinstance(event, MemoryNoted) and any(source.edit for source in event.sources):
        sources = tuple(one.model_copy(update={"edit": moved.get(one.edit)}) if one.edit else one for one in event.sources)
        return event.model_copy(update={"sources": sources})
    if isinstance(event, ConversationForked):
        lines = tuple(_line_moved(one, moved) for one in event.lines if one.position in moved)
        at = max((here for there, here in moved.items() if there <= event.at), default=0)
        return event.model_copy(update={"lines": lines, "at": at}) if lines else None
    return event


def _line_moved(line: ForkedLine, moved: Mapping[int, int]) -> ForkedLine:
    here = moved[line.position]
    return ForkedLine(
        position=here,
        asked=moved.get(line.asked, here),
        place=moved.get(line.place, here),
        edit=moved.get(line.edit) if line.edit is not None else None,
    )


async def _flush(adding: _Adding) -> None:
    """Append what is pending, together; one by one when some of it is here already and some is not."""
    pending, adding.pending = adding.pending, []
    if not pending:
        return
    try:
        done = await adding.log.append(*(new for _, new in pending))
    except (PartialRepeat, KeyDestroyed):
        done = None
    if done is None or len(done.positions) < len(pending):  # a repeat is known by its first event, whatever became of the others
        for position, new in pending:
            await _append_one(adding, position, new)
        return
    adding.moved |= dict(zip((position for position, _ in pending), done.positions, strict=True))
    adding.taken.events += len(pending)
    adding.taken.repeated += len(pending) if done.repeated else 0


async def _append_one(adding: _Adding, position: int, new: NewEvent) -> None:
    try:
        done = await adding.log.append(new)
    except KeyDestroyed:
        adding.taken.leave_out("its text was erased")
        return
    adding.moved[position] = done.positions[0]
    adding.taken.events += 1
    adding.taken.repeated += done.repeated


async def _add_files(adding: _Adding) -> None:
    """Files keep their addresses, as events refer to them by these; they are sealed for the same people here."""
    log, manifest = adding.log, adding.archive.manifest
    for line in map(orjson.loads, adding.archive.lines(BLOBS)):
        whose = tuple(dict.fromkeys(map(subjects.base, subjects.members(line["subject"]))))
        if manifest.scope == "person" and whose != (user_subject(manifest.about),):
            adding.taken.leave_out("it is not this person's")
            continue
        content = adding.archive.bytes_of(line["member"], 2 * blobs.MOST_BYTES)
        if not manifest.opened:
            key = key_of(adding.keys, line["subject"])
            if key is None:
                continue
            content = unseal(key, content, blobs.bound_to(line["address"]))
        await blobs.put_at(log.pool, log.vault, line["address"], content, *whose)
        adding.taken.files += 1
