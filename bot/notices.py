"""What people read when no answer came (B2). Pure, and the same in every face; it never reaches history or a prompt."""

import re

from engine.events.turn import TurnFailed
from engine.fault import KINDS, Category

DETAIL = 300
_MARKUP = re.compile(r"[`*_~|>#]")


def error_notice(failed: TurnFailed, own_words: str = "") -> str:
    """Bold category, friendly text, and a spoiler with code, what the provider said, and the reference.

    `own_words` is the character's own error message; it replaces the friendly text.
    """
    friendly = own_words.strip() or failed.user_message.strip()
    return f"**{title(failed.category)}**\n{friendly}\n||{_details(failed)}||"


def title(category: str) -> str:
    """What the category is called; one that this program does not know (any more) is told by its name."""
    try:
        return KINDS[Category(category)].title
    except ValueError:
        return category.replace("_", " ").strip().capitalize() or "Error"


def _details(failed: TurnFailed) -> str:
    code = failed.category if failed.status is None else f"{failed.category} · HTTP {failed.status}"
    said = plain(failed.technical_details)
    parts = [code, *([said] if said else []), f"reference {failed.reference}"]
    return " · ".join(parts)


def plain(text: str) -> str:
    """One line without markup, short enough to stand beside other things."""
    line = " ".join(_MARKUP.sub("", text).split())
    return line if len(line) <= DETAIL else line[: DETAIL - 1] + "…"
