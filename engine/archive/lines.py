"""A row of the log as a line of JSON, opened or as it is sealed; and back. Pure."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from engine import subjects
from engine.errors import TzurotError
from engine.events import class_of
from engine.events.base import Event, Tags
from engine.events.build import Cause, new, sealed_for
from engine.sealing import DataKey
from engine.store import NewEvent, Stored
from engine.store.codec import open_stored
from engine.store.foreign import FOREIGN_VERSION
from engine.store.upcast import upcast

LONGEST = 32 * 1024 * 1024
"""Bytes of a line."""
_TAGS = ("guild", "channel", "user", "character", "turn")


class NotALine(TzurotError):
    """The line holds no event; the sentence says why."""


@dataclass(frozen=True, slots=True)
class ArchivedEvent:
    """An event of an archive. `opened` are its sealed fields in the clear, `sealed` their bytes where they were not opened.

    `erased`: they could be read no more when the archive was made.
    """

    row: Stored
    opened: Mapping[str, Any] | None
    erased: bool

    @property
    def whole(self) -> bool:
        """Whether nothing of it is sealed here."""
        return self.opened is not None or self.row.sealed is None

    def opened_with(self, key: DataKey) -> "ArchivedEvent":
        """The same, opened."""
        assert self.row.sealed is not None
        return ArchivedEvent(self.row, open_stored(self.row.sealed, key, self.row.id, self.row.type), erased=False)

    def event(self) -> Event:
        """The typed event, in today's schema. Raises UnknownEvent, ValueError."""
        row = self.row
        fields = orjson.loads(row.data) | dict(self.opened or {})
        return class_of(row.type, row.schema_version).model_validate(upcast(row.type, row.schema_version, fields))

    def to_append(self, event: Event | None = None) -> NewEvent:
        """The event on its way into another log, with its id, its time and its causes, sealed for those who sealed it here."""
        row = self.row
        cause = Cause(row.correlation, row.causation, Tags(row.guild, row.channel, row.user, row.character, row.turn))
        made = new(event or self.event(), row.id, cause=cause, occurred_at=row.occurred_at)
        whose = tuple(dict.fromkeys(map(subjects.base, subjects.members(row.subject)))) if row.subject else ()
        return sealed_for(made, *whose) if whose and set(whose) != set(made.subjects) else made


def line_of(row: Stored, key: DataKey | None, *, opened: bool) -> bytes:
    """The line of a row, without its end. With `opened` the sealed fields stand in the clear, as far as there is a key."""
    line: dict[str, Any] = {
        "position": row.position,
        "id": row.id,
        "stream": row.stream,
        "version": row.version,
        "type": row.type,
        "schema": row.schema_version,
        "occurred_at": row.occurred_at,
        "recorded_at": row.recorded_at,
    }
    line |= {name: value for name in ("correlation", "causation", *_TAGS) if (value := getattr(row, name)) is not None}
    if row.schema_version == FOREIGN_VERSION:
        line["state"] = base64.b64encode(row.data).decode()
    else:
        line["data"] = orjson.Fragment(row.data)
    if row.subject is not None:
        line["subject"] = row.subject
    if row.sealed is not None:
        if not opened:
            line["sealed"] = base64.b64encode(row.sealed).decode()
        elif key is not None:
            line["opened"] = open_stored(row.sealed, key, row.id, row.type)
        else:
            line["erased"] = True
    return orjson.dumps(line)


def read_line(raw: bytes) -> ArchivedEvent:
    """The event of a line. Raises NotALine."""
    try:
        line = orjson.loads(raw)
        opened, erased = line.get("opened"), line.get("erased") is True
        sealed = base64.b64decode(line["sealed"], validate=True) if "sealed" in line else None
        data = base64.b64decode(line["state"], validate=True) if "state" in line else orjson.dumps(line["data"])
        if not (isinstance(opened, dict | None) and isinstance(line.get("data", {}), dict)):
            raise TypeError("opened")
        row = Stored(
            position=_whole(line["position"]),
            id=UUID(line["id"]),
            stream=_text(line["stream"]),
            version=_whole(line["version"]),
            type=_text(line["type"]),
            schema_version=_whole(line["schema"]),
            occurred_at=datetime.fromisoformat(line["occurred_at"]),
            recorded_at=datetime.fromisoformat(line["recorded_at"]),
            correlation=_uuid(line.get("correlation")),
            causation=_uuid(line.get("causation")),
            guild=_id(line.get("guild")),
            channel=_id(line.get("channel")),
            user=_id(line.get("user")),
            character=_uuid(line.get("character")),
            turn=_uuid(line.get("turn")),
            subject=_text(line["subject"]) if "subject" in line else None,
            data=data,
            sealed=b"" if opened is not None or erased else sealed,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotALine(f"It holds no event ({type(error).__name__}).") from None
    return ArchivedEvent(row, opened, erased)


def _text(value: object) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise TypeError("text")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise TypeError("number")
    return value


def _id(value: object) -> int | None:
    return None if value is None else _whole(value)


def _uuid(value: object) -> UUID | None:
    return None if value is None else UUID(_text(value))
