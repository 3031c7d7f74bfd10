"""What people read when no answer came (B2): the same words in every face, and never in history or a prompt."""

from engine.events.turn import TurnFailed
from engine.fault import for_user


def error_notice(failed: TurnFailed, own_words: str = "") -> str:
    """The notice of a failed turn. `own_words` is the character's own error message; it replaces the friendly text."""
    return for_user(failed.category, failed.user_message, failed.reference, own=own_words, status=failed.status, said=failed.said)


BUSY = "**One moment**\nI cannot write anything down right now. What you said is not lost: I answer as soon as I can."
"""Shown to those who wait while Postgres is away, and taken away again (R09)."""

_NOT_SHOWN = {
    "missing permission": "I am not allowed to write where you asked. Somebody who looks after the server can give me that permission.",
    "channel gone": "The place where you asked is not there any more.",
    "thread closed": "The thread where you asked is closed. Open it again, or ask in another place.",
    "blocked": "A rule of this server does not let it pass.",
    "not authorized": "Discord does not let me in at the moment. Who runs this bot must renew its token.",
    "no answer": "Discord did not answer, however often I tried.",
}


def not_shown(name: str, category: str, status: int | None, reference: str, channel: int | None) -> str:
    """What somebody reads whose answer was made but cannot be shown; `channel` is named where they read it elsewhere."""
    why = _NOT_SHOWN.get(category, "Discord did not take it, in no form.")
    where = f" in <#{channel}>" if channel is not None else ""
    code = category if status is None else f"{category} · HTTP {status}"
    return f"**An answer could not be shown**\n{name} answered you{where}, but: {why}\n||{code} · reference {reference}||"
