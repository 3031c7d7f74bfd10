"""Every custom_id that the bot puts on a button, select or form: one registry, one writer, one strict reader. Pure.

All that a press means stands in its custom_id, so that it means the same after a restart; whose press it is says the interaction.
Each entry has exactly one handler: `bot.discord.presses` refuses to start otherwise.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from bot.editing import KINDS
from bot.sheets import EVERY

LONGEST = 100
"""Discord's limit."""
type Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class IdPart:
    """One value in a custom_id: what it may look like, and how it is read."""

    pattern: re.Pattern[str]
    read: Callable[[str], Any]


ID = IdPart(re.compile(r"[0-9a-f]{32}"), UUID)
NUMBER = IdPart(re.compile(r"[0-9]{1,19}"), int)
MARK = IdPart(re.compile(r"[0-9a-f]{8}"), str)
KIND = IdPart(re.compile("|".join(sorted(KINDS))), str)
"""The name of a kind of thing that people make."""
ANY = IdPart(re.compile("|".join(sorted(EVERY))), str)
"""The name of a kind of thing that people edit: what they make, and what is simply there, such as a channel."""
FIELD = IdPart(re.compile(r"[a-z][a-z0-9_.]{0,39}"), str)


@dataclass(frozen=True, slots=True)
class Press:
    """One kind of button, select or form.

    `instead` is the command that does the same, for who cannot use this one; it may name a `{kind}`.
    """

    prefix: str
    parts: tuple[IdPart, ...]
    instead: str

    def id(self, *values: object) -> str:
        """The custom_id with these values. Raises ValueError for values that could not be read again."""
        texts = [value.hex if isinstance(value, UUID) else str(value) for value in values]
        made = ":".join([self.prefix, *texts])
        if parse(made).press is not self or parse(made).values is None:
            raise ValueError(f"no custom_id of {self.prefix}: {made}")
        return made


CREATE = Press("create", (KIND,), "/{kind} create")
"""A new one's form."""
UNDO = Press("undo", (NUMBER,), "/undo")
"""Take back what the interaction of this number did."""
REDO = Press("redo", (NUMBER,), "/undo")
"""Take back that it was taken back."""

CREATE_AGAIN = Press("create.again", (KIND,), "/{kind} create")
"""The form of a new one, opened again with what was typed."""
BROWSE = Press("browse", (KIND, NUMBER), "/{kind} browse")
"""A page of the list."""
OPEN = Press("open", (KIND,), "/{kind} browse")
"""One of a page, chosen by its id."""
EDIT = Press("edit", (ANY, ID), "/{kind} edit")
"""The dashboard."""
SCREEN = Press("screen", (ANY, ID), "/{kind} edit")
"""Another screen of the dashboard, chosen by its number."""
FORM_OPEN = Press("form.open", (ANY, ID, NUMBER, NUMBER), "/{kind} edit")
"""A form of a screen, both by number."""
FORM = Press("form", (ANY, ID, MARK), "/{kind} edit")
"""A form that was sent: its inputs are called by their fields."""
FORM_AGAIN = Press("form.again", (ANY, ID), "/{kind} edit")
"""The form that was refused, opened again with what was typed."""
SWITCH = Press("switch", (ANY, ID, FIELD, NUMBER), "/{kind} edit")
"""Set a switch to 0 or 1."""
CHOOSE = Press("choose", (ANY, ID, FIELD), "/{kind} edit")
"""Set a field to what was chosen."""
EXPORT = Press("export", (KIND, ID), "/{kind} export")
DELETE = Press("delete", (KIND, ID), "/{kind} delete")
"""Delete it, after what that does was read."""
BACKUP_IN = Press("backup.in", (ID,), "/character import")
"""Bring in a backup that was looked at and is held by this id; BACKUP_MAPPED likewise, with who was who."""
BACKUP_WHO = Press("backup.who", (ID,), "/character import")
"""The form in which somebody says who was who in it."""
BACKUP_MAPPED = Press("backup.mapped", (ID,), "/character import")

REPLY_SHOW = Press("rshow", (NUMBER, ID, ID), "/why")
"""Show this version of the reply to a message by a character."""
REPLY_DROP = Press("rdrop", (NUMBER, ID, ID), "/why")
"""Delete this version."""
REPLY_AGAIN = Press("ragain", (NUMBER, ID), "/why")
REPLY_GO_ON = Press("rgoon", (NUMBER, ID), "/why")
REPLY_DELETE = Press("rdelete", (NUMBER, ID), "/why")
REPLY_WISH = Press("rwish", (NUMBER, ID), "/why")
"""Open the form for a wish; REPLY_WISHED is the form itself, as REPLY_EDITED is that of REPLY_EDIT."""
REPLY_WISHED = Press("rwished", (NUMBER, ID), "/why")
REPLY_EDIT = Press("redit", (NUMBER, ID), "/why")
REPLY_EDITED = Press("redited", (NUMBER, ID), "/why")
REPLY_REPORTED = Press("rreported", (NUMBER, ID, ID), "/why")
"""The form of a report of one version."""
_REPLY = (
    *(REPLY_SHOW, REPLY_DROP, REPLY_AGAIN, REPLY_GO_ON, REPLY_DELETE, REPLY_WISH, REPLY_WISHED, REPLY_EDIT, REPLY_EDITED),
    REPLY_REPORTED,
)
API_KEY = Press("apikey", (), "/settings apikey")
"""The form for one's own key."""
DELETE_ME = Press("me.delete", (), "/me delete")
DELETE_ME_TYPED = Press("me.typed", (), "/me delete")
"""The form in which somebody types that they want their data deleted."""

ALL = (
    *(CREATE, CREATE_AGAIN, BROWSE, OPEN, EDIT, SCREEN, FORM_OPEN, FORM, FORM_AGAIN, SWITCH, CHOOSE, EXPORT, DELETE),
    *(BACKUP_IN, BACKUP_WHO, BACKUP_MAPPED),
    *(UNDO, REDO, API_KEY, DELETE_ME, DELETE_ME_TYPED),
    *_REPLY,
)
"""All there are."""
PRESSES: Mapping[str, Press] = MappingProxyType({press.prefix: press for press in ALL})
"""By prefix."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a custom_id says: `press` None for an unknown prefix, `values` None where they are not of this press's form."""

    press: Press | None
    values: Values | None


def parse(custom_id: str) -> Read:
    """Read a custom_id, which anybody may have made up."""
    prefix, *texts = custom_id.split(":")
    press = PRESSES.get(prefix)
    if press is None or len(custom_id) > LONGEST:
        return Read(None, None)
    if len(texts) != len(press.parts) or not all(part.pattern.fullmatch(text) for part, text in zip(press.parts, texts, strict=True)):
        return Read(press, None)
    return Read(press, tuple(part.read(text) for part, text in zip(press.parts, texts, strict=True)))


def advice(read: Read) -> str:
    """The sentence for a press that cannot be carried out: the command to use instead."""
    if read.press is None:
        return "This button belongs to nothing I know. Use `/character browse` or another command instead."
    kind = next((v for part, v in zip(read.press.parts, read.values or (), strict=False) if part in (KIND, ANY)), next(iter(KINDS)))
    return f"This button cannot be used any more. Use `{read.press.instead.format(kind=kind)}` instead."
