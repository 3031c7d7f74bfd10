"""Exports of PluralKit and Tupperbox: each member or tupper as a persona, and what has no place in one named. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.cards import trees
from engine.cards.refusal import Unreadable

Program = Literal["PluralKit", "Tupperbox"]
MOST = 2_000
LONGEST_NAME, LONGEST_ABOUT = 255, 10_000
_PLURALKIT = frozenset({"name", "display_name", "description", "pronouns", "id", "uuid", "birthday"})
_TUPPERBOX = frozenset({"name", "description", "nick", "id", "birthday", "group_id", "group_pos", "posts"})


@dataclass(frozen=True, slots=True)
class ProxyPersona:
    """One persona of an export. `key` is what the program knows it by; `left` names what it says and a persona cannot hold."""

    key: str
    name: str
    pronouns: str = ""
    about: str = ""
    left: tuple[str, ...] = ()

    @property
    def fields(self) -> dict[str, str]:
        return {"name": self.name, "pronouns": self.pronouns, "about": self.about}


@dataclass(frozen=True, slots=True)
class ProxyExport:
    """What an export holds. `bad` says of entries that are none why."""

    program: Program
    personas: tuple[ProxyPersona, ...]
    bad: tuple[str, ...] = ()


def is_export(tree: object) -> bool:
    """Whether a document is one of either program's."""
    return isinstance(tree, dict) and (isinstance(tree.get("members"), list) or isinstance(tree.get("tuppers"), list))


def read_export(raw: bytes) -> ProxyExport:
    """The personas of an export. Raises Unreadable with one sentence."""
    tree = trees.json_of(raw)
    if not isinstance(tree, dict) or not is_export(tree):
        raise Unreadable("The file is no export of PluralKit or Tupperbox.")
    program: Program = "PluralKit" if isinstance(tree.get("members"), list) else "Tupperbox"
    entries = tree["members"] if program == "PluralKit" else tree["tuppers"]
    if len(entries) > MOST:
        raise Unreadable(f"The export holds more than {MOST:,} entries.")
    groups = {str(one.get("id")): one for one in _objects(tree.get("groups"))}
    found, bad = list[ProxyPersona](), list[str]()
    for number, one in enumerate(entries, 1):
        made = _persona(one, program, groups) if isinstance(one, dict) else None
        if made is None:
            bad.append(f"Entry {number}: It has no name.")
        else:
            found.append(made)
    return ProxyExport(program, tuple(found), tuple(bad))


def _persona(one: Mapping[str, Any], program: Program, groups: Mapping[str, Mapping[str, Any]]) -> ProxyPersona | None:
    called = _text(one.get("display_name")) or _text(one.get("nick")) or _text(one.get("name"))
    if not called:
        return None
    about = [_text(one.get("description"))]
    if _text(one.get("name")) != called and _text(one.get("name")):
        about.append(f"Also called {_text(one['name'])}.")
    if birthday := _text(one.get("birthday")):
        about.append(f"Birthday: {birthday[:10].removeprefix('0004-')}.")  # PluralKit's year for "no year"
    if group := _text(groups.get(str(one.get("group_id")), {}).get("name")):
        about.append(f"Of {group}.")
    key = str(one.get("uuid") or one.get("id") or f"{program}:{called}")
    known = _PLURALKIT if program == "PluralKit" else _TUPPERBOX
    left = tuple(sorted(str(name)[:60] for name, value in one.items() if name not in known and value not in (None, "", [], {}, False, 0)))
    whole = "\n".join(part for part in about if part)
    left += ("the end of its description",) if len(whole) > LONGEST_ABOUT else ()
    return ProxyPersona(key[:200], called[:LONGEST_NAME], _text(one.get("pronouns"))[:100], whole[:LONGEST_ABOUT], left)


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _text(value: object) -> str:
    return (
        " ".join(str(value).split())
        if isinstance(value, int) and not isinstance(value, bool)
        else value.strip()
        if isinstance(value, str)
        else ""
    )
