"""Names that only one may hold at a time. A claim's stream is called like the claim, so that its version is the lock."""

from uuid import UUID

from pydantic import Field

from engine.events.base import Event


class Claimed(Event):
    """`holder` holds the name from now on, such as `slug:wren` or `default:preset`."""

    name: str = Field(min_length=1, max_length=200)
    holder: UUID

    @property
    def stream_name(self) -> str:
        return self.name


class Released(Event):
    """The name is free again."""

    name: str = Field(min_length=1, max_length=200)
    holder: UUID

    @property
    def stream_name(self) -> str:
        return self.name
