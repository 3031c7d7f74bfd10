"""Identifiers. What has a natural key gets a uuid5 of it, so that saying a thing twice is saying it once."""

import secrets
from datetime import UTC, datetime, timedelta
from threading import Lock
from uuid import UUID, uuid5

from engine import clock

NAMESPACE = UUID("6f6b1c5e-3f0e-5d0a-9a57-7a2f0d1c4b8e")
DISCORD_EPOCH_MS = 1_420_070_400_000
"""First millisecond a snowflake can name: 2015-01-01T00:00:00Z (Discord API reference, Snowflakes)."""
AHEAD = timedelta(days=1)
"""No two clocks that are looked after differ by more."""

_REFERENCE_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def derived(kind: str, *key: object) -> UUID:
    """The id of the thing of this kind with this natural key: the same in every process and on every replay."""
    return uuid5(NAMESPACE, "\x1f".join((kind, *map(str, key))))


def message_event(message_id: int, kind: str) -> UUID:
    """Id of the event that says `kind` (received, deleted, ...) about a message."""
    return derived("message", message_id, kind)


def turn(message_id: int, character: UUID, epoch: int = 0) -> UUID:
    """Id of the turn in which a character answers a message; `epoch` counts regenerations from 0."""
    return derived("turn", message_id, character, epoch)


def terminal(turn_id: UUID) -> UUID:
    """Id shared by every event that can end a turn, so that only one of them can ever be stored."""
    return derived("turn-terminal", turn_id)


def random_id() -> UUID:
    """An id for what has no natural key: time-ordered (RFC 9562, version 7), so that btree pages stay warm."""
    milliseconds = int(clock.now().timestamp() * 1000)
    noise = secrets.randbits(74)
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | (noise >> 62) << 64 | 0b10 << 62 | noise & (1 << 62) - 1
    return UUID(int=value)


def reference() -> str:
    """A short name for an error that a person can read out: 10 characters, no look-alikes, 50 random bits."""
    return "".join(secrets.choice(_REFERENCE_ALPHABET) for _ in range(10))


def snowflake_time(snowflake: int) -> datetime:
    """When Discord (or our playground) made this id."""
    return datetime.fromtimestamp(((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000, UTC)


def snowflake_at(moment: datetime) -> int:
    """The smallest id that Discord (or our playground) can have made at this moment."""
    return int(moment.timestamp() * 1000 - DISCORD_EPOCH_MS) << 22


def is_ahead(snowflake: int) -> bool:
    """Tell whether an id names a time that has not come, as no Discord makes it. Whatever goes by the newest id must not meet it."""
    return snowflake >= snowflake_at(clock.now() + AHEAD)


class Snowflakes:
    """Makes ids of Discord's form for messages that Discord has never seen. Ascending and unique within a process."""

    def __init__(self, origin: int | None = None) -> None:
        self._origin = (secrets.randbits(10) if origin is None else origin) & 0x3FF
        self._last = 0
        self._lock = Lock()

    def next(self) -> int:
        with self._lock:
            milliseconds = int(clock.now().timestamp() * 1000) - DISCORD_EPOCH_MS
            self._last = max(self._last + 1, milliseconds << 12)
            return (self._last >> 12) << 22 | self._origin << 12 | self._last & 0xFFF
