"""In whose name commands act, and how they tell what stands against it."""

from collections.abc import Callable
from typing import Any

from engine.actor import operator
from engine.decide.rejected import Rejected
from engine.resources.typed import Wrong
from engine.store import Log
from projections.terminal import NotFound, with_log

OPERATOR = operator(1)
"""The operator as the console knows them, so that it shows what was made here as theirs."""


def carry(work: Callable[[Log], Any]) -> None:
    """Do it, telling what a rule or a field has against it in one sentence."""
    try:
        with_log(work)
    except (Rejected, Wrong) as error:
        raise NotFound(str(error)) from None
