"""Strings from outside before they are stored in the clear: without what a table or a terminal refuses, and bounded."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

NAME = 200
"""Characters of a name: also of four bytes each it fits an index row of Postgres (2,704 bytes)."""
CLEAR = 600
"""Characters of a string in a clear field of the log that has no limit of its own: the last door, for fields whose own door forgot."""
FREE = 20_000
"""Characters of a string within free-form JSON in a clear field."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]+")
_UNSTORABLE = re.compile(r"\x00+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def name(text: object, limit: int = NAME) -> str:
    """One printable line of at most `limit` characters; '' for what is no string. For ids, names, codes and reasons of others."""
    if not isinstance(text, str):
        return ""
    # Cut first: what is cleaned costs in proportion to what is kept.
    line = _UNPRINTABLE.sub(" ", whole(text[: 4 * limit]))
    return " ".join(line.split())[:limit].rstrip()


def whole(text: str) -> str:
    """The text with halves of surrogate pairs joined or replaced by U+FFFD."""
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable(text: str, limit: int | None = None) -> str:
    """The text as Postgres takes it: no NUL and no half of a surrogate pair but U+FFFD, at most `limit` characters."""
    bounded = text if limit is None else text[:limit]
    return whole(_UNSTORABLE.sub("\ufffd", bounded))  # not less: a field may ask for one character at least


def fields(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a model's fields as they may be stored in the clear. A string is cut at its field's own limit, else at CLEAR."""
    return {name: _value(value, _limit(model, name)) for name, value in values.items()}


def _limit(model: type[BaseModel], name: str) -> int:
    found = (getattr(part, "max_length", None) for part in model.model_fields[name].metadata)
    return next((limit for limit in found if limit), CLEAR)


def _value(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return storable(value, limit)
    if isinstance(value, BaseModel):
        return fields(type(value), value.__dict__)
    if isinstance(value, Mapping):  # free-form JSON, which no index holds
        return {_value(key, limit): _value(item, FREE) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item, limit) for item in value]
    return value
