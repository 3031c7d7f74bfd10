"""Throws bodies and streams at the reader of providers' answers: `python -m tests.support.provider.fuzz 1000000 --seed 7`.

Each is made from good and odd ones by cutting, doubling, swapping, replacing and mixing, fed in random slices, and must end as an
answer or as a fault with a category, within a second, however it was made. What holds of every end is in `judge`.
"""

import argparse
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

from engine.fault import KINDS
from engine.outside.redact import Redactor
from tests.support.provider import odd, whims
from tests.support.provider.hostile import HOSTILE
from tests.support.provider.server import chunk, event
from worker.providers import errors, refusals
from worker.providers.collector import Collector, Completion
from worker.providers.encoding import Decoder, Undecodable
from worker.providers.failure import ProviderFailed

SLOWEST_S = 1.0
"""Of processor time, so that a busy machine does not count."""
SMALL = 3_000
"""Bytes of the bodies that most are made from: the large ones are tried as they are, in tests."""
SECRET = "sk-or-v1-0123456789abcdef0123456789abcdef"
_REDACT = Redactor(SECRET)
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


def judge(made: bytes, end: Completion | ProviderFailed, chance: random.Random) -> str:
    """What every end must hold to; returns its kind. Raises AssertionError."""
    if isinstance(end, Completion):
        assert end.text.strip(), "an empty answer was taken for one"
        for text in (end.model, end.finish_reason, end.stop_sequence or ""):
            assert len(text) <= 200, "an unbounded name"
            assert "\x00" not in text, "a NUL in a name"
        (end.text + end.reasoning + end.model).encode()
        assert SECRET not in _REDACT(end.text), "the secret in an answer"
        assert 0 <= end.usage.prompt_tokens <= 10**9, "tokens without measure"
    failed = errors.of_answer(chance.choice([400, 401, 404, 429, 500]), {"retry-after": made[:40].decode("latin-1")}, made)
    for fault in (failed, *([end.fault] if isinstance(end, ProviderFailed) else [])):
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
    return judge(made, read(made, chance), chance)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long, whatever was done")
    wanted = parser.parse_args(arguments)
    kinds: Counter[str] = Counter()
    slowest, until = 0.0, time.monotonic() + wanted.seconds
    for number in range(wanted.count):
        began = time.process_time()
        try:
            kinds[one(number, wanted.seed)] += 1
        except Exception as error:  # whatever it is, it is what is looked for: named with how to see it again
            sys.stdout.write(f"{number} of seed {wanted.seed}: {type(error).__name__}: {error}\n")
            kinds["BROKEN"] += 1
        slowest = max(slowest, time.process_time() - began)
        if time.monotonic() > until:
            break
        if number % 50_000 == 49_999:
            sys.stdout.write(f"{number + 1} done\n")
            sys.stdout.flush()
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    result = {
        "count": kinds.total(),
        "seed": wanted.seed,
        "slowest_ms": round(slowest * 1000, 1),
        "rss_mb": rss,
        "ends": dict(kinds.most_common()),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if kinds["BROKEN"] or slowest > SLOWEST_S else 0


if __name__ == "__main__":
    raise SystemExit(main())
