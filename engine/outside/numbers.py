"""Whole numbers in strangers' text: ASCII digits only, never so many that reading them costs or fails. Pure."""

MOST = 2**63 - 1
"""The largest that Postgres keeps."""


def whole(text: str, most: int = MOST) -> int | None:
    """The number that a text is; None for anything else, and for one above `most`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        return None
    return number if (number := int(text)) <= most else None


def is_id(text: str) -> bool:
    """Whether a text is an id of Discord's: a number above nought."""
    return (whole(text) or 0) > 0
