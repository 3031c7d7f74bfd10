"""What stands in a message of Discord's for a name, an emoji or a time, as a person reads it. Pure.

| Discord writes | a person reads |
|---|---|
| `<@42>`, `<@!42>` | `@name`, or `@unknown-user` |
| `<@&7>`, `<#9>` | `@role`, `#channel`; or `@unknown-role`, `#unknown` |
| `<:wave:1>`, `<a:wave:1>` | `:wave:` |
| `</character view:5>` | `/character view` |
| `<t:1700000000:R>` | `2023-11-14 22:13 UTC` |
| `<id:customize>` | `#Channels & Roles`, and its like |
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from engine.outside.code_spans import code_spans

NAME = 100
"""Characters of a name that are read."""
_FORM = (
    r"<(?:@!?(?P<user>\d{1,20})|@&(?P<role>\d{1,20})|#(?P<channel>\d{1,20})|a?:(?P<emoji>\w{2,32}):\d{1,20}"
    r"|/(?P<command>[-_'\w]{1,32}(?: [-_'\w]{1,32}){0,2}):\d{1,20}|t:(?P<time>-?\d{1,12})(?P<style>:[tTdDfFRsS])?"
    r"|id:(?P<place>\w{1,20})(?::\d{1,20})?)>"
)
_TOKEN = re.compile(_FORM.replace(r"\d", "[0-9]"))
_WIDE_TOKEN = re.compile(_FORM)
"""As it was read once: with the digits of every script, which are no ids for Discord."""
_PLACES = {"customize": "#Channels & Roles", "browse": "#Browse Channels", "guide": "#Server Guide", "linked-roles": "#Linked Roles"}
_FORMS = {":t": "%H:%M UTC", ":T": "%H:%M:%S UTC", ":d": "%Y-%m-%d", ":D": "%Y-%m-%d"}
FORM = "%Y-%m-%d %H:%M UTC"


def readable(text: str, names: Mapping[str, str], *, everywhere: bool = False) -> str:
    """The text with names for ids. `names` maps `42` (a person), `&7` (a role) and `#9` (a channel) to what they are called.

    What stands in code stays as it is, as Discord shows it, unless `everywhere`: so it was read once.
    """
    if "<" not in text:
        return text
    if everywhere:
        return _WIDE_TOKEN.sub(lambda found: _word(found, names), text)
    parts, at = [], 0
    for start, end in [*(code_spans(text) if "`" in text else []), (len(text), len(text))]:
        parts += [_TOKEN.sub(lambda found: _word(found, names), text[at:start]), text[start:end]]
        at = end
    return "".join(parts)


def mentioned_in(text: str) -> set[str]:
    """The keys of `names` that a text asks for."""
    if "<" not in text:
        return set()
    return {key for found in _WIDE_TOKEN.finditer(text) if (key := _key(found)) is not None}


def _key(found: re.Match[str]) -> str | None:
    match found.lastgroup:
        case "user":
            return found["user"]
        case "role":
            return f"&{found['role']}"
        case "channel":
            return f"#{found['channel']}"
        case _:
            return None


def _word(found: re.Match[str], names: Mapping[str, str]) -> str:
    if (key := _key(found)) is not None:
        unknown = {"user": "unknown-user", "role": "unknown-role", "channel": "unknown"}[str(found.lastgroup)]
        name = " ".join(names.get(key, "").split())[:NAME] or unknown
        return f"#{name.removeprefix('#')}" if key.startswith("#") else f"@{name.removeprefix('@')}"
    if found["emoji"] is not None:
        return f":{found['emoji']}:"
    if found["command"] is not None:
        return f"/{found['command']}"
    return _moment(found) if found["time"] is not None else _PLACES.get(found["place"], found[0])


def _moment(found: re.Match[str]) -> str:
    try:
        moment = datetime.fromtimestamp(int(found["time"]), UTC)
    except (ValueError, OverflowError, OSError):
        return found[0]
    return moment.strftime(_FORMS.get(found["style"] or "", FORM))
