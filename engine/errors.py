"""Everything that can go wrong, as one tree.

TzurotError
├── SettingsError            the configuration cannot be used; the sentence says what to change
├── StoreError
│   ├── Conflict             somebody else wrote to the stream (or under the condition) first
│   ├── PartialRepeat        a call repeats some events of an earlier one but not its first
│   ├── StoreUnavailable     Postgres cannot be reached
│   ├── StorageFull          Postgres has no room left
│   ├── UnknownEvent         the log holds a type or schema version this program does not know
│   └── MigrationError       the database is not what the migrations say
└── VaultError
    ├── KeyDestroyed         the subject was erased: the text is gone for good
    └── WrongKey             the master key does not open this database's keys
"""

from uuid import UUID


class TzurotError(Exception):
    """Base of all errors raised on purpose. `str(error)` is one sentence a person can act on."""


class SettingsError(TzurotError):
    pass


class StoreError(TzurotError):
    pass


class Conflict(StoreError):
    def __init__(self, what: str, stream: str = "") -> None:
        self.stream = stream
        super().__init__(f"someone else wrote first: {what}")


class PartialRepeat(StoreError):
    def __init__(self, event_id: UUID) -> None:
        super().__init__(f"event {event_id} is stored already, but the first event of its group is not")


class StoreUnavailable(StoreError):
    pass


class StorageFull(StoreError):
    pass


class UnknownEvent(StoreError):
    def __init__(self, type_: str, version: int) -> None:
        self.type, self.version = type_, version
        super().__init__(f"no event type {type_} in version {version} is known to this program; is it older than the log?")


class MigrationError(StoreError):
    pass


class VaultError(TzurotError):
    pass


class KeyDestroyed(VaultError):
    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"the data key of {subject} was destroyed: what it sealed cannot be read any more")


class WrongKey(VaultError):
    pass
