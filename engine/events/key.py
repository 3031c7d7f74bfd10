"""People's own provider keys. An event says that there is one, never what it is: the key itself is sealed in a table of its own."""

from typing import ClassVar
from uuid import UUID

from engine.events.base import Event


class KeyAdded(Event):
    """A person stored a key. It replaces an earlier one for the same provider."""

    DOER: ClassVar[str | None] = "user_id"

    key_id: UUID
    user_id: int
    provider: str
    last4: str

    @property
    def stream_name(self) -> str:
        return f"keys:{self.user_id}"


class KeyTested(Event):
    """The provider was asked whether it takes the key. `category` is of engine.fault when it does not."""

    key_id: UUID
    user_id: int
    provider: str
    accepted: bool
    category: str | None = None

    @property
    def stream_name(self) -> str:
        return f"keys:{self.user_id}"


class KeyRemoved(Event):
    """The key is gone: what was sealed is deleted."""

    key_id: UUID
    user_id: int
    provider: str
    removed_by: int

    @property
    def stream_name(self) -> str:
        return f"keys:{self.user_id}"
