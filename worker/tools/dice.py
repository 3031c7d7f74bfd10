"""Throws dice, from a seed that is the turn's: what was thrown is recorded, and a crash throws nothing anew."""

import random
import re

from engine.resources.craft.tools import Throw, Unusable
from worker.tools.using import ToolOutcome, ToolUse

MOST_DICE, MOST_SIDES = 100, 100_000
_DICE = re.compile(r"(\d{0,4})[dD](\d{1,7})(?:([+-])(\d{1,7}))?", re.ASCII)


async def run(using: ToolUse, arguments: Throw) -> ToolOutcome:
    """Each die, and the sum."""
    return ToolOutcome(thrown(arguments.dice, random.Random(using.seed)))


def thrown(dice: str, chance: random.Random) -> str:
    """The result in words. Pure. Raises Unusable."""
    found = _DICE.fullmatch("".join(dice.split()))
    many, sides = (int(found[1] or 1), int(found[2])) if found is not None else (0, 0)
    if found is None or not 1 <= many <= MOST_DICE or not 1 <= sides <= MOST_SIDES:
        raise Unusable(f"Dice are written as 2d6+3, at most {MOST_DICE} of {MOST_SIDES:,} sides.")
    rolls = [chance.randint(1, sides) for _ in range(many)]
    added = int(f"{found[3]}{found[4]}") if found[3] else 0
    more = f" {found[3]} {found[4]}" if found[3] else ""
    return f"{' + '.join(map(str, rolls))}{more} = {sum(rolls) + added}" if many > 1 or added else str(rolls[0])
