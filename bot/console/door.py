"""The one place that judges the console's password, whichever way it came: by the form or by HTTP Basic.

Whoever guesses is stopped for a while: by peer, so that nobody locks out anybody else. When many peers guess at a time strangers
pass one after the other; peers and browsers that have known the password before do not wait with them.
"""

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from bot.console.sessions import LIFETIME, Signer
from engine import clock

TRIES = 5
WINDOW_SECONDS = 60.0
CROWD = 30
"""Wrong passwords of all peers within the window from which on strangers pass one after the other."""
ABREAST, PASS_SECONDS, QUEUE = 2, 1.0, 64
"""So many strangers at a time, each for so long, so many waiting: 120 guesses a minute at most, from however many machines."""
PEERS = 10_000


class Brake:
    """Counts wrong passwords by peer: after TRIES within WINDOW_SECONDS that peer may not try for the rest of it."""

    def __init__(self) -> None:
        self._wrong: dict[str, list[float]] = {}
        self._all: list[float] = []

    def wait(self, now: float, peer: str = "") -> float:
        """Seconds until this peer's next try; 0 for now. Times are of a monotonic clock."""
        recent = [at for at in self._wrong.get(peer, ()) if now - at < WINDOW_SECONDS]
        return recent[-TRIES] + WINDOW_SECONDS - now if len(recent) >= TRIES else 0.0

    def wrong(self, now: float, peer: str = "") -> None:
        """Note a wrong password. What has grown old is forgotten, and the oldest peer where there are too many."""
        kept = [at for at in self._wrong.pop(peer, ()) if now - at < WINDOW_SECONDS]
        self._wrong[peer] = [*kept[1 - TRIES :], now]
        self._all = [*(at for at in self._all[-CROWD:] if now - at < WINDOW_SECONDS), now]
        if len(self._wrong) > PEERS:
            self._wrong.pop(next(iter(self._wrong)))

    def crowded(self, now: float) -> bool:
        """Whether so many were wrong lately that strangers must queue."""
        return sum(now - at < WINDOW_SECONDS for at in self._all) >= CROWD


class Answer(Enum):
    RIGHT = "right"
    WRONG = "wrong"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a try. `seconds`: how long to wait before the next."""

    answer: Answer
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who tries: the peer's address (peer_of), and the browser's device cookie if it sent one."""

    peer: str
    device: str | None = None


NOBODY = Caller("")


@dataclass
class Door:
    """Judges passwords for one console."""

    signer: Signer
    brake: Brake = field(default_factory=Brake)
    _welcome: dict[str, float] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)
    _abreast: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ABREAST))

    async def judge(self, attempt: str, caller: Caller) -> Judged:
        """Judge a password. A wrong one counts against the caller, who is told to wait after TRIES of them."""
        device = self.signer.device(caller.device)
        who = f"device {device}" if device else caller.peer
        if (seconds := self.brake.wait(clock.monotonic(), who)) > 0:
            return Judged(Answer.WAIT, seconds)
        if device or self._welcomed(caller.peer) or not self.brake.crowded(clock.monotonic()):
            return self._compare(attempt, who)
        return await self._in_turn(attempt, who)

    async def _in_turn(self, attempt: str, who: str) -> Judged:
        if who in self._waiting or len(self._waiting) >= QUEUE:
            return Judged(Answer.WAIT, PASS_SECONDS * QUEUE / ABREAST)
        self._waiting.add(who)
        try:
            async with self._abreast:
                await asyncio.sleep(PASS_SECONDS)
                return self._compare(attempt, who)
        finally:
            self._waiting.discard(who)

    def _compare(self, attempt: str, who: str) -> Judged:
        now = clock.monotonic()
        if not self.signer.right(attempt):
            self.brake.wrong(now, who)
            return Judged(Answer.WRONG)
        self._welcome = {peer: until for peer, until in self._welcome.items() if until > now}
        if len(self._welcome) < PEERS:
            self._welcome[who] = now + LIFETIME.total_seconds()
        return Judged(Answer.RIGHT)

    def _welcomed(self, peer: str) -> bool:
        return self._welcome.get(peer, 0.0) > clock.monotonic()


def peer_of(client: str, headers: Mapping[str, str], *, proxied: bool) -> str:
    """The address a request came from; of IPv6 its network, as one person has all of a /64. Pure.

    `proxied`: PUBLIC_URL says that a proxy stands before the console. What it wrote last into X-Forwarded-For then counts, if it
    is near: what a stranger sends straight here proves nothing.
    """
    direct = _address(client)
    if direct is None:
        return client
    if proxied and (direct.is_loopback or direct.is_private):
        direct = _address(headers.get("x-forwarded-for", "").rpartition(",")[2].strip()) or direct
    return str(ipaddress.ip_network((direct, 64), strict=False)) if direct.version == 6 else str(direct)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
