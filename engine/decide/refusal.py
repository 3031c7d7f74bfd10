"""A command that a rule does not allow."""

from engine.errors import TzurotError


class Refusal(TzurotError):
    """The command was not carried out. `str(refusal)` tells the person why, and what to do instead."""
