"""Types and lengths of single values, refused as Discord refuses them: 400 "Invalid Form Body" with the field's path. Pure."""

import json
from collections.abc import Sized
from datetime import datetime

from tests.support.discord.errors import Json, invalid


def parsed(text: str) -> object:
    """What a text of JSON says. Raises ValueError for what is none: numbers without a value and nesting without measure, too."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


def moment(field: str, value: object) -> None:
    """A date and time of ISO 8601, or nothing."""
    if value is None:
        return
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        raise invalid(field, "DATE_TIME_TYPE_PARSE", f"Could not parse {str(value)[:40]}. Should be ISO8601.") from None


def length(text: str) -> int:
    """Length in UTF-16 units: the stricter of the two ways Discord is said to count, so whatever passes here passes there."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def text(field: str, value: object, least: int, most: int, *, needed: bool = True) -> None:
    """A string of `least` to `most` units; None only where it is not needed."""
    if value is None and not needed:
        return
    if value is None:
        raise invalid(field, "BASE_TYPE_REQUIRED", "This field is required")
    if not isinstance(value, str):
        raise invalid(field, "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    if not least <= length(value.strip()) <= most:
        if least == 0:
            raise invalid(field, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
        raise invalid(field, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")


def number(field: str, value: object, least: int, most: int, *, needed: bool = False) -> int | None:
    """A whole number within bounds; a string of digits counts, as it does there."""
    if value is None:
        if needed:
            raise invalid(field, "BASE_TYPE_REQUIRED", "This field is required")
        return None
    digits = isinstance(value, str) and value.isascii() and value.isdigit()
    if isinstance(value, bool) or not (isinstance(value, int) or digits):
        raise invalid(field, "NUMBER_TYPE_COERCE", f'Value "{str(value)[:20]}" is not int.')
    found = int(str(value))
    if not least <= found <= most:
        code, bound = ("NUMBER_TYPE_MIN", least) if found < least else ("NUMBER_TYPE_MAX", most)
        word = "greater" if found < least else "less"
        raise invalid(field, code, f"int value should be {word} than or equal to {bound}.")
    return found


def boolean(field: str, value: object) -> None:
    """True, false or nothing."""
    if value is not None and not isinstance(value, bool):
        raise invalid(field, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")


def snowflake(field: str, value: object) -> str | None:
    """An id as digits; None when absent."""
    if value is None:
        return None
    if isinstance(value, bool) or not str(value).isascii() or not str(value).isdigit() or len(str(value)) > 20:
        raise invalid(field, "NUMBER_TYPE_COERCE", f'Value "{str(value)[:20]}" is not snowflake.')
    return str(value)


def objects(field: str, value: object) -> list[Json]:
    """A list of objects; nothing is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(field, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    for index, one in enumerate(value):
        if not isinstance(one, dict):
            raise invalid(f"{field}.{index}", "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
    return value


def mapping(field: str, value: object) -> Json | None:
    """An object, or nothing."""
    if value is not None and not isinstance(value, dict):
        raise invalid(field, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
    return value


def sized(field: str, value: Sized, least: int, most: int) -> None:
    """A list of `least` to `most` entries."""
    if not least <= len(value) <= most:
        if least == 0:
            raise invalid(field, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
        raise invalid(field, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
