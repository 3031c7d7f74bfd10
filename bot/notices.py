"""What people read when no answer came (B2): the same words in every face, and never in history or a prompt."""

from engine.events.turn import TurnFailed
from engine.fault import for_user


def error_notice(failed: TurnFailed, own_words: str = "") -> str:
    """The notice of a failed turn. `own_words` is the character's own error message; it replaces the friendly text."""
    return for_user(failed.category, failed.user_message, failed.reference, own=own_words, status=failed.status, said=failed.said)


BUSY = "**One moment**\nI cannot write anything down right now. What you said is not lost: I answer as soon as I can."
"""Shown to those who wait while Postgres is away, and taken away again (R09)."""
