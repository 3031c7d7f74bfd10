"""Brings stored events of older schema versions to today's, one pure step at a time."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from engine.events import class_of

Fields = dict[str, Any]
Step = Callable[[Fields], Fields]

STEPS: MappingProxyType[tuple[str, int], Step] = MappingProxyType({})
"""(event type, version it turns from) -> the function that turns its fields into those of the next version."""


def upcast(type_: str, version: int, fields: Fields) -> Fields:
    """The fields as the current version of the type has them."""
    for step in range(version, class_of(type_, version).VERSION):
        fields = STEPS[type_, step](fields)
    return fields
