"""The log as a persistence module of `eventsourcing` (`PERSISTENCE_MODULE=engine.store`), in both directions.

Its applications save into our log beside our own events, under the same head: positions are the notification ids, without gaps and in
order of commit. Our events appear in its notification log, and its mapper turns them into `OurEvent`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any, cast
from uuid import UUID

import psycopg
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    ListenNotifySubscription,
    Mapper,
    Notification,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)
from eventsourcing.utils import Environment, resolve_topic
from psycopg.rows import args_row
from psycopg_pool import ConnectionPool, PoolTimeout

from engine import ids, subjects
from engine.events.base import Event
from engine.sealing import DataKey, combined
from engine.store import codec, connect
from engine.store.foreign import FOREIGN_VERSION
from engine.store.rows import COLUMNS, Stored
from engine.vault import MasterKey, unwrap

Connection = psycopg.Connection[tuple[Any, ...]]
_INSERT = """
SELECT append_events(array_agg(
    ROW(id, now(), topic, 0, stream, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, state, NULL, version)::new_event ORDER BY n))
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::int4[], %s::bytea[]) WITH ORDINALITY AS e (id, topic, stream, version, state, n)
"""


class Datastore:
    """Connections of a factory and its recorders. Close it."""

    def __init__(self, dsn: str, size: int = 8) -> None:
        self.dsn = dsn
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            dsn,
            min_size=0,
            max_size=size,
            open=True,
            timeout=30.0,
            kwargs=connect.OPTIONS | {"autocommit": True, "application_name": "eventsourcing"},
        )

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection in autocommit; errors of the driver become those of the library."""
        try:
            with self._pool.connection() as connection:
                yield connection
        except psycopg.IntegrityError as error:
            raise IntegrityError(str(error)) from error
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise OperationalError(str(error)) from error

    def close(self) -> None:
        self._pool.close()


class LogAggregateRecorder(AggregateRecorder):
    """Keeps sequences beside the log: snapshots, which are no facts."""

    def __init__(self, datastore: Datastore, purpose: str = "events", *, text_ids: bool = False) -> None:
        self.datastore, self.purpose, self.text_ids = datastore, purpose, text_ids

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        rows = [(self.purpose, str(e.originator_id), e.originator_version, e.topic, e.state) for e in stored_events]
        with self.datastore.connection() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.executemany("INSERT INTO library_aggregates VALUES (%s, %s, %s, %s, %s)", rows)
        return None

    def select_events(
        self, originator_id: UUID | str, *, gt: int | None = None, lte: int | None = None, desc: bool = False, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        words, values = _range(
            "SELECT version, topic, state FROM library_aggregates WHERE purpose = %s AND originator = %s", gt, lte, desc, limit
        )
        with self.datastore.connection() as connection:
            found = connection.execute(words, [self.purpose, str(originator_id), *values], binary=True).fetchall()
        return [StoredEvent(originator_id, version, topic, state) for version, topic, state in found]


@dataclass(frozen=True)
class LogNotification(Notification):
    """A notification that knows its row, so that the mapper can make our own event of it."""

    row: Stored


class LogApplicationRecorder(ApplicationRecorder):
    """Reads and writes the log itself."""

    def __init__(self, datastore: Datastore, *, text_ids: bool = False) -> None:
        self.datastore, self.text_ids = datastore, text_ids

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Positions of the events. When the answer to a commit is lost they are looked for: a success is never reported as a conflict."""
        if not stored_events and not kwargs.get("tracking"):
            return []
        ids_ = [_event_id(e) for e in stored_events]
        try:
            return self._insert(stored_events, ids_, **kwargs)
        except OperationalError:
            found = self._find(stored_events, ids_)
            return found if found is not None else self._insert(stored_events, ids_, **kwargs)

    def _insert(self, stored_events: Sequence[StoredEvent], ids_: Sequence[UUID], **kwargs: Any) -> Sequence[int]:
        with self.datastore.connection() as connection, connection.transaction():
            self._before_insert(connection, **kwargs)
            return _append(connection, stored_events, ids_) if stored_events else []

    def _before_insert(self, connection: Connection, **kwargs: Any) -> None:
        """What belongs into the same transaction."""

    def _find(self, stored_events: Sequence[StoredEvent], ids_: Sequence[UUID]) -> Sequence[int] | None:
        with self.datastore.connection() as connection:
            connection.execute("SELECT 1 FROM log_head FOR UPDATE")  # waits for a lost transaction to end
            rows = connection.execute(
                "SELECT event_id, position, data FROM events WHERE event_id = ANY(%s)", (list(ids_),), binary=True
            ).fetchall()
        found = {event_id: (position, data) for event_id, position, data in rows}
        if any(id_ not in found or found[id_][1] != e.state for e, id_ in zip(stored_events, ids_, strict=True)):
            return None
        return [found[id_][0] for id_ in ids_]

    def select_events(
        self, originator_id: UUID | str, *, gt: int | None = None, lte: int | None = None, desc: bool = False, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        words, values = _range("SELECT version, type, data FROM events WHERE stream = %s", gt, lte, desc, limit)
        with self.datastore.connection() as connection:
            found = connection.execute(words, [str(originator_id), *values], binary=True).fetchall()
        return [StoredEvent(originator_id, version, topic, state) for version, topic, state in found]

    def select_notifications(
        self, start: int | None, limit: int, stop: int | None = None, topics: Sequence[str] = (), *, inclusive_of_start: bool = True
    ) -> Sequence[Notification]:
        after = (start or 0) - (1 if inclusive_of_start and start else 0)
        words, values = [f"SELECT {COLUMNS} FROM events WHERE position > %s"], list[object]([after])
        if stop is not None:
            words, values = [*words, "AND position <= %s"], [*values, stop]
        if topics:
            words, values = [*words, "AND type = ANY(%s)"], [*values, list(topics)]
        statement = " ".join([*words, "ORDER BY position LIMIT %s"]).encode()
        with self.datastore.connection() as connection, connection.cursor(row_factory=args_row(Stored), binary=True) as cursor:
            return [self._notification(row) for row in cursor.execute(statement, [*values, limit])]

    def _notification(self, row: Stored) -> Notification:
        originator: UUID | str = row.stream if self.text_ids else _originator(row.stream)
        return LogNotification(originator, row.version, row.type, row.data, row.position, row)

    def max_notification_id(self) -> int | None:
        with self.datastore.connection() as connection:
            row = connection.execute("SELECT position FROM log_head").fetchone()
        return int(row[0]) or None if row else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return LogSubscription(self, gt, topics)


class LogTrackingRecorder(TrackingRecorder):
    """One row per followed application, which only moves forward."""

    def __init__(self, datastore: Datastore, **_: Any) -> None:
        self.datastore = datastore

    def insert_tracking(self, tracking: Tracking) -> None:
        with self.datastore.connection() as connection, connection.transaction():
            _track(connection, tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        with self.datastore.connection() as connection:
            row = connection.execute("SELECT position FROM library_tracking WHERE application = %s", (application_name,)).fetchone()
        return int(row[0]) if row else None


class LogProcessRecorder(LogTrackingRecorder, LogApplicationRecorder, ProcessRecorder):
    """Events and the tracking of what they follow from, in one transaction."""

    def __init__(self, datastore: Datastore, *, text_ids: bool = False) -> None:
        LogApplicationRecorder.__init__(self, datastore, text_ids=text_ids)

    def _before_insert(self, connection: Connection, **kwargs: Any) -> None:
        tracking: Tracking | None = kwargs.get("tracking")
        if tracking is not None:
            _track(connection, tracking)


class LogSubscription(ListenNotifySubscription[LogApplicationRecorder]):
    """Woken by the log's own NOTIFY, and by a look once a second as a hint may be lost."""

    def __init__(self, recorder: LogApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt, topics)
        self._listener = Thread(target=self._listen, name="log subscription", daemon=True)
        self._listener.start()

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._listener.join()

    def _listen(self) -> None:
        try:
            with psycopg.connect(self._recorder.datastore.dsn, autocommit=True, **connect.OPTIONS) as connection:
                connection.execute("LISTEN log")
                while not self._has_been_stopped:
                    self._has_been_notified.set()
                    for _ in connection.notifies(timeout=0.25, stop_after=1):
                        pass
        except BaseException as error:  # a thread's error is raised where the reader waits for it
            self._thread_error = self._thread_error or error
            self.stop()


@dataclass(frozen=True)
class OurEvent:
    """One of our events as a domain event of the library. `erased`: no key was given, or it was destroyed; sealed fields are blank."""

    originator_id: UUID | str
    originator_version: int
    position: int
    event: Event
    erased: bool


class LogMapper(Mapper[Any]):
    """The library's mapper, which also understands our events. `open_key` finds the data key of a subject."""

    vault: "Keys | None" = None

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[Any]:
        if not isinstance(stored_event, LogNotification) or stored_event.row.schema_version == FOREIGN_VERSION:
            return super().to_domain_event(stored_event)
        row = stored_event.row
        key = self.vault.key(row.subject) if self.vault is not None and row.sealed is not None and row.subject is not None else None
        found = codec.unpack(row, key)
        return OurEvent(stored_event.originator_id, row.version, row.position, found.event, found.erased)


class Keys:
    """Data keys for a mapper, asked for each time: an erasure counts at once."""

    def __init__(self, datastore: Datastore, master: MasterKey) -> None:
        self._datastore, self._master = datastore, master

    def key(self, subject: str) -> DataKey | None:
        names = subjects.members(subject)
        with self._datastore.connection() as connection:
            cursor = connection.execute("SELECT subject, wrapped FROM data_keys WHERE subject = ANY(%s) AND wrapped IS NOT NULL", (names,))
            rows = cursor.fetchall()
        return combined([unwrap(self._master, name, wrapped) for name, wrapped in rows]) if len(rows) == len(names) else None


class Factory(InfrastructureFactory[LogTrackingRecorder]):
    """Settings: DATABASE_URL; MASTER_KEY when our sealed texts are to be read; ORIGINATOR_ID_TYPE (uuid or text)."""

    def __init__(self, env: Environment | None) -> None:
        super().__init__(env)
        dsn = self.env.get("DATABASE_URL")
        if not dsn:
            raise OSError("DATABASE_URL is not set: it names the database that holds the log")
        self.datastore = Datastore(dsn, int(self.env.get("POOL_SIZE") or 8))
        self._text_ids = (self.env.get("ORIGINATOR_ID_TYPE") or "uuid") == "text"

    def mapper(self, transcoder: Any = None, mapper_class: Any = None) -> Mapper[Any]:
        mapper: Mapper[Any] = super().mapper(transcoder, mapper_class or (None if self.env.get(self.MAPPER_TOPIC) else LogMapper))
        master = self.env.get("MASTER_KEY")
        if isinstance(mapper, LogMapper) and master:
            mapper.vault = Keys(self.datastore, MasterKey.of(bytes.fromhex(master)))
        return mapper

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        return LogAggregateRecorder(self.datastore, purpose, text_ids=self._text_ids)

    def application_recorder(self) -> ApplicationRecorder:
        return cast("ApplicationRecorder", self._recorder(self.APPLICATION_RECORDER_TOPIC, LogApplicationRecorder))

    def process_recorder(self) -> ProcessRecorder:
        return cast("ProcessRecorder", self._recorder(self.PROCESS_RECORDER_TOPIC, LogProcessRecorder))

    def tracking_recorder(self, tracking_recorder_class: type[LogTrackingRecorder] | None = None) -> LogTrackingRecorder:
        chosen = tracking_recorder_class or resolve_topic(
            self.env.get(self.TRACKING_RECORDER_TOPIC) or "engine.store.library:LogTrackingRecorder"
        )
        return chosen(self.datastore)

    def _recorder(self, topic: str, default: type[Any]) -> Any:
        chosen = self.env.get(topic)
        return (resolve_topic(chosen) if chosen else default)(self.datastore, text_ids=self._text_ids)

    def close(self) -> None:
        self.datastore.close()


def _append(connection: Connection, stored_events: Sequence[StoredEvent], ids_: Sequence[UUID]) -> Sequence[int]:
    columns = (
        list(ids_),
        [e.topic for e in stored_events],
        [str(e.originator_id) for e in stored_events],
        [e.originator_version for e in stored_events],
        [e.state for e in stored_events],
    )
    row = connection.execute(_INSERT, columns, binary=True).fetchone()
    assert row is not None
    return list(range(row[0] + 1, row[0] + 1 + len(stored_events)))


def _track(connection: Connection, tracking: Tracking) -> None:
    moved = connection.execute(
        "INSERT INTO library_tracking AS t VALUES (%s, %s) ON CONFLICT (application) DO UPDATE SET position = excluded.position"
        " WHERE t.position < excluded.position",
        (tracking.application_name, tracking.notification_id),
    )
    if moved.rowcount == 0:
        raise IntegrityError(f"{tracking.application_name} is tracked beyond {tracking.notification_id} already")


def _range(select: str, gt: int | None, lte: int | None, desc: bool, limit: int | None) -> tuple[bytes, list[object]]:
    words, values = [select], list[object]()
    for clause, value in (("AND version > %s", gt), ("AND version <= %s", lte)):
        if value is not None:
            words, values = [*words, clause], [*values, value]
    words.append("ORDER BY version DESC" if desc else "ORDER BY version")
    if limit is not None:
        words, values = [*words, "LIMIT %s"], [*values, limit]
    return " ".join(words).encode(), values


def _event_id(event: StoredEvent) -> UUID:
    # The state belongs to the key: a second event under the same version is a conflict, not a repeat.
    return ids.derived("eventsourcing", event.originator_id, event.originator_version, event.topic, hashlib.sha256(event.state).hexdigest())


def _originator(stream: str) -> UUID | str:
    try:
        return UUID(stream)
    except ValueError:
        return stream
