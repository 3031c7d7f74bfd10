"""Providers that fail, never end, or answer with rubbish: what a whole turn comes to."""

import asyncio
import gc
import re
import ssl
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from statistics import pstdev
from uuid import UUID

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine import clock, seed
from engine.config import Settings
from engine.events.turn import TurnCompleted, TurnFailed
from engine.fault import for_user
from tests.chaos.calls.rig import Rig, rig
from tests.chaos.run import Run, percentile
from tests.support.provider.hostile import CUT, EXPECTED, HOSTILE
from tests.support.provider.room import Person
from tests.support.provider.server import Behaviour, FaultServer, Nothing, ProviderRequest, Reply, Status, Stream, chunk, event
from worker.work import Work

CHARACTER = seed.samples()[0].character_id
CALLS = 3
"""The first and two retries."""
LIMIT_S = 120.0
MIB = 1024 * 1024
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+|\w+://|\.invalid")


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a call, and what the turn's end must be called. `how` None: nobody can be reached to behave in any way."""

    name: str
    category: str
    how: Behaviour | None = None


ENOUGH = 20
"""Turns after which pauses that are alike are no chance any more: of four, one run in some hundred finds them so."""
R23: Sequence[Fault] = (
    Fault("500", "server_error", Status(500, "boom")),
    Fault("503", "server_error", Status(503, "no provider", "provider_unavailable")),
    Fault("reset in mid-stream", "network", Stream(CUT, how="reset")),
    Fault("reset before a word", "network", Nothing("reset")),
    Fault("no such host", "network"),
    Fault("certificate nobody signed", "network"),
    Fault("no TLS where TLS is spoken", "network"),
    Fault("nobody listens", "network"),
)


async def r23(run: Run, settings: Settings | None = None) -> None:
    """R23: 5xx, resets, no such host, TLS errors. At most two retries with jitter, then an end with a sentence; nothing hangs."""
    kinds: dict[UUID, Fault] = {}
    seen: list[tuple[Fault, TurnFailed]] = []
    async with rig(settings) as made, FaultServer.running() as provider, _untrusted() as unsigned, _plain() as plain:
        provider.decide = lambda asked: kinds[UUID(asked.call)].how or Nothing()
        await Person(made.log).preset("a/faulty")
        addresses = {"no such host": "http://nowhere.invalid/v1", "certificate nobody signed": unsigned}
        addresses |= {"no TLS where TLS is spoken": plain, "nobody listens": "http://127.0.0.1:9/v1"}
        works = {fault.name: made.work(addresses.get(fault.name, provider.address)) for fault in R23}

        async def one(number: int) -> None:
            fault = R23[number % len(R23)]
            turn = await made.say(Person(made.log, user=5000 + number, channel=5000 + number), f"Number {number}, if you please", CHARACTER)
            kinds[turn] = fault
            end = await made.answered(works[fault.name], turn)
            run.expect(isinstance(end, TurnFailed), f"{fault.name}: the turn {type(end).__name__}")
            seen.extend([(fault, end)] if isinstance(end, TurnFailed) else [])

        async for first in run.each(50):
            await asyncio.gather(*(one(number) for number in range(first, min(first + 50, run.wanted))))
        for fault, end in seen:
            _judge_failure(run, fault, end)
        run.figures["seconds_p95"] = percentile(sorted(end.timing.finished / 1000 for _, end in seen), 95)
        run.figures["seconds_max"] = round(max((end.timing.finished for _, end in seen), default=0.0) / 1000, 1)
        _judge_pauses(run, provider.journal)
        await made.judge(run, LIMIT_S)


def _judge_failure(run: Run, fault: Fault, end: TurnFailed) -> None:
    run.expect(end.category == fault.category, f"{fault.name}: called {end.category}")
    run.llm_calls_max = max(run.llm_calls_max, len(end.calls))
    run.expect(len(end.calls) == CALLS, f"{fault.name}: {len(end.calls)} calls")
    run.expect(end.timing.finished <= LIMIT_S * 1000, f"{fault.name}: took {end.timing.finished / 1000:.1f} s")
    words = for_user(end.category, end.user_message, end.reference, status=end.status, said=end.said)
    run.expect(len(end.user_message) > 20 and not _ADDRESS.search(words), f"{fault.name}: a person reads {words!r}")


def _judge_pauses(run: Run, journal: Sequence[ProviderRequest]) -> None:
    """Between two calls of a turn there is a pause, the second longer on the whole, and no two alike; a few may be so by chance."""
    times: dict[str, list[float]] = {}
    for asked in journal:
        times.setdefault(asked.call, []).append(asked.at)
    gaps = [[later - earlier for earlier, later in pairwise(at)] for at in times.values() if len(at) == CALLS]
    first, second = [gap[0] for gap in gaps], [gap[1] for gap in gaps]
    run.figures["pauses_s"] = [round(sum(part) / max(len(part), 1), 2) for part in (first, second)]
    run.expect(min([*first, *second], default=0.0) >= 0.45, "a retry came without a pause")
    run.expect(len(gaps) > 1, "too few retries to tell how long they waited")
    run.expect(len(gaps) < ENOUGH or (pstdev(first) > 0.05 and pstdev(second) > 0.1), "the pauses have no jitter")


@asynccontextmanager
async def _untrusted() -> AsyncIterator[str]:
    """Address of a server whose certificate nobody vouches for."""
    with tempfile.TemporaryDirectory() as folder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(Path(folder)))

        async def never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(never, "127.0.0.1", 0, ssl=context)
        async with server:
            yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@asynccontextmanager
async def _plain() -> AsyncIterator[str]:
    """An address that says https and means http."""

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def _certificate(folder: Path) -> Path:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), clock.now(), clock.now() + timedelta(days=1))
    signed = made.sign(key, hashes.SHA256())
    path = folder / "both.pem"
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path


def _endless(limit: float) -> Sequence[Stream | Nothing]:
    """Answers that never end, each in another way; in a full run a byte comes every four seconds."""
    drip = [bytes([byte]) for byte in event(chunk("drop"))]
    return (
        Stream(drip, pause=limit / 30, repeat=True),
        Stream([event(chunk("and then "))], pause=limit / 240, repeat=True),
        Stream([b": OPENROUTER PROCESSING\n\n"], pause=limit / 120, repeat=True),
        Stream(CUT, how="hang"),
        Nothing("hang"),
    )


async def r24(run: Run, settings: Settings | None = None) -> None:
    """R24: a byte every four seconds, a text without an end, comments, silence. Cut off at the limit (`--events` seconds) +/- 1 s."""
    limit = float(run.events or LIMIT_S)
    took: list[float] = []
    turns: list[float] = []
    async with rig(settings) as made, FaultServer.running() as provider:
        await Person(made.log).preset("a/endless", "b/never")
        work = made.work(provider.address, generation_seconds=limit)
        endless, given = _endless(limit), dict[str, Behaviour]()
        provider.decide = lambda asked: given[asked.call]

        async def one(number: int) -> None:
            turn = await made.say(Person(made.log, user=6000 + number, channel=6000 + number), "Tell me a very long story", CHARACTER)
            given[str(turn)] = endless[number % len(endless)]
            end = await made.answered(work, turn)
            run.expect(isinstance(end, TurnFailed) and end.category == "timeout", f"{number}: ended as {type(end).__name__}")
            run.expect(isinstance(end, TurnFailed) and len(end.calls) == 1, f"{number}: another call after the time was up")
            if isinstance(end, TurnFailed):
                took.append((end.timing.finished - end.timing.request_sent) / 1000)
                turns.append(end.timing.finished / 1000)

        async for _ in run.each(run.wanted):
            await asyncio.gather(*(one(number) for number in range(run.wanted)))
        off = [round(seconds - limit, 3) for seconds in took]
        run.figures |= {"limit_s": limit, "off_by_s": [min(off, default=None), max(off, default=None)], "at_once": run.wanted}
        run.figures["longest_turn_s"] = round(max(turns, default=0.0), 2)
        run.expect(len(took) == run.wanted and min(off, default=-9.9) >= -1.0, f"cut off {off} s from the limit")
        run.in_time(max(off, default=9.9) <= 1.0, f"cut off {off} s from the limit")
        await _still_answers(run, made, provider, work)
        await made.judge(run, limit + 5.0)


async def _still_answers(run: Run, made: Rig, provider: FaultServer, work: Work) -> None:
    """The connections of the dead are given back."""
    provider.decide = lambda _: Reply("And here we are again.")
    end = await made.answered(work, await made.say(Person(made.log, channel=4), "Still there?", CHARACTER))
    run.expect(isinstance(end, TurnCompleted), "no answer afterwards")


HOSTILE_AT_ONCE = 4
RSS_MIB = 20.0


async def r25(run: Run, settings: Settings | None = None) -> None:
    """R25: HTML, half a JSON, 50 MB, tool calls, depths without end. Each is a bad or empty answer, and memory stays where it was."""
    given: dict[str, Behaviour] = {}
    ends: Counter[str] = Counter()
    async with rig(settings) as made, FaultServer.running() as provider:
        provider.decide = lambda asked: given.get(asked.call) or Reply(f"A good answer to {asked.call}.")
        await Person(made.log).preset("a/hostile")
        work = made.work(provider.address)

        async def one(number: int, body: Behaviour | None) -> None:
            turn = await made.say(Person(made.log, user=7000 + number, channel=7000 + number), "What do you say to that?", CHARACTER)
            if body is not None:
                given[str(turn)] = body
            end = await made.answered(work, turn)
            name = HOSTILE[number % len(HOSTILE)][0] if body is not None else "good"
            ends[end.category if isinstance(end, TurnFailed) else "answered"] += 1
            run.expect((body is None) == isinstance(end, TurnCompleted), f"{name}: {type(end).__name__}")
            run.expect(not isinstance(end, TurnFailed) or end.category in EXPECTED, f"{name}: {getattr(end, 'category', '')}")

        for first in range(0, 40, HOSTILE_AT_ONCE):
            await asyncio.gather(*(one(100_000 + first + n, None) for n in range(HOSTILE_AT_ONCE)))
        async with _peak() as grown:
            async for first in run.each(HOSTILE_AT_ONCE):
                last = min(first + HOSTILE_AT_ONCE, run.wanted)
                await asyncio.gather(*(one(number, HOSTILE[number % len(HOSTILE)][1]) for number in range(first, last)))
        run.figures |= {"rss_mib": round(grown[0], 1), "bodies": len(HOSTILE), "ends": dict(ends)}
        run.expect(grown[0] <= RSS_MIB, f"memory grew by {grown[0]:.1f} MiB")
        await made.judge(run)


@asynccontextmanager
async def _peak() -> AsyncIterator[list[float]]:
    """By how many MiB this process' memory grew at most within the block; the provider that answers lives in it as well."""
    gc.collect()
    process = psutil.Process()
    base, grown = process.memory_info().rss, [0.0]

    async def watch() -> None:
        while True:
            grown[0] = max(grown[0], (process.memory_info().rss - base) / MIB)
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    try:
        yield grown
    finally:
        watching.cancel()
