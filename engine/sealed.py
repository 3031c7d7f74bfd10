"""Marks fields whose value is free text or otherwise personal. Both events and what people edit use it, so it stands below both."""

from typing import Annotated, TypeVar


class SealedMark:
    """Marks a field whose value is free text or otherwise personal: it is encrypted with its subject's data key."""


_MARK = SealedMark()
T = TypeVar("T")
Sealed = Annotated[T, _MARK]
"""`text: Sealed[str]` keeps the field out of the clear columns and inside the sealed part of the event."""
