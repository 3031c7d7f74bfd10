"""What a person wrote into the environment or into .env, brought to what they meant, or refused with what is wrong. Pure.

A setting is often pasted: with a line break at its end, in quotes, with a mark that nobody sees, with the word that stands before it in a
header. Messages follow the setting's name and never repeat its value.
"""

import difflib
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from engine.outside import addresses

_EDGE = "".join(
    map(chr, [*range(33), 0x7F, 0x85, 0xA0, 0xAD, 0x1680, *range(0x2000, 0x2010), 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF])
)
"""What is left out at both ends: white space of every kind, and marks that nobody sees."""
_QUOTES = ('""', "''", "``", "“”", "„“", "””", "‘’", "’’", "«»", "<>")
_TOKENS = frozenset({"discord_token", "provider_api_key"})
_PREFIXES = {
    "discord_token": ("Bot ", "Bearer "),
    "database_url": ("psql ",),
    "database_read_url": ("psql ",),
    "provider_api_key": ("Authorization:", "x-api-key:", "api-key:", "Bearer:", "Bearer ", "Api-Key ", "Token "),
}
_NAMED = re.compile(r"\A(?:export )?[A-Za-z_]{0,40}(?:KEY|key|TOKEN|token) ?[=:] ?(?=.)")
_LEVELS = {"warn": "warning", "critical": "error", "fatal": "error", "trace": "debug"}
_ALIASES = {
    "OPENAI_API_KEY": "PROVIDER_API_KEY",
    "OPENROUTER_API_KEY": "PROVIDER_API_KEY",
    "API_KEY": "PROVIDER_API_KEY",
    "OPENAI_BASE_URL": "PROVIDER_BASE_URL",
    "OPENAI_API_BASE": "PROVIDER_BASE_URL",
    "DISCORD_BOT_TOKEN": "DISCORD_TOKEN",
    "BOT_TOKEN": "DISCORD_TOKEN",
    "MODEL": "DEFAULT_MODEL",
    "OWNER_ID": "OWNER_IDS",
    "DATA_DIR": "TZUROT_DATA",
}
_OTHERS = re.compile(
    r"(POSTGRES|NATS)_PASSWORD|NEW_MASTER_KEY|(OTEL|COMPOSE|DOCKER|STANDIN|PG|PYTHON|SSL|CHAOS|UNSAFE|TZUROT)_?\w*|(HTTPS?|NO|ALL)_PROXY"
    r"|PATH|HOME|LANG|LC_\w+|TZ|TMPDIR"
)


def trimmed(name: str, value: str) -> str:
    """The value of a setting without what surrounds it by accident. '' when nothing is left: it counts as not set."""
    text = value.strip(_EDGE)
    if name in {"console_password", "release_webhook_secret"}:
        return text
    for _ in range(4):  # a quote within a prefix within a quote
        text = _bare(name, text)
    if name == "master_key":
        return "".join(text.split()).removeprefix("0x")
    return _LEVELS.get(text.lower(), text.lower()) if name in {"log_level", "log_format"} else text


def _bare(name: str, text: str) -> str:
    """The text without one pair of quotes and without what stands before a value where it was copied from."""
    if len(text) >= 2 and text[0] + text[-1] in _QUOTES:
        text = text[1:-1].strip(_EDGE)
    if name in _TOKENS:
        text = _NAMED.sub("", text).rstrip(";,")
    before = ("export ", f"{name}=", f"{name.upper()}=", *_PREFIXES.get(name, ()))
    for prefix in before:
        if text[: len(prefix)].lower() == prefix.lower():
            text = text[len(prefix) :].strip(_EDGE)
    return text


def checked(name: str, value: str) -> str:
    """A trimmed value in the one form the rest uses. Raises ValueError with what is wrong."""
    if name in _TOKENS:
        if re.fullmatch(r"\$\w{1,80}|\$?\{\{?[^{}]{1,80}\}\}?", value):
            raise ValueError("is the name of a variable that nobody filled in; write the key itself")
        _needs_no_escape(value)
    elif (place := next((n for n, c in enumerate(value, 1) if ord(c) < 32 or 0x7F <= ord(c) < 0xA0), 0)) > 0:
        raise ValueError(f"holds a control character at place {place}; write it anew")
    form = _FORMS.get(name)
    return form(value) if form else value


def _needs_no_escape(value: str) -> None:
    """A key goes into a header as it is: printable ASCII without blanks."""
    for place, character in enumerate(value, 1):
        if not "!" <= character <= "~":
            what = "a blank or a control character" if character.isspace() or ord(character) < 32 else "a character that is no plain ASCII"
            raise ValueError(f"holds {what} at place {place}, which cannot stand in a header; copy it anew")


LONGEST_NAME, LONGEST_PATH = 255, 3_000
"""Bytes of one folder's name, and of all of a path that still has room for what is made in it."""
_VARIABLE = re.compile(r"\$(?:[A-Za-z_]\w{0,80}|\{.{1,80}\}?)")


def host(value: str) -> str:
    """A host to listen on: a name or an address alone, an IPv6 one without its brackets. Raises ValueError."""
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if "://" in bare or "/" in bare or any(c.isspace() for c in bare) or bare.count(":") == 1:
        raise ValueError("must be a host alone, as 127.0.0.1; the port is CONSOLE_PORT")
    return bare


def optional_api(value: str) -> str:
    """A web address, or "" for `off`. Raises ValueError."""
    return "" if value.lower() in {"off", "none", "no", "false"} else addresses.api(value)


def folder(value: str) -> str:
    """A path with `~` and variables filled in, in full. Raises ValueError when one of them is not known."""
    if value.lower().startswith("file://"):
        value = unquote(value[7:].removeprefix("localhost"))
    path = os.path.expandvars(os.path.expanduser(value))  # noqa: PTH111 - pathlib's raises for nobody's home, and has no variables
    if path.startswith("~"):
        raise ValueError("begins with ~ and the name of nobody here; write the whole path")
    unset = next((part for part in path.split("/") if _VARIABLE.fullmatch(part)), None)
    if unset is not None and not os.path.lexists(path):
        raise ValueError(f"names the variable {unset}, which is not set; write the whole path")
    whole = str(Path(path).absolute())
    if len(os.fsencode(whole)) > LONGEST_PATH or any(len(os.fsencode(part)) > LONGEST_NAME for part in whole.split("/")):
        raise ValueError("is too long for a folder; choose a shorter one")
    return whole


_FORMS: Mapping[str, Callable[[str], str]] = {
    "tzurot_data": folder,
    "provider_ca_file": folder,
    "database_url": addresses.database,
    "database_read_url": partial(addresses.database, session="standby"),
    "nats_url": addresses.nats,
    "provider_base_url": addresses.api,
    "discord_api_base": addresses.api,
    "public_url": addresses.origin,
    "pluralkit_api": optional_api,
    "console_host": host,
}


def misspelt(names: Iterable[str], known: Collection[str], *, foreign: bool = False) -> list[str]:
    """A sentence for each name that is no setting, with the nearest that is one.

    `foreign`: the names are of an environment that holds other programs' too, so only those are told that can hardly mean anything else.
    """
    wanted = [name.upper() for name in known]
    said = []
    for name in names:
        upper = name.strip(_EDGE).upper()
        if upper in wanted or (_OTHERS.fullmatch(upper) and not upper.startswith("TZUROT_D")):
            continue
        near = _ALIASES.get(upper) or next(iter(difflib.get_close_matches(upper, wanted, 1, 0.88 if foreign else 0.6)), "")
        if foreign and (upper in _ALIASES or not near):
            continue
        shown = "".join(c for c in upper[:60] if c.isascii() and c.isprintable())
        said.append(
            f"{shown} is no setting, so it has no effect." + (f" Did you mean {near}?" if near else " `tzurot settings` lists them.")
        )
    return said
