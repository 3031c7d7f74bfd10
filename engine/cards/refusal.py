"""Why a file from outside is not read: one sentence for the person who sent it."""

from engine.errors import TzurotError


class Unreadable(TzurotError):
    """The file is broken, too large, or made to do harm; the message is one plain sentence that says which."""
