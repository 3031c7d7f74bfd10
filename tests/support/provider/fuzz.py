"""Throws bodies and streams at the client of providers: `python -m tests.support.provider.fuzz 1000000 --seed 7`.

Each is made from good and odd ones by cutting, doubling, swapping, replacing and mixing, arrives in random slices, and must end as an
answer or as a fault with a category, within a second, however it was made. What holds of every end is in `judge`. A long run goes in
by the door that a turn uses (`worker.providers.chat.complete`) with the network left out; `read` is the part of it that is pure.
"""

import argparse
import asyncio
import json
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

import httpx
import psutil

from engine import clock
from engine.decide.spending.spend import Permit, SpendRequest, SpendState, authorize_spend
from engine.decide.spending.turn_model import resolve
from engine.fault import KINDS, Fault
from engine.outside.redact import Redactor
from tests.support.provider import odd, whims
from tests.support.provider.hostile import HOSTILE
from tests.support.provider.server import chunk, event
from worker.providers import errors, refusals
from worker.providers.chat import Endpoint, complete
from worker.providers.collector import Collector, Completion
from worker.providers.encoding import Decoder, Undecodable
from worker.providers.failure import ProviderFailed
from worker.providers.http import Http
from worker.turn.text import drafting, reading
from worker.turn.text.frame import PromptFrame

SLOWEST_S = 1.0
"""Of processor time, so that a busy machine does not count."""
HANGS_S = 5.0
"""Of processor time; then it is interrupted and named."""
GROWTH_MB = 60
"""What the process may grow by after its first `WARM` bodies."""
WARM = 5_000
SMALL = 3_000
"""Bytes of the bodies that most are made from: the large ones are tried as they are, in tests."""
SECRET = "sk-or-v1-0123456789abcdef0123456789abcdef"
_REDACT = Redactor(SECRET)
_FRAME = PromptFrame("Lilith", frozenset({"Bob", "Ada"}), prompt=('<message from="Bob" at="2026-01-01 10:00">\nHello\n</message>',))
SEEDS: Sequence[bytes] = tuple(
    body
    for body in (
        *(*odd.ODD_STREAMS.values(), *odd.ODD_BODIES.values(), *whims.STREAMS.values(), *whims.BODIES.values()),
        *(odd.DEFLATED, *(raw.body for _, raw in HOSTILE)),
    )
    if len(body) <= SMALL
)
_ODD_VALUES: Sequence[object] = (
    *(None, True, -1, 0, 429, 1e308, 2**70, "", "429", "x" * 300, "\x00", "\ud800", SECRET),
    *([], {}, [[]], {"a": {}}),
)
_KEYS = (
    *("choices", "delta", "message", "content", "text", "error", "type", "code", "status", "usage", "model", "finish_reason", "index"),
    *("reasoning", "refusal", "candidates", "parts", "done", "response", "detail", "errors", "retry_after", "metadata", "images", "role"),
)


def document(chance: random.Random, depth: int = 0) -> object:
    """JSON of the vocabulary of answers, with odd values where one expects others."""
    roll = chance.random()
    if depth > 4 or roll < 0.35:
        return chance.choice(_ODD_VALUES)
    if roll < 0.5:
        return [document(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(_KEYS): document(chance, depth + 1) for _ in range(chance.randrange(1, 6))}


def body(chance: random.Random) -> bytes:
    """One body or stream."""
    roll = chance.random()
    if roll < 0.25:
        frames = [json.dumps(document(chance)).encode() for _ in range(chance.randrange(1, 6))]
        made = b"".join(event(frame) for frame in frames) if chance.random() < 0.7 else b"\n".join(frames)
    elif roll < 0.35:
        pieces = [event(chunk(chance.choice(["a", "Hello", SECRET, "\n", "é"]))) for _ in range(chance.randrange(1, 9))]
        made = b"".join(pieces) + chance.choice([b"", odd.STOP, odd.DONE])
    else:
        made = chance.choice(SEEDS)
    for _ in range(chance.randrange(4)):
        made = chance.choice(_MUTATIONS)(made, chance)[: 4 * SMALL]
    return made


def _cut(made: bytes, chance: random.Random) -> bytes:
    return made[: chance.randrange(len(made) + 1)]


def _drop(made: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(made) + 1)
    return made[:start] + made[start + chance.randrange(1, 30) :]


def _insert(made: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(made) + 1)
    what = (b"\x00", b"\n", b"\r", b'"', b"\\", b"data:", b"\xff", b"{", b"]", b"null", b"1e999", b"\\ud800", chance.randbytes(8))
    return made[:start] + chance.choice(what) * chance.choice([1, 1, 1, 2, 50]) + made[start:]


def _double(made: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(made) + 1)
    part = made[start : start + chance.randrange(1, 200)]
    return made[:start] + part * 2 + made[start + len(part) :]


def _mix(made: bytes, chance: random.Random) -> bytes:
    other = chance.choice(SEEDS)
    return made[: chance.randrange(len(made) + 1)] + other[chance.randrange(len(other) + 1) :]


def _flip(made: bytes, chance: random.Random) -> bytes:
    if not made:
        return made
    changed = bytearray(made)
    for _ in range(chance.randrange(1, 6)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


_MUTATIONS: Sequence[Callable[[bytes, random.Random], bytes]] = (_cut, _drop, _insert, _double, _mix, _flip)


def read(made: bytes, chance: random.Random) -> Completion | ProviderFailed:
    """The end of one answer, as worker.providers.chat comes to it, without a network."""
    collector, decoder = Collector(), Decoder(chance.choice(["", "gzip", "deflate"]))
    try:
        at = 0
        while at < len(made) and not collector.done and collector.error is None:
            size = chance.choice([1, 7, 64, len(made)]) if len(made) < 400 else chance.choice([257, 65_536])
            for piece in decoder.feed(made[at : at + size]):
                collector.feed(piece)
            at += size
        for piece in decoder.end():
            collector.feed(piece)
        collector.end()
        return collector.outcome(200, {})
    except ProviderFailed as failure:
        return failure
    except Undecodable:
        return ProviderFailed(errors.of_answer(200, {}, b"undecodable"))


def judge(end: Completion | ProviderFailed, *more: Fault) -> str:
    """What every end, and any other fault, must hold to; returns its kind. Raises AssertionError."""
    if isinstance(end, Completion):
        assert end.text.strip(), "an empty answer was taken for one"
        for text in (end.model, end.finish_reason, end.stop_sequence or ""):
            assert len(text) <= 200, "an unbounded name"
            assert "\x00" not in text, "a NUL in a name"
        (end.text + end.reasoning + end.model).encode()
        assert SECRET not in _REDACT(end.text), "the secret in an answer"
        assert 0 <= end.usage.prompt_tokens <= 10**9, "tokens without measure"
    for fault in (*more, *([end.fault] if isinstance(end, ProviderFailed) else [])):
        assert fault.category in KINDS, "a category nobody knows"
        assert len(fault.provider_message) <= errors.WORDS, "an unbounded message"
        assert fault.retry_after is None or 0 <= fault.retry_after <= 86_400, "a wait without measure"
        assert SECRET not in _REDACT(fault.technical_details + fault.provider_message), "the secret in a fault"
        (fault.provider_message + fault.technical_details).encode()
        refusals.remedy(fault, {"temperature": 1, "stop": [], "seed": 1, "max_tokens": 5})
    return end.fault.category.value if isinstance(end, ProviderFailed) else "answer"


def one(number: int, seed: int) -> str:
    """Make, read and judge one; the same numbers make the same one."""
    chance = random.Random(f"{seed}:{number}")
    made = body(chance)
    return judge(read(made, chance), refused(made, chance))


def refused(made: bytes, chance: random.Random) -> Fault:
    """The fault of a failed answer with this body."""
    return errors.of_answer(chance.choice([400, 401, 404, 429, 500]), {"retry-after": made[:40].decode("latin-1")}, made)


@dataclass(slots=True)
class Wire(httpx.AsyncBaseTransport, httpx.AsyncByteStream):
    """A network that holds the one answer made last."""

    made: bytes = b""
    chance: random.Random = field(default_factory=random.Random)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        del request
        status = self.chance.choice([200] * 8 + [400, 400, 401, 404, 429, 500, 503])
        kind = self.chance.choice(["text/event-stream", "application/json", "text/html", "", "text/plain; charset=utf-16"])
        headers = {"content-type": kind, "content-encoding": self.chance.choice(["", "", "gzip", "deflate", "identity, gzip", "br"])}
        if self.chance.random() < 0.1:
            headers["retry-after"] = self.made[:40].decode("latin-1")
        return httpx.Response(status, headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()], stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at = 0
        while at < len(self.made):
            size = self.chance.choice([1, 7, 64, len(self.made)]) if len(self.made) < 400 else self.chance.choice([257, 65_536])
            yield self.made[at : at + size]
            at += size

    async def aclose(self) -> None:
        """Nothing is held."""


def permit(model: str) -> Permit:
    """One for a model nobody pays for."""
    asked = SpendRequest(user_id=1, guild_id=None, trusted=True, model=resolve(model), now=clock.now())
    found = authorize_spend(asked, SpendState(keyless=True))
    assert isinstance(found, Permit)
    return found


class Door:
    """The provider client as a turn opens it, on a network of its own."""

    def __init__(self) -> None:
        self.wire, self.http, self.permit = Wire(), Http(), permit("fuzz/model")
        self.http._client = httpx.AsyncClient(transport=self.wire, timeout=None, trust_env=False)

    async def one(self, number: int, seed: int) -> str:
        """Make one, ask for it, and judge what came back and what was told meanwhile."""
        chance = random.Random(f"{seed}:{number}")
        self.wire.made, self.wire.chance = body(chance), chance
        end, told = await self._asked()
        for text in told:
            assert SECRET not in text, "the secret in what is shown while it grows"
            text.encode()
        if isinstance(end, Completion):
            reading.read(end.text, _FRAME, end.reasoning).text.encode()
            drafting.growing(end.text, _FRAME).encode()
        return judge(end)

    async def _asked(self) -> tuple[Completion | ProviderFailed, list[str]]:
        told: list[str] = []

        async def heard(text: str) -> None:
            told.append(text)

        request = {"model": "fuzz/model", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
        try:
            endpoint = Endpoint("fuzz", "http://provider.test/v1", SECRET)
            return await complete(self.http, endpoint, self.permit, request, seconds=60, on_text=heard), told
        except ProviderFailed as failure:
            return failure, told


def _hangs(signal_number: int, frame: FrameType | None) -> None:
    raise AssertionError("it hangs")


@dataclass(slots=True)
class Found:
    """What a long run saw."""

    kinds: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    warm: int = 0

    async def take(self, door: Door | None, number: int, seed: int) -> None:
        """One body more, interrupted when it takes too long; without a door only what is pure reads it."""
        began = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, HANGS_S)
        try:
            self.kinds[one(number, seed) if door is None else await door.one(number, seed)] += 1
        except Exception as error:  # whatever it is, it is what is looked for: named with how to see it again
            if self.kinds["BROKEN"] < 20:
                sys.stdout.write(f"{number} of seed {seed}: {type(error).__name__}: {error}\n")
            self.kinds["BROKEN"] += 1
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        self.slowest = max(self.slowest, time.process_time() - began)
        if number == WARM:
            self.warm = _resident()


def _resident() -> int:
    """MB of memory."""
    return int(psutil.Process().memory_info().rss) // 2**20


async def run(count: int, seed: int, seconds: float, first: int = 0, *, pure: bool = False) -> Found:
    """So many, or as many as there is time for."""
    found, door, until = Found(), None if pure else Door(), time.monotonic() + seconds
    before = signal.signal(signal.SIGVTALRM, _hangs)
    for number in range(first, first + count):
        await found.take(door, number, seed)
        await asyncio.sleep(0)  # this network never waits, and what a loop puts away it puts away between two rounds
        if time.monotonic() > until:
            break
        if number % 2_000 == 1_999:
            sys.stdout.write(f"{number + 1} done, {_resident()} MB, {found.kinds['BROKEN']} broken\n")
            sys.stdout.flush()
    signal.signal(signal.SIGVTALRM, before)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first, to go on from there or to see one again")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long, whatever was done")
    parser.add_argument("--pure", action="store_true", help="only what is pure of the client: several times as many a second")
    wanted = parser.parse_args(arguments)
    found = asyncio.run(run(wanted.count, wanted.seed, wanted.seconds, wanted.first, pure=wanted.pure))
    grown = _resident() - found.warm if found.warm else 0
    result = {
        "count": found.kinds.total(),
        "seed": wanted.seed,
        "slowest_ms": round(found.slowest * 1000, 1),
        "rss_mb": _resident(),
        "grown_mb": grown,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "ends": dict(found.kinds.most_common()),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if found.kinds["BROKEN"] or found.slowest > SLOWEST_S or grown > GROWTH_MB else 0


if __name__ == "__main__":
    raise SystemExit(main())
