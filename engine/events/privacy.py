"""Erasure and keys."""

from engine.events.base import Count, Event, Snowflake


class UserErased(Event):
    """The data key of this person was destroyed: everything it sealed is unreadable for good, here and on every replay."""

    user_id: Snowflake
    requested_by: Snowflake

    @property
    def stream_name(self) -> str:
        return f"user:{self.user_id}"


class MasterKeyRotated(Event):
    """All data keys are wrapped by another master key now. Ids are fingerprints, not keys."""

    from_key_id: str
    to_key_id: str
    keys: Count

    @property
    def stream_name(self) -> str:
        return "vault"
