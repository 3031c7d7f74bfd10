"""Which provider of models the operator connected while everything runs. The key is in a table of its own, sealed, and in no event."""

from uuid import UUID

from pydantic import Field

from engine.events.base import Event, Snowflake

STREAM = "provider:system"


class ProviderConnected(Event):
    """From now on models are asked at this address, instead of at the one of the settings. Without `key_id` it takes no key."""

    name: str = Field(max_length=60)
    base_url: str = Field(max_length=300)
    key_id: UUID | None = None
    last4: str = Field("", max_length=4)
    set_by: Snowflake = 0

    @property
    def stream_name(self) -> str:
        return STREAM


class ProviderDisconnected(Event):
    """Models are asked where the settings say again."""

    cleared_by: Snowflake = 0

    @property
    def stream_name(self) -> str:
        return STREAM
