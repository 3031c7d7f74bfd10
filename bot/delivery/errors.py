"""What can go wrong when a message is to be sent.

TzurotError
├── Refused  the venue said no: nothing was done
├── Unsure   no usable answer: it may have been done or not
├── Busy     the venue asks to wait; nothing was done
└── Later    this process must not or cannot go on now
"""

from engine.errors import TzurotError

UNKNOWN_MESSAGE = 10008
"""Discord's code for a message that is not there."""


class Refused(TzurotError):
    """Discord said no (4xx): nothing was done. `code` is Discord's own."""

    def __init__(self, status: int, code: int, what: str) -> None:
        self.status, self.code = status, code
        super().__init__(f"Discord refused {what}: HTTP {status}, code {code}")


class Unsure(TzurotError):
    """No usable answer (5xx, lost connection, timeout): it may have been done or not."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"Discord did not answer {what}: {why}")


class Busy(TzurotError):
    """Discord asks to wait longer than we hold a request open; nothing was done."""

    def __init__(self, after: float) -> None:
        self.after = after
        super().__init__(f"Discord asks to wait {after:g} s")


class Later(TzurotError):
    """Not now: to be tried again in so many seconds. Does not count as a try."""

    def __init__(self, after: float) -> None:
        self.after = after
        super().__init__(f"to be tried again in {after:g} s")


def category(error: Refused) -> str:
    """What a refusal means, in the words of the log."""
    by_code = {10003: "channel gone", 10015: "channel gone", 50083: "thread closed", 160005: "thread closed"}
    by_status = {401: "not authorized", 403: "missing permission"}
    blocked = "blocked" if error.code in (20009, 200000, 200001, 240000) else ""
    return by_code.get(error.code) or blocked or by_status.get(error.status, "refused")
