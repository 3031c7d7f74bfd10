"""A command that a rule does not allow."""

from engine.errors import TzurotError


class Rejected(TzurotError):
    """The command was not carried out. `str(rejected)` tells the person why, and what to do instead."""
