"""A filter as it stands in an address: understood, or named as wrong. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from bot.console import words
from projections.models.timeline import Filter

FIELDS = ("type", "character", "user", "channel", "guild", "turn", "category", "model", "since", "before")
LONGEST = 200
type Named = Callable[[str], int | None]
"""What is meant by a name; None when nothing or several are."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What was typed by field, what it means, and what could not be understood. With anything wrong nothing is to be shown."""

    values: Mapping[str, str]
    wanted: Filter
    wrong: Mapping[str, str]

    def query(self, **more: object) -> str:
        """The same filter as a query string, with more in it."""
        return urlencode({name: value for name, value in {**self.values, **more}.items() if value not in {"", None}})

    @property
    def anything(self) -> bool:
        """Whether it restricts at all."""
        return any(self.values.values())


@dataclass(slots=True)
class _Taken:
    values: Mapping[str, str]
    wrong: dict[str, str] = field(default_factory=dict)

    def take[T](self, name: str, read: Callable[[str], T | None], sentence: str) -> T | None:
        if not self.values[name]:
            return None
        found = read(self.values[name])
        if found is None:
            self.wrong[name] = sentence
        return found


def _nobody(_: str) -> None:
    return None


def understand(
    parameters: Mapping[str, str],
    called: Mapping[UUID, str],
    person_named: Named = _nobody,
    channel_named: Named = _nobody,
    server_named: Named = _nobody,
) -> Filters:
    """Characters (by `called`), people and places go by name or id; times are UTC unless they say otherwise."""
    taken = _Taken({name: parameters.get(name, "").strip()[:LONGEST] for name in FIELDS})
    time = "A time looks like 2026-01-31T18:00."
    wanted = Filter(
        types=taken.take("type", lambda text: words.types_of(text) or None, "There is no such event type.") or frozenset(),
        guild=taken.take("guild", lambda text: _number_or(text, server_named), "There is no such server, or several; give its id."),
        channel=taken.take("channel", lambda text: _number_or(text, channel_named), "There is no such channel, or several; give its id."),
        user=taken.take("user", lambda text: _number_or(text, person_named), "There is no such person, or several; give their number."),
        character=taken.take("character", lambda text: _character(text, called), "There is no such character."),
        turn=taken.take("turn", _uuid, "A turn goes by its id."),
        category=taken.take("category", _plain, "That is no category."),
        model=taken.take("model", _plain, "That is no model."),
        since=taken.take("since", _moment, time),
        before=taken.take("before", _moment, time),
    )
    return Filters(taken.values, wanted, taken.wrong)


def number(text: str) -> int | None:
    """A snowflake or a position; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 1 << 63 else None


def _number_or(text: str, named: Named) -> int | None:
    found = number(text)
    return found if found is not None else named(text)


def _plain(text: str) -> str | None:
    return text if text.isprintable() else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _character(text: str, called: Mapping[UUID, str]) -> UUID | None:
    wanted = text.casefold()
    return next((character for character, name in called.items() if name.casefold() == wanted), None) or _uuid(text)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
