"""Lorebooks: what conversations may wake, and where each book is attached."""

from uuid import UUID

from pydantic import Field, JsonValue

from engine.events.base import SYSTEM_SUBJECT, Count, Event, Sealed, Snowflake, user_subject
from engine.lore.book import LoreScope
from engine.resources.craft.lorebook import LorebookSheet


class _LorebookEvent(Event):
    """Base of what happens to one book. `owner_id` is whose it is."""

    lorebook_id: UUID
    owner_id: Snowflake | None

    @property
    def stream_name(self) -> str:
        return f"lorebook:{self.lorebook_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        if not self.SEALED:
            return ()
        return (user_subject(self.owner_id) if self.owner_id is not None else SYSTEM_SUBJECT,)


class LorebookCreated(_LorebookEvent):
    """A book exists; its entries come after it."""

    sheet: Sealed[LorebookSheet]


class LorebookEdited(_LorebookEvent):
    """The whole of a book but its entries, as it is from now on."""

    edited_by: Snowflake
    sheet: Sealed[LorebookSheet]


class LoreEntriesSet(_LorebookEvent):
    """These entries are so from now on, new or instead of those with the same numbers.

    Each of `entries` has SillyTavern's fields, those we do not know included; `uids` are their numbers in the same order.
    """

    edited_by: Snowflake
    uids: tuple[Count, ...] = Field(min_length=1)
    entries: Sealed[tuple[dict[str, JsonValue], ...]] = ()


class LoreEntriesRemoved(_LorebookEvent):
    """These entries are gone from the book."""

    edited_by: Snowflake
    uids: tuple[Count, ...] = Field(min_length=1)


class LorebookDeleted(_LorebookEvent):
    """The book is gone, wherever it was attached."""

    deleted_by: Snowflake


class LorebookRestored(_LorebookEvent):
    """The deletion is taken back: the book and its attachments are as they were."""

    restored_by: Snowflake


class LorebookAttached(_LorebookEvent):
    """The book is looked at where its target speaks or is spoken to."""

    scope: LoreScope
    target: str = Field("", max_length=64)
    set_by: Snowflake


class LorebookDetached(_LorebookEvent):
    """The book is not looked at there any more."""

    scope: LoreScope
    target: str = Field("", max_length=64)
    set_by: Snowflake
