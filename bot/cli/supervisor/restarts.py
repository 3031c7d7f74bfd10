"""Whether a part that ended is started again, and when. Pure."""

from dataclasses import dataclass

from engine import process

QUICK_S = 10.0
TRIES = 5
FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 15.0


@dataclass(frozen=True, slots=True)
class Restart:
    """Start again after `delay` seconds; `quick` quick ends in a row have been seen."""

    delay: float
    quick: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Leave it; `why` completes the sentence "<part> is off: ..."."""

    why: str


def after_end(exit_code: int, worked: float, quick: int) -> Restart | GiveUp:
    """What to do about a part that ended with `exit_code`, `quick` quick ends after one another before.

    `worked` is for how many seconds it had been ready, 0 when it never was: how long it took to start says how busy the machine is.
    Somebody who must correct a setting is not helped by trying again; a part that worked for a while starts afresh at once.
    """
    if exit_code == process.NEEDS_A_PERSON:
        return GiveUp("it cannot start until this is corrected")
    if worked >= QUICK_S:
        return Restart(0.0, 0)
    if quick + 1 >= TRIES:
        return GiveUp(f"it ended {TRIES} times before it had worked for {QUICK_S:.0f} seconds")
    return Restart(min(FIRST_DELAY_S * 2.0**quick, LONGEST_DELAY_S), quick + 1)


def describe(exit_code: int) -> str:
    """An exit code in words: "ended by signal 9", "ended with exit code 1"."""
    return f"ended by signal {-exit_code}" if exit_code < 0 else f"ended with exit code {exit_code}"
