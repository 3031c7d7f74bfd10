"""Where two texts, prompts or records begin to differ, in words that name the place. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

AROUND = 60
"""Characters shown of either side from where they differ."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`where` is a section of the prompt, or `model`, `preset`, `answer`; `at` the first character that differs; then either side."""

    where: str
    at: int
    before: str
    after: str


def first_character(one: str, other: str) -> int | None:
    """The index of the first character that differs; None for equal texts."""
    if one == other:
        return None
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def of_texts(where: str, one: str, other: str) -> Difference | None:
    """The first difference of two texts."""
    at = first_character(one, other)
    return None if at is None else Difference(where, at, one[at : at + AROUND], other[at : at + AROUND])


def of_sections(one: Mapping[str, str], other: Mapping[str, str]) -> Difference | None:
    """The first difference of two prompts, by the order of their sections; one that is missing says nothing."""
    names = dict.fromkeys((*one, *other))
    return next((found for name in names if (found := of_texts(name, one.get(name, ""), other.get(name, "")))), None)
